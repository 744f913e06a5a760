"""Playlists of a folder: ``.m3u8`` files in its directory ``Starling``.

A list of ours is known by the id inside it, its remote id, so it keeps that when its file gets another name. What
others put there is listed under its file's name, and never written. A file is written beside its place and moved there
as a whole. All of this blocks: ``shared.mediaservers.folder`` runs it in threads.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from shared.errors import LibraryUnusable, ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.base import RemotePlaylist
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.folder_walk import usable_root
from shared.mediaservers.m3u import SUFFIX, Line, M3u, entry_of, file_name, item_of, parse_m3u, rename_m3u, write_m3u
from shared.mediaservers.paths import from_item_id, to_item_id

FOLDER = "Starling"
LABEL_BUDGET_S = 10.0
"""How long a list may take to say titles and lengths of its tracks; the rest of them goes without."""
MAX_BYTES = 32 * 1024 * 1024
TEMPORARY_AGE_S = 3600.0
NAME_LIMIT = 500

_Stamp = tuple[int, int, int]
"""Time of the last change, size and inode of a file."""
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


@dataclass(frozen=True, slots=True)
class _File:
    """A list in the directory; ``list_id`` None for one that is not ours."""

    name: str
    list_id: str | None
    content: M3u
    changed_ns: int

    @property
    def remote_id(self) -> str:
        return self.list_id or to_item_id(self.name)

    @property
    def title(self) -> str:
        return self.content.name or clean_text(Path(self.name).stem) or self.name


class FolderPlaylists:
    """See the module; methods as in ``PlaylistServer``. ``label`` says what follows ``#EXTINF:`` for an item."""

    def __init__(self, path: str, label: Callable[[str], str | None]) -> None:
        self._path = path
        self._label = label
        self._lock = threading.Lock()
        self._read: dict[str, tuple[_Stamp, _File]] = {}

    def listing(self) -> tuple[RemotePlaylist, ...]:
        with self._place() as (_, folder):
            files = {file.remote_id: file for file in reversed(self._files(folder))}
        found = [RemotePlaylist(file.remote_id, file.title, len(file.content.entries)) for file in files.values()]
        return tuple(sorted(found, key=lambda playlist: (playlist.name.casefold(), playlist.remote_id)))

    def items(self, remote_id: str) -> tuple[str, ...]:
        """Entries that lead out of the library's folder, or to the network, are no items."""
        with self._place() as (root, folder):
            entries = self._file(folder, remote_id).content.entries
            items = [item_of(entry, root, folder) for entry in entries]
        return tuple(item for item in items if item is not None)

    def create(self, name: str, item_ids: Sequence[str]) -> str:
        """Files that are not there are left out."""
        list_id = secrets.token_hex(16)
        with self._place() as (root, folder):
            lines = self._lines(root, item_ids)
            _make_folder(folder)
            _sweep(folder)
            _put_new(folder, name, lambda chosen: write_m3u(list_id, chosen, name[:NAME_LIMIT], lines))
        return list_id

    def set_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Files that are not there are left out."""
        with self._place() as (root, folder):
            file = self._own(folder, remote_id)
            _put(folder, file.name, write_m3u(remote_id, file.name, file.title, self._lines(root, item_ids)))
            self._forget_others(folder, remote_id, file.name)

    def rename(self, remote_id: str, name: str) -> None:
        """The file gets another name, too."""
        with self._place() as (_, folder):
            file = self._own(folder, remote_id)
            content = (folder / file.name).read_bytes()
            kept = file.name
            if file_name(name, ()) == file_name(file.title, ()):
                _put(folder, kept, rename_m3u(content, kept, name[:NAME_LIMIT]))
            else:
                kept = _put_new(folder, name, lambda chosen: rename_m3u(content, chosen, name[:NAME_LIMIT]))
            self._forget_others(folder, remote_id, kept)

    def delete(self, remote_id: str) -> None:
        with self._place() as (_, folder):
            for file in self._files(folder):
                if file.remote_id == remote_id:
                    _refuse_foreign(file)
                    (folder / file.name).unlink(missing_ok=True)

    @contextmanager
    def _place(self) -> Iterator[tuple[str, Path]]:
        """The root and the directory of lists (which need not be there), for one user at a time."""
        with self._lock:
            root, _ = usable_root(self._path)
            folder = Path(root, FOLDER)
            try:
                yield root, folder
            except OSError as error:
                raise _trouble(folder, error) from None

    def _files(self, folder: Path) -> list[_File]:
        """All lists, the one changed last first. What has not changed is not read again."""
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            entries = []
        found: dict[str, tuple[_Stamp, _File]] = {}
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith((SUFFIX, ".m3u")):
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
                known = self._read.get(entry.name)
                if known is not None and known[0] == stamp:
                    found[entry.name] = known
                elif stat.S_ISREG(status.st_mode) and status.st_size <= MAX_BYTES:
                    found[entry.name] = stamp, _read(Path(entry.path), status.st_mtime_ns)
        self._read = found
        return sorted((file for _, file in found.values()), key=lambda file: (file.changed_ns, file.name), reverse=True)

    def _file(self, folder: Path, remote_id: str) -> _File:
        for file in self._files(folder):
            if file.remote_id == remote_id:
                return file
        raise ServerRefused("not_found", f"the playlist is not in {clean_text(str(folder))} any more")

    def _own(self, folder: Path, remote_id: str) -> _File:
        file = self._file(folder, remote_id)
        _refuse_foreign(file)
        return file

    def _forget_others(self, folder: Path, list_id: str, kept: str) -> None:
        """Remove the old name of a list, and what a renaming that was cut off has left."""
        for file in self._files(folder):
            if file.list_id == list_id and file.name != kept:
                (folder / file.name).unlink(missing_ok=True)

    def _lines(self, root: str, item_ids: Sequence[str]) -> list[Line]:
        until = time.monotonic() + LABEL_BUDGET_S
        abouts: dict[str, str | None] = {}
        lines = []
        for item_id in item_ids:
            entry = entry_of(item_id, root)
            if entry is None or not Path(root, from_item_id(item_id) or "").is_file():
                continue
            if item_id not in abouts and time.monotonic() < until:
                abouts[item_id] = self._about(item_id)
            lines.append(Line(entry, abouts.get(item_id)))
        return lines

    def _about(self, item_id: str) -> str | None:
        try:
            return self._label(item_id)
        except StarlingError:
            return None


def _read(path: Path, changed_ns: int) -> _File:
    content = parse_m3u(path.read_bytes())
    ours = content.mark if content.mark is not None and content.mark[1] == path.name else None
    return _File(path.name, ours[0] if ours else None, content, changed_ns)


def _refuse_foreign(file: _File) -> None:
    if file.list_id is None:
        raise ServerRefused("forbidden", f"{clean_text(file.name)} was not written by Starling, so it stays as it is")


def _make_folder(folder: Path) -> None:
    """Raises ``LibraryUnusable`` for a link: the paths in a list are relative to where it lies."""
    with suppress(FileExistsError):
        folder.mkdir()
    if not stat.S_ISDIR(folder.lstat().st_mode):
        told = f"{clean_text(str(folder))} must be a directory, since playlists are written there"
        raise LibraryUnusable("not_a_folder", told)


def _put_new(folder: Path, name: str, content: Callable[[str], bytes]) -> str:
    """Write a list under a file name that nobody has; returns that. ``content`` is asked with it."""
    taken = {path.name for path in folder.iterdir()}
    while True:
        chosen = file_name(name, taken)
        if _put(folder, chosen, content(chosen), new=True):
            return chosen
        taken.add(chosen)


def _put(folder: Path, name: str, content: bytes, *, new: bool = False) -> bool:
    """Write a file as a whole. ``new``: False is returned, and nothing done, when there is one of that name."""
    temporary, place = folder / f".starling-{secrets.token_hex(8)}.tmp", folder / name
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if new and not _claim(temporary, place):
            return False
        temporary.replace(place)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _claim(temporary: Path, place: Path) -> bool:
    """Give a new file its name unless that is taken. File systems without hard links are asked first instead."""
    try:
        place.hardlink_to(temporary)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return not os.path.lexists(place)
    return True


def _sweep(folder: Path) -> None:
    """Remove what writers that were killed have left."""
    for path in folder.glob(".starling-*.tmp"):
        with suppress(FileNotFoundError):
            if time.time() - path.lstat().st_mtime > TEMPORARY_AGE_S:
                path.unlink()


def _trouble(folder: Path, error: OSError) -> StarlingError:
    """What an operating system error means."""
    told = f"playlists cannot be kept in {clean_text(str(folder))} ({error.strerror})"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return LibraryUnusable("no_permission", f"{told}; let the user that runs Starling write there")
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return LibraryUnusable("not_a_folder", f"{told}; move away what has that name")
    return ServerUnavailable(told)
