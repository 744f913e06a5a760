"""Unfinished files in a private folder, shared by processes that may die.

A part is locked by the process that writes it, for as long as that lives. An unlocked part is a dead writer's and is
removed by whoever comes next.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shared.errors import ConfigurationError

PART = "starling-part-"
_LOCK = ".starling-lock"
_FINISHED = re.compile(r"[0-9a-f]{32}(\.[a-z0-9]{1,8})?")


class Part:
    """A file being written. ``finish`` gives it its name, ``discard`` removes it unless it has one.

    It is made before its file is, and its lock guards the file's number: so a cancelled task can discard it while a
    thread still opens or writes it, and nothing is left open or written to a number that was given away.
    """

    def __init__(self) -> None:
        self.path = Path()
        self.size = 0
        self._handle = -1
        self._discarded = False
        self._lock = threading.Lock()

    def adopt(self, handle: int, path: Path) -> None:
        """Take an open file over."""
        with self._lock:
            self._handle, self.path = handle, path
            if self._discarded:
                self._remove()

    def write(self, chunk: bytes) -> None:
        """Append."""
        view = memoryview(chunk)
        with self._lock:
            while view and self._handle >= 0:
                written = os.pwrite(self._handle, view, self.size)
                self.size += written
                view = view[written:]

    def stretch(self, size: int) -> None:
        """Give the file the length that is reserved for it, without writing."""
        with self._lock:
            if self._handle >= 0:
                os.ftruncate(self._handle, size)

    def finish(self, path: Path) -> Path:
        """Cut to what was written, and appear as ``path`` at once and whole."""
        with self._lock:
            if self._handle >= 0:
                os.ftruncate(self._handle, self.size)
                self.path.rename(path)
                self._close()
        return path

    def discard(self) -> None:
        """Remove the file; does nothing after ``finish``."""
        with self._lock:
            self._discarded = True
            self._remove()

    def _remove(self) -> None:
        if self._handle >= 0:
            self.path.unlink(missing_ok=True)
            self._close()

    def _close(self) -> None:
        os.close(self._handle)
        self._handle = -1


class PrivateFolder:
    """A folder with mode 0700. Only files that have our names are ever counted or removed."""

    def __init__(self, path: Path) -> None:
        """Make the folder. Raises ``ConfigurationError`` when it cannot be made, or is in other use."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = path.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                raise ConfigurationError(f"{path} is not a folder of the user that runs Starling; name another")
            if found.st_mode & 0o077:
                self._make_private()
        except OSError as error:
            raise ConfigurationError(f"the audio folder {path} cannot be used: {error.strerror}") from error

    def _make_private(self) -> None:
        """Only if nothing is in it: somebody else may rely on the mode of a folder in use."""
        if any(self.path.iterdir()):
            raise ConfigurationError(f"{self.path} is open to others; name a folder in it that does not exist yet")
        self.path.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time makes parts, removes dead ones and counts."""
        handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def open_part(self, part: Part, ending: str = "") -> None:
        """An empty locked file with mode 0600 for ``part``. The caller holds ``locked``."""
        handle, name = tempfile.mkstemp(ending, PART, self.path)
        fcntl.flock(handle, fcntl.LOCK_EX)
        part.adopt(handle, Path(name))

    def remove_abandoned(self) -> int:
        """Remove the parts of dead writers; returns how many. The caller holds ``locked``."""
        return sum(_remove_if_abandoned(path) for path in self.path.glob(f"{PART}*"))

    def files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Our files with their length and age, parts included."""
        for path in self.path.iterdir():
            if path.name.startswith(PART) or is_finished(path):
                with suppress(FileNotFoundError):
                    yield path, path.stat()


def is_finished(path: Path) -> bool:
    """True for the names that finished files have: a key and a suffix."""
    return _FINISHED.fullmatch(path.name) is not None


def _remove_if_abandoned(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        path.unlink(missing_ok=True)
        return True
    finally:
        os.close(handle)
