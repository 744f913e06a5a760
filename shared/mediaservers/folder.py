"""A folder of audio files as a media server.

- An item's id is its path inside the root (``shared.mediaservers.paths``); size and modification time are its version.
- Links are never followed, so each real file is listed once and loops are harmless; a link out of the root is reported.
- Hidden files and directories are left out; zero-byte files are listed, and end as a named failure later.
- Where tags are missing: the title is the file's name without suffix. If the file names neither artist nor album and
  lies at least two directories deep, as in ``Artist/Album/01 Title.mp3``, these two directories are artist and album
  (``CD 1`` and the like in between are passed over).

Everything that touches the disk runs in the adapter's own threads: a dead network mount holds up nobody else.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar
from uuid import UUID

from shared.errors import BadAudio, InvalidInput, ServerUnavailable, StarlingError
from shared.events import LibraryTrack
from shared.mediaservers.audio import no_such_range, parse_range
from shared.mediaservers.base import (
    Abilities,
    AudioStream,
    ListedItem,
    ListingPage,
    Played,
    RemoteLibrary,
    RemotePlaylist,
    ServerConfig,
    ServerTest,
)
from shared.mediaservers.descriptions import MAX_LYRICS, clean_text, plain_lines
from shared.mediaservers.folder_playlists import NAME_LIMIT, FolderPlaylists
from shared.mediaservers.folder_walk import FolderWalk, raise_if_disk_is_gone, usable_root
from shared.mediaservers.paths import AUDIO_TYPES, from_item_id, suffix_of, to_item_id
from shared.mediaservers.tags import Tags, read_lyrics, read_tags
from shared.mediaservers.tasting import look_around, taste_some
from shared.messages import track_id

THREADS = 4
CHUNK = 256 * 1024
PAGE_TIMEOUT_S = 120.0
FILE_TIMEOUT_S = 60.0

_DISC = re.compile(r"(cd|disc|disk|dis[ck]que|volume|vol)[ ._-]*[0-9]{1,2}", re.IGNORECASE)

R = TypeVar("R")


class FolderServer:
    """See the module; raises what ``PlaylistServer`` says, with reasons of ``LibraryUnusable`` and ``BadAudio``."""

    account = ""
    abilities = Abilities(name_limit=NAME_LIMIT)

    def __init__(self, config: ServerConfig) -> None:
        """Raises ``InvalidInput`` on a path that cannot be one; whether it is there is seen later."""
        path = config.path or ""
        if not path.startswith("/") or "\0" in path:
            raise InvalidInput("path", "give the folder's full path, beginning with /")
        self._path = path
        self._server_id = config.server_id
        self._walk = FolderWalk(path)
        self._playlists = FolderPlaylists(path, self._label)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="folder")
        self._closed = False

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 files, in the order of their paths."""
        return await self._in_thread(self._walk.page, cursor, timeout_s=PAGE_TIMEOUT_S)

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """The tags of these files. Raises only when the whole folder is gone or its disk does not answer."""
        found = await asyncio.gather(
            *(self._in_thread(self._describe, item, timeout_s=PAGE_TIMEOUT_S) for item in items), return_exceptions=True
        )
        failures = [result for result in found if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        return tuple(result for result in found if isinstance(result, LibraryTrack))

    async def local_path(self, item_id: str) -> Path | None:
        """The file's real path. Raises ``BadAudio`` (outside_root, file_missing, not_audio)."""
        return Path(await self._in_thread(self._locate, item_id))

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The file's bytes; a range that is not understood is ignored, as HTTP asks."""
        file = await self._in_thread(self._open, item_id)
        size = os.fstat(file.fileno()).st_size
        content_type = AUDIO_TYPES.get(suffix_of(item_id), "application/octet-stream")
        wanted = parse_range(byte_range, size)
        if wanted is None:
            return self._stream(file, 0, size, content_type)
        if not wanted:
            file.close()
            return no_such_range(content_type, f"bytes */{size}")
        content_range = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        return self._stream(file, wanted.start, len(wanted), content_type, content_range)

    async def test(self) -> ServerTest:
        """Look for a file and read its beginning; never raises."""
        try:
            return await self._test()
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)))
        except OSError as error:
            return ServerTest(False, f"the folder cannot be read: {error.strerror}")

    async def close(self) -> None:
        """Forget the listings and let the threads end."""
        self._closed = True
        self._walk.forget()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """None: a folder is one library."""
        return ()

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """The lists in the directory ``Starling``, those that others put there too."""
        return await self._in_thread(self._playlists.listing)

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The files that a list names, whether they are there or not."""
        return await self._in_thread(self._playlists.items, remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Files that are not there are left out. Raises ``LibraryUnusable`` where nothing may be written."""
        return await self._in_thread(self._playlists.create, name, tuple(item_ids))

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """In one step; files that are not there are left out. A list of somebody else's is refused (forbidden)."""
        await self._in_thread(self._playlists.set_items, remote_id, tuple(item_ids))

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """The file gets another name, the remote id stays. A list of somebody else's is refused (forbidden)."""
        await self._in_thread(self._playlists.rename, remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """No error when it is gone. A list of somebody else's is refused (forbidden)."""
        await self._in_thread(self._playlists.delete, remote_id)

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Nothing: a folder does not know what is played."""
        nothing: tuple[tuple[Played, ...], ...] = ()
        for chunk in nothing:
            yield chunk

    async def lyrics(self, item_id: str) -> str | None:
        """From ``.lrc`` or ``.txt`` beside the file, else from its tags."""
        return await self._in_thread(self._lyrics, item_id)

    async def _test(self) -> ServerTest:
        page = await look_around(self)
        if not page.items:
            why = f" ({page.problems[0]})" if page.problems else ""
            return ServerTest(False, f"no audio files were found in {clean_text(self._path)}{why}")
        return ServerTest(True, await taste_some(self, page), len(page.items))

    async def _in_thread(self, call: Callable[..., R], *arguments: object, timeout_s: float = FILE_TIMEOUT_S) -> R:
        if self._closed:
            raise ServerUnavailable("the folder was closed, because its settings changed")
        work = asyncio.get_running_loop().run_in_executor(self._threads, call, *arguments)
        try:
            return await asyncio.wait_for(work, timeout_s)
        except TimeoutError:
            raise ServerUnavailable(f"the disk of {clean_text(self._path)} does not answer") from None

    def _locate(self, item_id: str) -> str:
        """The real path of an item; what is not an ordinary file inside the root is refused."""
        relative = from_item_id(item_id)
        name = clean_text(item_id)
        if relative is None:
            raise BadAudio("outside_root", f"{name} is not a path inside the library's folder")
        root, _ = usable_root(self._path)
        try:
            path = os.path.realpath(f"{root}/{relative}", strict=True)
            found = os.lstat(path)
        except OSError as error:
            raise _unusable(item_id, error) from None
        if os.path.commonpath((root, path)) != root:
            raise BadAudio("outside_root", f"{name} leads out of the library's folder")
        if not stat.S_ISREG(found.st_mode):
            raise BadAudio("not_audio", f"{name} is not an ordinary file")
        return path

    def _open(self, item_id: str) -> BinaryIO:
        """Open without following a link that has taken the file's place since it was looked at."""
        path = self._locate(item_id)
        try:
            return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
        except OSError as error:
            raise _unusable(item_id, error) from None

    def _lyrics(self, item_id: str) -> str | None:
        for suffix in (".lrc", ".txt"):
            try:
                with self._open(item_id[: -len(suffix_of(item_id)) - 1] + suffix) as file:
                    words = plain_lines(file.read(4 * MAX_LYRICS).decode("utf-8-sig", "replace"))
            except BadAudio:
                continue
            if words:
                return words
        try:
            with self._open(item_id) as file:
                return read_lyrics(file, item_id)
        except BadAudio:
            return None

    def _label(self, item_id: str) -> str | None:
        """What follows ``#EXTINF:`` in a list: seconds (-1 for unknown), artist, title."""
        with self._open(item_id) as file:
            track = describe_file(self._server_id, ListedItem(item_id, "", ""), read_tags(file, item_id), None)
        length = -1 if track.duration_s is None else round(track.duration_s)
        return f"{length},{f'{track.artist} - ' if track.artist else ''}{track.title}"

    def _describe(self, item: ListedItem) -> LibraryTrack:
        try:
            with self._open(item.item_id) as file:
                size = os.fstat(file.fileno()).st_size
                return describe_file(self._server_id, item, read_tags(file, item.item_id), size)
        except BadAudio:
            return describe_file(self._server_id, item, Tags(), None)

    def _stream(
        self, file: BinaryIO, start: int, length: int, content_type: str, content_range: str | None = None
    ) -> AudioStream:
        reader = _FileChunks(self, file, start, length)
        return AudioStream(
            chunks=reader,
            size_bytes=length,
            content_type=content_type,
            status=206 if content_range else 200,
            content_range=content_range,
            on_close=reader.aclose,
        )


@dataclass(slots=True)
class _FileChunks:
    """Part of an open file, chunk by chunk; closes the file at the end."""

    server: FolderServer
    file: BinaryIO
    position: int
    left: int

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            self.file.close()
            raise StopAsyncIteration
        chunk = await self.server._in_thread(self._read)
        if not chunk:
            self.file.close()
            raise ServerUnavailable("the file became shorter while it was read")
        self.position += len(chunk)
        self.left -= len(chunk)
        return chunk

    def _read(self) -> bytes:
        try:
            return os.pread(self.file.fileno(), min(CHUNK, self.left), self.position)
        except OSError as error:
            raise ServerUnavailable(f"the file cannot be read to its end ({error.strerror})") from None

    async def aclose(self) -> None:
        self.file.close()


def _unusable(item_id: str, error: OSError) -> BadAudio:
    """What an operating system error about one file means. Raises ``ServerUnavailable`` when its disk is gone."""
    name = clean_text(item_id)
    raise_if_disk_is_gone(item_id, error)
    if error.errno in (errno.EACCES, errno.EPERM):
        return BadAudio("no_permission", f"{name} may not be read; give the user that runs Starling access")
    if error.errno == errno.ELOOP:
        return BadAudio("outside_root", f"{name} is a link and was not followed")
    return BadAudio("file_missing", f"{name} is no longer there ({error.strerror})")


def describe_file(server_id: UUID, item: ListedItem, tags: Tags, size_bytes: int | None) -> LibraryTrack:
    """Tags where there are any, else what the path says (see the module)."""
    relative = from_item_id(item.item_id) or item.item_id
    *folders, name = relative.split("/")
    suffix = suffix_of(name)
    artist, album = tags.artist or tags.album_artist, tags.album
    if not artist and not album:
        artist, album = artist_and_album(folders)
    return LibraryTrack(
        track_id=track_id(server_id, item.item_id),
        item_id=item.item_id,
        content_version=item.content_version,
        meta_version=item.meta_version,
        title=tags.title or clean_text(name[: -len(suffix) - 1]) or clean_text(name) or to_item_id(name),
        artist=artist,
        album=album,
        album_artist=tags.album_artist,
        genre=tags.genre,
        year=tags.year,
        track_number=tags.track_number,
        disc_number=tags.disc_number,
        duration_s=tags.duration_s,
        size_bytes=size_bytes,
        suffix=suffix or None,
    )


def artist_and_album(folders: list[str]) -> tuple[str | None, str | None]:
    """The last two directories that are no disc numbers, as (artist, album); nothing if there are fewer."""
    named = [folder for folder in folders if not _DISC.fullmatch(folder)]
    if len(named) < 2:
        return None, None
    return clean_text(named[-2]), clean_text(named[-1])
