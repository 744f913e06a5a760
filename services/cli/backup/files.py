"""The file of an export: written whole or not at all, read twice."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from shared.errors import InvalidInput, StarlingError

STANDARD = "-"


class FileTrouble(StarlingError):
    """A file cannot be written or read; says which, and why."""


@contextmanager
def written(name: str) -> Iterator[IO[bytes]]:
    """Where an export goes. A file is there under its name, with mode 0600, only after the body has ended well; what
    was there before stays until then. Raises ``InvalidInput``, ``FileTrouble``."""
    try:
        if name == STANDARD:
            if sys.stdout.isatty():
                raise InvalidInput("file", "a terminal cannot show an export; name a file, or send '-' into one")
            with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stream:
                yield stream
        else:
            with _draft(_target(name)) as draft:
                yield draft
    except OSError as error:
        place = "standard output" if name == STANDARD else name
        raise FileTrouble(
            f"cannot write the export to {place} ({error.strerror or error}); there is no export there now that was "
            "not there before. Make room, or name another place"
        ) from error


def _target(name: str) -> Path:
    path = Path(name).expanduser().resolve()
    if path.exists() and not path.is_file():
        raise InvalidInput("file", f"{path} is no ordinary file; name a new file, or one that may be replaced")
    return path


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """A file beside ``path``, which takes its place in the end. ``mkstemp`` gives it mode 0600."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def readable(name: str) -> Iterator[IO[bytes]]:
    """An export to be read more than once: standard input is put aside first. Raises ``FileTrouble``."""
    try:
        file = _put_aside(sys.stdin.buffer) if name == STANDARD else Path(name).expanduser().open("rb")
    except OSError as error:
        place = "standard input" if name == STANDARD else name
        raise FileTrouble(f"cannot read {place} ({error.strerror or error}); name a file that you may read") from error
    with file:
        yield file


def _put_aside(stream: IO[bytes]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    shutil.copyfileobj(stream, file)
    file.seek(0)
    return file
