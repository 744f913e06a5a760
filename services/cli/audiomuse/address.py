"""Where AudioMuse-AI's database is, without a password among the arguments of a process."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from shared.errors import InvalidInput

VARIABLE = "AUDIOMUSE_DATABASE_URL"


def database_url(argument: str | None, file: Path | None) -> str:
    """The address from a file, from the argument, or from the environment. Raises ``InvalidInput``."""
    if argument is not None and file is not None:
        raise InvalidInput("database", "give the database's address once: as an argument, or in a file")
    if file is not None:
        return _checked(_read(file), str(file))
    if argument is not None:
        if _has_password(_checked(argument, "the argument")):
            raise InvalidInput(
                "database",
                "other users of this machine can read a password in an argument; put the address into a file and name"
                f" it with --database-url-file, or set {VARIABLE}",
            )
        return argument
    if url := os.environ.get(VARIABLE):
        return _checked(url, VARIABLE)
    raise InvalidInput("database", f"say where AudioMuse-AI's database is: set {VARIABLE} or give --database-url-file")


def _read(file: Path) -> str:
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidInput("database", f"{file} cannot be read ({why}); name a file with the address") from error


def _checked(url: str, where: str) -> str:
    if urlsplit(url).scheme not in ("postgresql", "postgres"):
        example = "postgresql://user:password@host:5432/audiomusedb"
        raise InvalidInput("database", f"{where} holds no address of a PostgreSQL database; it looks like {example}")
    return url


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in parse_qs(parts.query)
