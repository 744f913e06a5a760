"""Playlists of a Plex Media Server.

Tracks are added by an address that names the server and up to 100 of them; a place in a playlist has an id of its own,
and that is what is removed. What the server does with tracks it does not know differs, so it is asked first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Protocol

from shared.errors import ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.base import RemotePlaylist
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.edits import chunked, plan
from shared.mediaservers.json_answers import Json
from shared.mediaservers.plex_answers import (
    is_key,
    parse_entries,
    parse_key,
    parse_machine,
    parse_made,
    parse_metadata,
    parse_playlists,
    parse_total,
)

CHUNK = 100
WINDOW = 1000
MAX_NAME = 255
AT_ONCE = 4

Entries = tuple[tuple[str, str], ...]
"""(track, the id of its place in the playlist) in order."""


class Call(Protocol):
    """One request -> its ``MediaContainer``; empty where there is nothing to read."""

    def __call__(
        self, method: str, path: str, query: Mapping[str, str] | None = None, page: tuple[int, int] | None = None
    ) -> Awaitable[Json]: ...


class PlexPlaylists:
    """See the module; ``name`` is how the server is called in messages."""

    def __init__(self, call: Call, name: str) -> None:
        self._call = call
        self._name = name
        self._machine: str | None = None

    async def listing(self) -> tuple[RemotePlaylist, ...]:
        """All playlists of music that the token's user can see. Whole, or raises."""
        found: list[RemotePlaylist] = []
        async for container in pages(self._call, self._name, "playlists", {"playlistType": "audio"}):
            found += parse_playlists(container)
        return tuple(found)

    async def items(self, remote_id: str) -> tuple[str, ...]:
        """The track ids of a playlist. Raises ``ServerRefused`` (not_found) when it is gone."""
        return tuple(item_id for item_id, _ in await self._entries(remote_id))

    async def create(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist of these tracks; ones the server does not know are left out."""
        title = fitting_name(name)
        wanted = await self._without_unknown(item_ids, item_ids)
        before = {playlist.remote_id for playlist in await self.listing()}
        try:
            query = {"type": "audio", "smart": "0", "title": title}
            made = parse_made(await self._call("POST", "playlists", query | await self._address(wanted[:1])))
        except StarlingError:
            await self._clear_away(before, title)
            raise
        try:
            await self._make_hold(made, await self._entries(made), wanted)
        except BaseException:
            with contextlib.suppress(StarlingError):
                await asyncio.shield(self.delete(made))
            raise
        return made

    async def set_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold these tracks; ones the server does not know are left out."""
        entries = await self._entries(remote_id)
        added = plan([item_id for item_id, _ in entries], item_ids).append
        await self._make_hold(remote_id, entries, await self._without_unknown(item_ids, added))

    async def _make_hold(self, remote_id: str, entries: Entries, wanted: tuple[str, ...]) -> None:
        edit = plan([item_id for item_id, _ in entries], wanted)
        if edit.nothing:
            return
        for chunk in chunked(edit.append, CHUNK):
            await self._call("PUT", f"playlists/{remote_id}/items", await self._address(chunk))
        if edit.append and len(edit.remove) == len(entries) and len(await self._entries(remote_id)) <= len(entries):
            raise ServerRefused("refused", f"{self._name} takes none of the playlist's new tracks; the old ones stay")
        for some in chunked([entries[position][1] for position in edit.remove], AT_ONCE):
            await all_of([self._delete(f"playlists/{remote_id}/items/{place}") for place in some])
        if await self.items(remote_id) != wanted:
            raise ServerUnavailable(f"{self._name} did not take all changes, or somebody else changed the playlist too")

    async def rename(self, remote_id: str, name: str) -> None:
        """Raises ``ServerRefused`` (not_found) when it is gone."""
        await self._call("PUT", self._path(remote_id), {"title": fitting_name(name)})

    async def delete(self, remote_id: str) -> None:
        """No error when it is gone already."""
        await self._delete(self._path(remote_id))

    async def _delete(self, path: str) -> None:
        """What is gone already is no error: a broken-off request may have been obeyed, and is sent twice."""
        try:
            await self._call("DELETE", path)
        except ServerRefused as error:
            if error.reason != "not_found":
                raise

    def _path(self, remote_id: str) -> str:
        if not is_key(remote_id):
            raise ServerRefused("not_found", f"the playlist is not on {self._name} (any more)")
        return f"playlists/{remote_id}"

    async def _entries(self, remote_id: str) -> Entries:
        found: list[tuple[str, str]] = []
        async for container in pages(self._call, self._name, f"{self._path(remote_id)}/items", {}):
            found += parse_entries(container)
        return tuple(found)

    async def _without_unknown(self, wanted: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
        """``wanted`` without those of ``asked`` that the server does not know. Raises ``ServerRefused`` when tracks are
        wanted and none is left, since an empty playlist is not what that means."""
        keys = tuple(dict.fromkeys(item_id for item_id in asked if is_key(item_id)))
        known: set[str] = set()
        for chunk in chunked(keys, CHUNK):
            known |= await self._known(chunk)
        unknown = set(asked) - known
        left = tuple(item_id for item_id in wanted if item_id not in unknown)
        if wanted and not left:
            raise ServerRefused("refused", f"{self._name} knows none of the playlist's {len(wanted)} tracks any more")
        return left

    async def _known(self, keys: Sequence[str]) -> set[str]:
        query = {"excludeElements": "Media,Genre,Mood,Style,Similar,Image", "excludeFields": "summary"}
        try:
            container = await self._call("GET", f"library/metadata/{','.join(keys)}", query)
        except ServerRefused as error:
            if error.reason != "not_found":
                raise
            return set()
        return {key for key in map(parse_key, parse_metadata(container)) if key is not None}

    async def _address(self, item_ids: Sequence[str]) -> dict[str, str]:
        """The parameter that names these tracks; none for none."""
        if not item_ids:
            return {}
        if self._machine is None:
            self._machine = parse_machine(await self._call("GET", "identity"))
        path = f"com.plexapp.plugins.library/library/metadata/{','.join(item_ids)}"
        return {"uri": f"server://{self._machine}/{path}"}

    async def _clear_away(self, before: set[str], title: str) -> None:
        """Delete what a broken-off ``create`` may have made: one more playlist of that name, at most one track long."""
        with contextlib.suppress(StarlingError):
            for playlist in await self.listing():
                ours = playlist.remote_id not in before and playlist.name == title
                if ours and len(await self.items(playlist.remote_id)) <= 1:
                    await self.delete(playlist.remote_id)


async def pages(call: Call, name: str, path: str, query: Mapping[str, str]) -> AsyncIterator[Json]:
    """A whole list, 1,000 rows at a time. Raises ``ServerUnavailable`` when it changes meanwhile, or when rows are
    announced that do not come."""
    offset, total, announced = 0, 1, None
    while offset < total:
        container = await call("GET", path, query, (offset, WINDOW))
        rows, said = len(parse_metadata(container)), container.get("totalSize")
        total = parse_total(container, offset, WINDOW)
        if not rows and offset < total:
            raise ServerUnavailable(f"{name} announces {total} rows but lists only {offset}")
        if offset and said not in (None, announced):
            raise ServerUnavailable(f"a list of {name} changed while it was read")
        yield container
        offset, announced = offset + rows, said


async def all_of(calls: Sequence[Awaitable[None]]) -> None:
    """All at once; the first failure is raised when every one of them has ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if result is not None:
            raise result


def fitting_name(name: str) -> str:
    """``name`` in one line of at most 255 characters. Raises ``ServerRefused`` when nothing is left."""
    title = (clean_text(name) or "")[:MAX_NAME].strip()
    if not title:
        raise ServerRefused("refused", "a playlist needs a name")
    return title
