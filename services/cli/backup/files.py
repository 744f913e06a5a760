"""The file of an export: written whole or not at all, read twice."""

from __future__ import annotations

import fcntl
import os
import re
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
_DRAFT_SUFFIX = ".part"


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
    was there before stays until then, and drafts of exports that were killed go. Raises ``InvalidInput``,
    ``FileTrouble``."""
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
    """A file beside ``path``, which takes its place in the end. Whoever writes one holds a lock on it, so what nobody
    holds was left by an export that was killed; it goes."""
    _remove_leftovers(path)
    descriptor, draft = _locked_draft(path)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        sync(path.parent)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _locked_draft(path: Path) -> tuple[int, Path]:
    """Made with mode 0600 by ``mkstemp``."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=_draft_prefix(path), suffix=_DRAFT_SUFFIX, dir=path.parent)
        draft = Path(name)
        with suppress(OSError):  # some network drives have no locks; nobody takes a draft for a leftover there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if draft.exists():
            return descriptor, draft
        os.close(descriptor)  # somebody took it for a leftover before it was locked


def _remove_leftovers(path: Path) -> None:
    pattern = re.compile(re.escape(_draft_prefix(path)) + "[a-z0-9_]{8}" + re.escape(_DRAFT_SUFFIX))
    for leftover in path.parent.iterdir():
        if pattern.fullmatch(leftover.name) and leftover.is_file():
            with suppress(OSError):
                _remove_if_free(leftover)


def _remove_if_free(leftover: Path) -> None:
    """Raises ``OSError`` when somebody holds it."""
    descriptor = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        leftover.unlink()
    finally:
        os.close(descriptor)


def _draft_prefix(path: Path) -> str:
    return f".{path.name[:100]}."


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
