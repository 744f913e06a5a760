"""A walk through a directory tree in pages, resumable from nothing but the path it had come to.

Within a directory files come first, then subdirectories, both ordered by name. So "everything after this path" is well
defined whatever was added or deleted in between, and a page needs only the listings of the directories on its way.
All of this blocks: ``shared.mediaservers.folder`` runs it in threads.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from shared.errors import InvalidInput, LibraryUnusable, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.paths import from_item_id, is_audio, is_hidden, to_item_id

PAGE = 100
MAX_PAGE_S = 5.0
"""A page ends here even if it is not full: a tree may have thousands of directories without any music."""
MAX_PROBLEMS = 20
CACHED_NAMES = 300_000

_TRY_LATER = frozenset(
    {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EREMOTEIO}
)


class Kind(Enum):
    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Listing:
    """One directory: its audio files and links, its subdirectories, each sorted by name."""

    mtime_ns: int
    files: tuple[str, ...]
    links: frozenset[str]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """``after``: relative path of the last file, or of the directory to begin with (ending in ``/``)."""

    after: str = ""
    root: str = ""
    incomplete: bool = False

    def encode(self) -> str:
        return json.dumps({"after": to_item_id(self.after), "root": self.root, "incomplete": self.incomplete})


def decode_cursor(cursor: str | None) -> Cursor:
    """Raises ``InvalidInput`` on a cursor that this walk has not written."""
    if cursor is None:
        return Cursor()
    try:
        data = json.loads(cursor)
        after, folder = str(data["after"]), ""
        if after.endswith("/"):
            after, folder = after[:-1], "/"
        relative = from_item_id(after)
        if relative is not None:
            return Cursor(relative + folder, str(data["root"]), bool(data["incomplete"]))
    except (ValueError, KeyError, TypeError):
        pass
    raise InvalidInput("cursor", "this is not a place in a walk through a folder; begin a new scan")


def usable_root(path: str) -> tuple[str, str]:
    """The root's real path and its identity (device, inode). Raises ``LibraryUnusable`` or ``ServerUnavailable``."""
    try:
        real = os.path.realpath(path, strict=True)
        found = Path(real).stat()
    except OSError as error:
        raise root_problem(path, error) from None
    if not stat.S_ISDIR(found.st_mode):
        raise LibraryUnusable("not_a_folder", f"{clean_text(path)} is a file; name the folder that holds the music")
    return real, f"{found.st_dev}:{found.st_ino}"


def root_problem(path: str, error: OSError) -> LibraryUnusable | ServerUnavailable:
    """What an operating system error about the root means."""
    name = clean_text(path)
    if error.errno in _TRY_LATER:
        return ServerUnavailable(f"the disk of {name} does not answer ({error.strerror})")
    if error.errno in (errno.EACCES, errno.EPERM):
        return LibraryUnusable("no_permission", f"{name} may not be read; give the user that runs Starling access")
    if error.errno == errno.ENOTDIR:
        return LibraryUnusable("not_a_folder", f"{name} does not lead to a folder")
    return LibraryUnusable("folder_missing", f"{name} is not there ({error.strerror}); is its disk mounted?")


@dataclass(slots=True)
class _Page:
    """What one page has come to."""

    root: str
    deadline: float
    incomplete: bool
    items: list[ListedItem] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def problem(self, relative: str, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(f"{clean_text(relative) or 'the folder'} {text}")

    def lost(self, relative: str, error: OSError) -> None:
        """Something there cannot be listed: say so, and let nothing be removed on account of this walk."""
        self.incomplete = True
        self.problem(relative, f"cannot be read: {error.strerror}")


class FolderWalk:
    """The pages of one tree. Keeps the listings of recent directories, so that 100,000 files in one folder are sorted
    once and not once a page; safe to use from several threads."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._listings: OrderedDict[str, Listing] = OrderedDict()

    def page(self, cursor: str | None) -> ListingPage:
        """The files after ``cursor``. Raises ``LibraryUnusable`` when the root is missing, unreadable or replaced
        since the walk began, ``ServerUnavailable`` when its disk does not answer."""
        place = decode_cursor(cursor)
        if cursor is None:
            self.forget()
        root, identity = usable_root(self._path)
        self._same_root(place.root or identity, identity)
        page = _Page(root, time.monotonic() + MAX_PAGE_S, place.incomplete)
        last = self._fill(page, place.after)
        self._same_root(identity, usable_root(self._path)[1])
        upcoming = None if last is None else replace(place, after=last, root=identity, incomplete=page.incomplete)
        return ListingPage(
            items=tuple(page.items),
            next_cursor=upcoming.encode() if upcoming else None,
            problems=tuple(page.problems),
            incomplete=page.incomplete,
        )

    def forget(self) -> None:
        """Drop the kept listings."""
        with self._lock:
            self._listings.clear()

    def _same_root(self, before: str, now: str) -> None:
        if before != now:
            name = clean_text(self._path)
            raise LibraryUnusable("folder_missing", f"{name} was replaced while it was read; is its disk mounted?")

    def _fill(self, page: _Page, after: str) -> str | None:
        """List until the page is full; returns where to go on, None at the end of the tree."""
        for number, (kind, relative, is_link) in enumerate(self._walk(page, after)):
            if len(page.items) == PAGE or (number and time.monotonic() > page.deadline):
                return after
            if kind is Kind.FOLDER:
                after = relative + "/"
                continue
            if is_link:
                self._look_at_link(page, relative)
            else:
                self._add_file(page, relative)
            after = relative
        return None

    def _add_file(self, page: _Page, relative: str) -> None:
        try:
            found = os.lstat(f"{page.root}/{relative}")
        except OSError as error:
            raise_if_disk_is_gone(relative, error)
            page.lost(relative, error)
            return
        if stat.S_ISREG(found.st_mode):
            version = f"{found.st_size}-{found.st_mtime_ns}"
            page.items.append(ListedItem(to_item_id(relative), version, version))

    def _look_at_link(self, page: _Page, relative: str) -> None:
        """Links are never followed. One to a place inside the root is passed over, for that is listed itself."""
        path = f"{page.root}/{relative}"
        if not is_audio(relative) and not os.path.isdir(path):  # noqa: PTH112 - Path raises where it may not look
            return
        try:
            target = os.path.realpath(path, strict=True)
        except OSError:
            page.problem(relative, "is a link that leads nowhere")
            return
        inside = os.path.relpath(target, page.root)
        if inside.split("/")[0] == "..":
            page.problem(relative, "is a link out of the folder and was not followed")
        elif any(is_hidden(part) for part in inside.split("/") if part != "."):
            page.problem(relative, "is a link to something hidden and was not followed")

    def _walk(self, page: _Page, after: str) -> Iterator[tuple[Kind, str, bool]]:
        """Every file, link and directory after ``after``, in order. A stack of our own: trees may be deep."""
        stack = self._way_to(page, after)
        while stack:
            folder, listing, file_index, folder_index = stack.pop()
            for name in listing.files[file_index:]:
                yield Kind.FILE, join(folder, name), name in listing.links
            if folder_index < len(listing.folders):
                stack.append((folder, listing, len(listing.files), folder_index + 1))
                inner = join(folder, listing.folders[folder_index])
                yield Kind.FOLDER, inner, False
                stack.append((inner, self._listing(page, inner), 0, 0))

    def _way_to(self, page: _Page, after: str) -> list[tuple[str, Listing, int, int]]:
        """The directories from the root to ``after``, each with where to go on in its files and subdirectories."""
        stack = []
        folder = ""
        parts = after.split("/")
        for depth, part in enumerate(parts):
            listing = self._listing(page, folder)
            if depth == len(parts) - 1:
                stack.append((folder, listing, bisect_right(listing.files, part) if part else 0, 0))
                break
            index = bisect_left(listing.folders, part)
            there = index < len(listing.folders) and listing.folders[index] == part
            stack.append((folder, listing, len(listing.files), index + there))
            folder = join(folder, part)
            if not there:
                page.incomplete = True
                page.problem(folder, "vanished while the library was read")
                break
        return stack

    def _listing(self, page: _Page, folder: str) -> Listing:
        """The directory's listing, kept while its modification time stays; empty where it cannot be had."""
        path = f"{page.root}/{folder}" if folder else page.root
        try:
            found = os.lstat(path)
            with self._lock:
                kept = self._listings.get(folder)
                if kept is not None and kept.mtime_ns == found.st_mtime_ns:
                    self._listings.move_to_end(folder)
                    return kept
            listing = read_directory(path, found.st_mtime_ns)
        except OSError as error:
            if not folder:
                raise root_problem(self._path, error) from None
            raise_if_disk_is_gone(folder, error)
            page.lost(folder, error)
            return Listing(0, (), frozenset(), ())
        self._keep(folder, listing)
        return listing

    def _keep(self, folder: str, listing: Listing) -> None:
        with self._lock:
            self._listings[folder] = listing
            names = sum(len(kept.files) + len(kept.folders) for kept in self._listings.values())
            while len(self._listings) > 1 and (names > CACHED_NAMES or len(self._listings) > 64):
                _, dropped = self._listings.popitem(last=False)
                names -= len(dropped.files) + len(dropped.folders)


def read_directory(path: str, mtime_ns: int) -> Listing:
    """Read and sort one directory. Hidden things are left out, links are noted, sockets and the like are ignored."""
    files, links, folders = [], [], []
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with os.scandir(handle) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    continue
                if entry.is_symlink():
                    links.append(entry.name)
                    files.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif is_audio(entry.name):
                    files.append(entry.name)
    finally:
        os.close(handle)
    return Listing(mtime_ns, tuple(sorted(files)), frozenset(links), tuple(sorted(folders)))


def join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def raise_if_disk_is_gone(relative: str, error: OSError) -> None:
    """Raise ``ServerUnavailable`` for an error of the disk or the network behind it, not for one of the file."""
    if error.errno in _TRY_LATER:
        raise ServerUnavailable(f"the disk does not answer at {clean_text(relative)} ({error.strerror})") from None
