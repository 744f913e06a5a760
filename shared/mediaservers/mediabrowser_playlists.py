"""Playlists on Jellyfin and Emby: ids in hundreds, edits in place, nothing touched that is no playlist."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable, StarlingError, Transient
from shared.mediaservers.base import RemotePlaylist
from shared.mediaservers.edits import Edit, chunked, plan
from shared.mediaservers.mediabrowser_answers import (
    Entries,
    Entry,
    parse_created,
    parse_entry,
    parse_playlist,
)
from shared.mediaservers.mediabrowser_api import PAGE, MediaBrowserApi, read_all

BATCH = 100
"""Ids in one call: they travel in the address."""
FOLDER_BYTES = 200
"""A new playlist becomes a folder named after it; file systems end at 255 bytes, and the servers add some."""
NAME_LETTERS = 255
MAX_ENTRIES = 1_000_000
_READS = 3


class MediaBrowserPlaylists:
    """The playlists of one user."""

    def __init__(self, api: MediaBrowserApi) -> None:
        self._api = api

    async def listing(self) -> tuple[RemotePlaylist, ...]:
        """Every playlist the user can see. The servers ignore a filter by name, so callers match names themselves."""

        async def fetch(start: int, limit: int) -> Entries:
            return await self._api.items("playlists", start, limit, includeItemTypes="Playlist")

        return tuple([parse_playlist(item) async for page in read_all(fetch, "playlists") for item in page])

    async def items(self, playlist_id: str) -> tuple[str, ...]:
        """The items of a playlist in order."""
        return tuple(entry.item_id for entry in await self._entries(playlist_id))

    async def create(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist; what was made of it is deleted if the rest fails, as far as the server can be reached.

        A name too long for a folder is given after the playlist was made.
        """
        batches = list(chunked(self._usable(item_ids), BATCH))
        name = fit_name(name)
        short = fit_bytes(name, FOLDER_BYTES)
        playlist_id = await self._make(short, batches[0] if batches else ())
        try:
            for batch in batches[1:]:
                await self._api.add(playlist_id, batch)
            if short != name:
                await self._api.rename(playlist_id, name)
        except BaseException:
            await self._unmake(playlist_id)
            raise
        return playlist_id

    async def set_items(self, playlist_id: str, item_ids: Sequence[str]) -> None:
        """Bring a playlist to hold ``item_ids``.

        Where an item may not repeat, an entry that a person has doubled shares its id with its double, and removing
        one removes both: then a second look puts back what is missing.
        """
        wanted = self._usable(item_ids)
        for _ in range(2):
            entries = await self._entries(playlist_id)
            edit = plan([entry.item_id for entry in entries], wanted, repeats=self._api.repeats)
            if edit.nothing:
                return
            await self._apply(playlist_id, entries, edit)
            if len({entry.entry_id for entry in entries}) == len(entries):
                return

    async def rename(self, playlist_id: str, name: str) -> None:
        """Give a playlist another name."""
        await self._see_playlist(playlist_id)
        await self._api.rename(playlist_id, fit_name(name))

    async def delete(self, playlist_id: str) -> None:
        """Delete a playlist, not an error when it is gone. The same call would delete the file of a track."""
        try:
            await self._see_playlist(playlist_id)
            await self._api.delete(playlist_id)
        except ServerRefused as error:
            if error.reason != "not_found":
                raise

    async def _apply(self, playlist_id: str, entries: Sequence[Entry], edit: Edit[str]) -> None:
        if edit.remove:
            await self._api.may_remove(playlist_id)
        for batch in chunked(edit.append, BATCH):
            await self._api.add(playlist_id, batch)
        for batch in chunked([entries[position].entry_id for position in edit.remove], BATCH):
            await self._api.remove(playlist_id, batch)
        for batch in chunked(edit.append_after, BATCH):
            await self._api.add(playlist_id, batch)

    async def _entries(self, playlist_id: str) -> list[Entry]:
        """All entries; read again when the list has changed between its pages."""
        self._check(playlist_id)
        for _ in range(_READS):
            entries, total = await self._entries_once(playlist_id)
            if total is None or len(entries) == total:
                return entries
        raise ServerUnavailable(f"{self._api.client.name} named {total} entries of a playlist, listed {len(entries)}")

    async def _entries_once(self, playlist_id: str) -> tuple[list[Entry], int | None]:
        """The entries, and how many the last page promised."""
        entries: list[Entry] = []
        while True:
            page = await self._api.entries(playlist_id, len(entries), PAGE)
            entries += [parse_entry(item) for item in page.items]
            if not page.items or (len(page.items) < PAGE and len(entries) == page.total):
                return entries, page.total
            if len(entries) > MAX_ENTRIES:
                raise ServerMisbehaved("wrong_type", f"{self._api.client.name} lists a playlist without end")

    async def _make(self, name: str, item_ids: Sequence[str]) -> str:
        """The id of a new playlist. When the answer is lost, so that nobody knows whether it was made, look for it."""
        before = {playlist.remote_id for playlist in await self.listing()}
        try:
            return parse_created(await self._api.create(name, item_ids))
        except (Transient, ServerMisbehaved):
            await self._unmake_lost(name, before, set(item_ids))
            raise

    async def _unmake_lost(self, name: str, before: set[str], item_ids: set[str]) -> None:
        """Delete the playlist of this name that came to be just now and holds nothing else than our items."""
        try:
            for playlist in await self.listing():
                if playlist.remote_id in before or playlist.name != name:
                    continue
                if item_ids >= set(await self.items(playlist.remote_id)):
                    await self.delete(playlist.remote_id)
        except StarlingError:
            return

    async def _unmake(self, playlist_id: str) -> None:
        """Delete what was made, with a second try; the failure that led here is the one to be told."""
        for _ in range(2):
            try:
                return await self._api.delete(playlist_id)
            except StarlingError as error:
                if not isinstance(error, Transient):
                    return

    async def _see_playlist(self, playlist_id: str) -> None:
        """Raises ``ServerRefused`` for what is not there, or is something else than a playlist."""
        self._check(playlist_id)
        item = await self._api.item(playlist_id)
        if item.get("Type") != "Playlist":
            raise ServerRefused("refused", f"{self._api.client.name} has something else under the id of this playlist")

    def _usable(self, item_ids: Sequence[str]) -> list[str]:
        """The ids without those that cannot be the server's: one of them would spoil a whole batch."""
        return [item_id for item_id in item_ids if self._api.client.possible(item_id)]

    def _check(self, playlist_id: str) -> None:
        if not self._api.client.possible(playlist_id):
            raise ServerRefused("not_found", f"{self._api.client.name} has no playlist with this id")


def fit_name(name: str) -> str:
    """The name as these servers keep it: without spaces around it, and no longer than others take it."""
    return name[:NAME_LETTERS].strip() or "Playlist"


def fit_bytes(name: str, limit: int) -> str:
    """The beginning of ``name`` that is at most ``limit`` bytes of UTF-8."""
    return name.encode()[:limit].decode("utf-8", "ignore").rstrip()
