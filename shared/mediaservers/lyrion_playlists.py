"""Playlists of a Lyrion Music Server.

Tracks are added by URL, one at a time, to the stored playlist and never through a player, whose queue that would
replace. The server makes a new library entry of a URL it does not know, so only URLs it has just named itself are sent.
A track that is in the playlist already is dropped without a word, a name that is taken makes no new playlist, and
renaming to a taken name deletes the other one: names are looked at first, and what was written is read back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.base import RemotePlaylist
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.edits import plan
from shared.mediaservers.json_answers import Json, text_id
from shared.mediaservers.lyrion_answers import (
    parse_count,
    parse_entries,
    parse_made,
    parse_playlists,
    parse_songs,
    parse_total,
    parse_url,
)
from shared.mediaservers.lyrion_calls import COUNT, LyrionCalls, NoAnswer

MAX_NAME_BYTES = 250
"""A playlist is a file of its name with ``.m3u``, and 255 bytes is what file systems allow."""

R = TypeVar("R")


class LyrionPlaylists:
    """See the module; ``name`` is how the server is called in messages."""

    def __init__(self, calls: LyrionCalls, name: str) -> None:
        self._calls = calls
        self._name = name

    async def listing(self) -> tuple[RemotePlaylist, ...]:
        """All playlists. Whole, or raises."""
        return await self._whole(lambda result, _: parse_playlists(result), ("playlists",))

    async def items(self, remote_id: str) -> tuple[str, ...]:
        """The track ids of a playlist. Raises ``ServerRefused`` (not_found) when it is gone."""
        return tuple(item_id for item_id, _ in await self._entries(remote_id))

    async def _entries(self, remote_id: str) -> tuple[tuple[str, str | None], ...]:
        found = await self._whole(parse_entries, ("playlists", "tracks"), f"playlist_id:{remote_id}", "tags:ux")
        if not found:
            await self._must_be_there(remote_id)
        return found

    async def _whole(
        self, rows_of: Callable[[Json, int], list[R]], command: tuple[str, ...], *options: str
    ) -> tuple[R, ...]:
        """All rows of a list, 1,000 at a time and never from behind its end. ``rows_of`` takes a result and the place
        it was asked for. Raises ``ServerUnavailable`` when the list changes meanwhile."""
        found: list[R] = []
        total = None
        while total is None or len(found) < total:
            result = await self._calls.ask(*command, len(found), COUNT, *options)
            rows, count = rows_of(result, len(found)), parse_count(result)
            if total not in (None, count) or (not rows and len(found) < count):
                raise ServerUnavailable(f"a list of {self._name} changed while it was read")
            found += rows
            total = count
        return tuple(found)

    async def create(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist of these tracks, each once. Raises ``ServerRefused`` when the name is taken."""
        title = fitting_name(name)
        urls = await self._urls(item_ids)
        before = {playlist.remote_id for playlist in await self.listing()}
        made = await self._new(title, before)
        if made is None:
            raise ServerRefused("refused", f"{self._name} has a playlist called {title} already; it was left alone")
        try:
            await self._append(made, urls.values())
            await self._must_hold(made, tuple(urls))
        except BaseException:
            with contextlib.suppress(StarlingError):
                await asyncio.shield(self.delete(made))
            raise
        return made

    async def _new(self, title: str, before: set[str]) -> str | None:
        """The id of a new playlist; None when the name is taken. Asked twice, since the server is silent as well when
        it has been given no folder for playlists."""
        for _ in range(2):
            try:
                return parse_made(await self._calls.order("playlists", "new", f"name:{title}"))
            except NoAnswer:
                await self._clear_away(before, title)
            except StarlingError:
                await self._clear_away(before, title)
                raise
        await self._calls.ask("version", "?")
        raise ServerRefused("refused", f"{self._name} makes no playlist; set a folder for playlists in its settings")

    async def set_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold these tracks, each once. Tracks the server does not know are left out."""
        entries = await self._entries(remote_id)
        current = tuple(item_id for item_id, _ in entries)
        wanted = tuple(dict.fromkeys(item_ids))
        if wanted == current:
            return
        urls = {item_id: url for item_id, url in entries if url}
        urls |= await self._urls([item_id for item_id in wanted if item_id not in urls])
        wanted = tuple(item_id for item_id in wanted if item_id in urls)
        if item_ids and not wanted:
            raise ServerRefused("refused", f"{self._name} knows none of the playlist's {len(item_ids)} tracks any more")
        edit = plan(current, wanted, repeats=False)
        await self._append(remote_id, (urls[item_id] for item_id in edit.append))
        for position in edit.remove:
            await self._edit(remote_id, "delete", f"index:{position}")
        await self._append(remote_id, (urls[item_id] for item_id in edit.append_after))
        await self._must_hold(remote_id, wanted)

    async def rename(self, remote_id: str, name: str) -> None:
        """Raises ``ServerRefused`` when another playlist has that name: the server would delete that one."""
        title = fitting_name(name)
        await self._must_be_there(remote_id)
        target = ("playlists", "rename", f"playlist_id:{remote_id}", f"newname:{title}")
        taken = text_id((await self._calls.ask(*target, "dry_run:1")).get("overwritten_playlist_id"))
        if taken == remote_id:
            return
        if taken is not None:
            raise ServerRefused("refused", f"{self._name} has another playlist called {title}; nothing was renamed")
        await self._calls.order(*target)

    async def delete(self, remote_id: str) -> None:
        """No error when it is gone already."""
        if not await self._is_there(remote_id):
            return
        try:
            await self._calls.order("playlists", "delete", f"playlist_id:{remote_id}")
        except NoAnswer:
            if await self._is_there(remote_id):
                raise

    async def _clear_away(self, before: set[str], title: str) -> None:
        """Delete what a broken-off ``new`` may have made: one playlist more, of that name, with nothing in it."""
        with contextlib.suppress(StarlingError):
            for playlist in await self.listing():
                ours = playlist.remote_id not in before and playlist.name == listed_name(title)
                if ours and not await self.items(playlist.remote_id):
                    await self.delete(playlist.remote_id)

    async def _append(self, remote_id: str, urls: Iterable[str]) -> None:
        for url in urls:
            await self._edit(remote_id, "add", f"url:{url}")

    async def _edit(self, remote_id: str, what: str, where: str) -> None:
        """One change. Never with ``title:``, which would rename the track in the library."""
        try:
            await self._calls.order("playlists", "edit", f"cmd:{what}", f"playlist_id:{remote_id}", where)
        except NoAnswer:
            await self._must_be_there(remote_id)
            raise

    async def _must_hold(self, remote_id: str, wanted: tuple[str, ...]) -> None:
        held = await self.items(remote_id)
        if held == wanted:
            return
        lost = len(set(wanted) - set(held))
        if lost and set(held) < set(wanted):
            raise ServerMisbehaved("incomplete_answer", f"{self._name} did not take {lost} of {len(wanted)} tracks")
        raise ServerUnavailable(f"somebody else changed the playlist on {self._name} at the same time")

    async def _is_there(self, remote_id: str) -> bool:
        return any(playlist.remote_id == remote_id for playlist in await self.listing())

    async def _must_be_there(self, remote_id: str) -> None:
        if not await self._is_there(remote_id):
            raise ServerRefused("not_found", f"the playlist is not on {self._name} (any more)")

    async def _urls(self, item_ids: Sequence[str]) -> dict[str, str]:
        """Track id -> URL, in order, each once, as far as the server knows them now; by the way that needs fewer
        calls, one for each track or the whole list by 1,000."""
        wanted = tuple(dict.fromkeys(item_ids))
        if not wanted:
            return {}
        found: dict[str, str | None] = {}
        total = parse_total(await self._calls.ask("info", "total", "songs", "?"))
        if len(wanted) <= total // COUNT + 1:
            for item_id in wanted:
                result = await self._calls.ask("titles", 0, 1, f"track_id:{item_id}", "tags:ux")
                found |= {text_id(song.get("id")) or "": parse_url(song) for song in parse_songs(result)}
        else:
            async for songs in self._calls.songs("tags:ux"):
                found |= {text_id(song.get("id")) or "": parse_url(song) for song in songs}
        urls = {item_id: found.get(item_id) for item_id in wanted}
        return {item_id: url for item_id, url in urls.items() if url}


def fitting_name(name: str) -> str:
    """``name`` as the server can make a file of it. Raises ``ServerRefused`` when nothing is left."""
    line = clean_text(name) or ""
    title = line.encode()[:MAX_NAME_BYTES].decode(errors="ignore").strip()
    if not listed_name(title):
        raise ServerRefused("refused", "a playlist needs a name with more in it than slashes")
    return title


def listed_name(title: str) -> str:
    """How a name comes back: a slash becomes a space."""
    return clean_text(title.replace("/", " ")) or ""
