"""A walk through a Subsonic library in pages, with everything it needs to go on in its cursor.

Subsonic pages by offset, and a list that changes while it is read shifts under the reader. So each page is asked for
from one entry before its place, and that entry, the anchor, must be the one that ended the page before. If the list has
shifted the walk finds its place again, lists some tracks twice rather than leave one out, and calls itself incomplete.

Two ways lead through a library. ``songs``: ``search3`` with an empty query lists everything on OpenSubsonic servers,
songs without an album too; it is taken only if a try shows that it pages and reaches as many songs as the albums have.
``albums``: every album by name, then its songs, works everywhere.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Literal, Protocol
from uuid import UUID

from shared.errors import InvalidInput, LibraryUnusable, ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.json_answers import Json
from shared.mediaservers.subsonic_answers import (
    parse_album_songs,
    parse_albums,
    parse_id,
    parse_libraries,
    parse_search,
    parse_song,
    song_count,
)

PAGE = 100
FULL_PAGE = 2 * PAGE
"""An album is split between pages only when it would make a page larger than this."""
MAX_STEPS_BACK = 10
COUNT_PAGE = 500
MAX_PROBLEMS = 20


class Call(Protocol):
    """One Subsonic method -> its ``subsonic-response``."""

    def __call__(self, method: str, /, **query: str | int) -> Awaitable[Json]: ...


@dataclass(frozen=True, slots=True)
class Cursor:
    """``offset`` into the list of songs or albums, ``anchor`` the id just before it. Within an album: its id, how many
    of its songs are done, and the last of them. ``library``: which of the chosen ones, None where none are chosen."""

    way: Literal["songs", "albums"]
    offset: int = 0
    anchor: str | None = None
    album: str | None = None
    done: int = 0
    last_song: str | None = None
    steps_back: int = 0
    incomplete: bool = False
    library: str | None = None

    def encode(self) -> str:
        return json.dumps(asdict(self))


def decode_cursor(cursor: str) -> Cursor:
    """Raises ``InvalidInput`` on a cursor that this walk has not written."""
    try:
        place = Cursor(**json.loads(cursor))
        if place.way in ("songs", "albums") and min(place.offset, place.done) >= 0:
            return place
    except (ValueError, TypeError):
        pass
    raise InvalidInput("cursor", "this is not a place in a walk through a Subsonic library; begin a new scan")


class SubsonicWalk:
    """The pages of one library. Keeps the album it is in the middle of, for albums of thousands of songs."""

    def __init__(self, server_id: UUID, call: Call, libraries: tuple[str, ...] | None = None) -> None:
        """``libraries``: the music folders to walk, one after the other; None or empty for all at once."""
        self._server_id = server_id
        self._call = call
        self._libraries = libraries or ()
        self._album: tuple[str, Json, list[Json]] | None = None

    async def page(self, cursor: str | None) -> ListingPage:
        """The songs after ``cursor``. Raises what the calls raise; never returns less because one failed."""
        page, upcoming, incomplete = await self._fill(cursor)
        return ListingPage(
            items=tuple(page.items),
            next_cursor=upcoming.encode() if upcoming else None,
            problems=tuple(page.problems),
            incomplete=incomplete,
        )

    async def songs(self, cursor: str | None) -> tuple[list[Json], str | None]:
        """The songs of a page as the server describes them, and the next cursor; else like ``page``."""
        page, upcoming, _ = await self._fill(cursor)
        return page.songs, upcoming.encode() if upcoming else None

    async def _fill(self, cursor: str | None) -> tuple[_Page, Cursor | None, bool]:
        """A page, where the next begins, and whether anything may be missing up to here."""
        if cursor is None:
            self._album = None
            place = await self._begin()
        else:
            place = decode_cursor(cursor)
        page = _Page(self._server_id)
        upcoming = await (self._songs(page, place) if place.way == "songs" else self._albums(page, place))
        incomplete = page.incomplete or (upcoming or place).incomplete
        upcoming = upcoming or self._next_library(place)
        return page, replace(upcoming, incomplete=incomplete) if upcoming else None, incomplete

    async def _begin(self) -> Cursor:
        """The beginning of the first library. Raises ``LibraryUnusable`` when a chosen one is gone: some servers list
        everything when asked for a folder they do not know."""
        if self._libraries:
            there = {library.library_id for library in parse_libraries(await self._call("getMusicFolders"))}
            for library in self._libraries:
                if library not in there:
                    told = f"the chosen library {clean_text(library)} is not on the server any more; choose again"
                    raise LibraryUnusable("folder_missing", told)
        first = self._libraries[0] if self._libraries else None
        return Cursor("songs" if await self._search_lists_everything(first) else "albums", library=first)

    def _next_library(self, place: Cursor) -> Cursor | None:
        """The beginning of the library after that of ``place``."""
        if place.library not in self._libraries[:-1]:
            return None
        return Cursor(place.way, library=self._libraries[self._libraries.index(place.library) + 1])

    async def _search_lists_everything(self, library: str | None) -> bool:
        if (await self._call("ping")).get("openSubsonic") is not True:
            return False
        try:
            first = await self._list_songs(library, 0, 2)
            second = await self._list_songs(library, 1, 1)
            if not first or [parse_id(song) for song in second] != [parse_id(song) for song in first[1:2]]:
                return False
            total = await self._count_songs(library)
            return total == 0 or len(await self._list_songs(library, total - 1, 1)) == 1
        except (ServerRefused, ServerMisbehaved):
            return False

    async def _count_songs(self, library: str | None) -> int:
        """How many songs the albums say they have."""
        total = offset = 0
        while albums := await self._list_albums(library, offset, COUNT_PAGE):
            total += sum(song_count(album) or 0 for album in albums)
            offset += len(albums)
        return total

    async def _list_songs(self, library: str | None, offset: int, count: int) -> list[Json]:
        only = {} if library is None else {"musicFolderId": library}
        counts = {"artistCount": 0, "albumCount": 0, "songCount": count, "songOffset": offset}
        return parse_search(await self._call("search3", query="", **counts, **only))

    async def _list_albums(self, library: str | None, offset: int, count: int) -> list[Json]:
        only = {} if library is None else {"musicFolderId": library}
        return parse_albums(
            await self._call("getAlbumList2", type="alphabeticalByName", size=count, offset=offset, **only)
        )

    async def _songs(self, page: _Page, place: Cursor) -> Cursor | None:
        place, songs = await read_on(partial(self._list_songs, place.library), place)
        if not songs:
            page.incomplete |= place.incomplete
            return None
        for song in songs:
            page.add(song, {})
        return replace(place, offset=place.offset + len(songs), anchor=parse_id(songs[-1]))

    async def _albums(self, page: _Page, place: Cursor) -> Cursor | None:
        """Whole albums until the page is full; the last one in part if it is very long."""
        place, albums = await read_on(partial(self._list_albums, place.library), place)
        if place.album and (not albums or parse_id(albums[0]) != place.album):
            place = replace(place, album=None, done=0, last_song=None, incomplete=True)
        if not albums:
            page.incomplete |= place.incomplete
            return None
        position = 0
        while position < len(albums) and len(page.items) < PAGE:
            batch = enough(albums[position:], PAGE - len(page.items))
            contents = await together([self._open_album(page, album) for album in batch])
            for album, (details, songs) in zip(batch, contents, strict=True):
                place = self._add_album(page, place, (parse_id(album) or "", details, songs))
                if place.album is not None:
                    return place
                position += 1
                if len(page.items) >= PAGE:
                    break
        return place

    async def _open_album(self, page: _Page, album: Json) -> tuple[Json, list[Json]]:
        """An album's songs; one that vanished since it was listed has none."""
        album_id = parse_id(album) or ""
        if self._album is not None and self._album[0] == album_id:
            return self._album[1:]
        try:
            details, songs = parse_album_songs(await self._call("getAlbum", id=album_id))
        except ServerRefused as error:
            if error.reason != "not_found":
                raise
            page.problem(f"album {clean_text(album.get('name'))} is listed but not there", incomplete=True)
            return {}, []
        promised = song_count(album)
        if promised is not None and len(songs) < promised:
            name = clean_text(album.get("name"))
            page.problem(f"album {name} shows {len(songs)} of its {promised} songs", incomplete=True)
        return {**album, **details}, songs

    def _add_album(self, page: _Page, place: Cursor, opened: tuple[str, Json, list[Json]]) -> Cursor:
        """Add what is left of an album, or as much of it as a page holds; returns where to go on."""
        album_id, details, songs = opened
        done = place.done if place.album == album_id else 0
        if done and (len(songs) < done or parse_id(songs[done - 1]) != place.last_song):
            done, place = 0, replace(place, incomplete=True)
        room = FULL_PAGE - len(page.items)
        for song in songs[done : done + room]:
            page.add(song, details)
        done += room
        if done < len(songs):
            self._album = opened
            return replace(place, album=album_id, done=done, last_song=parse_id(songs[done - 1]))
        self._album = None
        return replace(place, offset=place.offset + 1, anchor=album_id, album=None, done=0, last_song=None)


class _Page:
    """What one page has come to."""

    def __init__(self, server_id: UUID) -> None:
        self._server_id = server_id
        self.items: list[ListedItem] = []
        self.songs: list[Json] = []
        self.problems: list[str] = []
        self.incomplete = False

    def add(self, song: Json, album: Json) -> None:
        """Videos are no music; a song without an id cannot be fetched."""
        if song.get("isVideo") is True:
            return
        item = parse_song(self._server_id, song, album)
        if item is None:
            self.problem(f"{clean_text(song.get('title')) or 'a song'} has no usable id", incomplete=True)
        else:
            self.items.append(item)
            self.songs.append(song)

    def problem(self, text: str, *, incomplete: bool) -> None:
        self.incomplete |= incomplete
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)


async def read_on(
    fetch: Callable[[int, int], Awaitable[list[Json]]], place: Cursor, size: int = PAGE
) -> tuple[Cursor, list[Json]]:
    """The entries after ``place`` (none at the end of the list), and where the first of them was found.

    A short page is no end: servers may have limits of their own. Raises ``ServerUnavailable`` when the place was lost
    too often.
    """
    while True:
        if place.anchor is None:
            return place, (await fetch(place.offset, size))[:size]
        start = max(0, place.offset - 1)
        entries = await fetch(start, size + 1)
        ids = [parse_id(entry) for entry in entries]
        if place.anchor in ids:
            found = ids.index(place.anchor)
            if found:
                place = replace(place, incomplete=True)
            rest = entries[found + 1 :][:size]
            if rest or not found:
                return replace(place, offset=start + found + 1), rest
            place = replace(place, offset=start + found + 1, steps_back=place.steps_back + 1)
        else:
            back = max(0, place.offset - size)
            place = replace(place, offset=back, anchor=None, incomplete=True, steps_back=place.steps_back + 1)
        if place.steps_back > MAX_STEPS_BACK:
            raise ServerUnavailable("the server's list keeps changing while it is read; try again after its own scan")


def enough(albums: list[Json], wanted: int) -> list[Json]:
    """As many albums as should hold ``wanted`` songs by their own count, at least one."""
    total = 0
    for number, album in enumerate(albums, 1):
        total += song_count(album) or 1
        if total >= wanted:
            return albums[:number]
    return albums


async def together(opened: list[Awaitable[tuple[Json, list[Json]]]]) -> list[tuple[Json, list[Json]]]:
    """All results in order; the first failure ends the others, and is raised as itself."""
    tasks = [asyncio.ensure_future(one) for one in opened]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
