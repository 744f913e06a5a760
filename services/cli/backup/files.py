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

from shared.durable import sync
from shared.errors import InvalidInput, StarlingError

STANDARD = "-"


class FileTrouble(StarlingError):
    """A file cannot be written or read; says which, and why."""


class Draft:
    """A file that is being written; ``size`` is what was written so far, in bytes."""

    def __init__(self, file: IO[bytes], place: str) -> None:
        self.size = 0
        self._file = file
        self._place = place

    def write(self, data: bytes) -> None:
        """Raises ``FileTrouble``: between two databases, a plain ``OSError`` would be taken for one of theirs."""
        with _told(self._place):
            self._file.write(data)
        self.size += len(data)


@contextmanager
def _told(place: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileTrouble(
            f"cannot write the export to {place} ({error.strerror or error}); what was there before is still there. "
            "Make room, or name another place"
        ) from error


@contextmanager
def written(name: str) -> Iterator[Draft]:
    """Where an export goes. A file is there under its name, with mode 0600, only after the body has ended well; what
    was there before stays until then. Raises ``InvalidInput``, ``FileTrouble``."""
    if name == STANDARD:
        if sys.stdout.isatty():
            raise InvalidInput("file", "a terminal cannot show an export; name a file, or send '-' into one")
        with _told("standard output"), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as stream:
            yield Draft(stream, "standard output")
    else:
        with _told(name), _draft(_target(name)) as file:
            yield Draft(file, name)


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
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise


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
