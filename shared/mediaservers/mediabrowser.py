"""What Jellyfin and Emby have in common as media servers: both are ``PlaylistServer``s over a ``MediaBrowserApi``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path

from shared.errors import ServerRefused, StarlingError
from shared.events import LibraryTrack
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
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.mediabrowser_answers import (
    Entries,
    other_kind,
    parse_item,
    parse_library,
    parse_played,
    parse_version,
)
from shared.mediaservers.mediabrowser_api import MediaBrowserApi
from shared.mediaservers.mediabrowser_playlists import MediaBrowserPlaylists
from shared.mediaservers.mediabrowser_walk import TrackWalk, read_all
from shared.mediaservers.ranges import no_such_range
from shared.mediaservers.tasting import look_around, taste_some

ASKED_AT_ONCE = 100
_LISTENED = ("IsPlayed", "IsFavorite", "Likes")
"""The servers join several filters with "and", so each is asked for by itself."""


class MediaBrowserServer:
    """See the module; raises what ``PlaylistServer`` says."""

    def __init__(self, config: ServerConfig, api: MediaBrowserApi) -> None:
        self._api = api
        self._client = api.client
        self._server_id = config.server_id
        self._chosen = config.libraries or None
        self._walk = TrackWalk(config.server_id, self._chosen, self._tracks)
        self._playlists = MediaBrowserPlaylists(api)

    @property
    def account(self) -> str:
        """The user name as given, "first administrator" for an API key alone; the same for as long as the settings."""
        return self._client.account

    @property
    def abilities(self) -> Abilities:
        """Private playlists with any name."""
        return Abilities(repeats=self._api.repeats)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """Up to 500 tracks, oldest first; a call that fails raises, the page is never cut short for it."""
        if cursor is None and self._chosen:
            await self._see_libraries(self._chosen)
        return await self._walk.page(cursor)

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """What the listing said already; items from elsewhere are asked for in hundreds."""
        asked = [item.item_id for item in items if item.track is None]
        found: dict[str, LibraryTrack] = {}
        for start in range(0, len(asked), ASKED_AT_ONCE):
            found |= await self._ask_for(asked[start : start + ASKED_AT_ONCE])
        return tuple([item.track or self._known(item, found) for item in items])

    async def local_path(self, item_id: str) -> Path | None:
        """None: the paths a server reports need not be real on this machine."""
        return None

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file as a download; as a static stream where the user may not download."""
        if not self._client.possible(item_id):
            raise ServerRefused("not_found", f"{self._client.name} has no track with this id")
        try:
            return await self._audio(f"Items/{item_id}/Download", {}, byte_range)
        except ServerRefused as error:
            if error.reason != "forbidden":
                raise
            return await self._audio(f"Audio/{item_id}/stream", {"static": "true"}, byte_range)

    async def test(self) -> ServerTest:
        """Log in, list a page, read the beginning of one track; never raises."""
        version, libraries = None, tuple[RemoteLibrary, ...]()
        try:
            info = await self._client.anonymous("System/Info/Public")
            if other := other_kind(info, self._api.kind):
                return ServerTest(
                    False, f"{self._client.name} is {other}, not {self._api.kind}; choose {other} instead"
                )
            version = parse_version(info, self._api.kind)
            libraries = await self.libraries()
            return await self._test(version, libraries)
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), 0, version, libraries)

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The music libraries that the user can see."""
        found = [parse_library(view) for view in (await self._api.views()).items]
        return tuple(library for library in found if library)

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All playlists that the user can see."""
        return await self._playlists.every()

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The ids of a playlist's tracks in order."""
        return await self._playlists.item_ids(remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a private playlist and return its id."""
        return await self._playlists.create(name, item_ids)

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Bring a playlist to hold these tracks; ids that the server does not know are left out by it."""
        await self._playlists.bring(remote_id, item_ids)

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """Give a playlist another name."""
        await self._playlists.rename(remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """Delete a playlist; no error when it is gone already."""
        await self._playlists.delete(remote_id)

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Every track that was played, liked or loved, each once. A rating alone cannot be asked for."""
        told: set[str] = set()
        for wish in _LISTENED:

            async def fetch(start: int, limit: int, wish: str = wish) -> Entries:
                query = {"includeItemTypes": "Audio", "filters": wish, **self._api.listened}
                return await self._api.items("tracks", start, limit, **query)

            async for page in read_all(fetch, "tracks"):
                played = [found for item in page if (found := parse_played(item)) and found.item_id not in told]
                told.update(found.item_id for found in played)
                if played:
                    yield tuple(played)

    async def lyrics(self, item_id: str) -> str | None:
        """The words of a track, None where there are none (or no such track)."""
        try:
            return await self._api.lyrics(item_id) if self._client.possible(item_id) else None
        except ServerRefused as error:
            if error.reason != "not_found":
                raise
            return None

    async def close(self) -> None:
        """End the login and close the connections."""
        await self._client.close()

    async def _tracks(self, library: str | None, start: int, limit: int) -> Entries:
        query = {"includeItemTypes": "Audio", **self._api.described}
        within = {} if library is None else {"parentId": library}
        return await self._api.items("tracks", start, limit, **query, **within)

    async def _see_libraries(self, chosen: tuple[str, ...]) -> None:
        """A library that is gone must not be asked for: the servers then list everything instead."""
        known = {library.library_id for library in await self.libraries()}
        for library_id in chosen:
            if library_id not in known:
                gone = f"library {clean_text(library_id)} is not on {self._client.name} any more"
                raise ServerRefused("not_found", f"{gone}; choose the libraries of this server again")

    async def _ask_for(self, item_ids: Sequence[str]) -> dict[str, LibraryTrack]:
        """Tracks by id; those that the server does not know are missing."""
        known = [item_id for item_id in item_ids if self._client.possible(item_id)]
        if not known:
            return {}
        found = await self._api.items("tracks", 0, len(known), ids=",".join(known), **self._api.described)
        parsed = [parse_item(self._server_id, item) for item in found.items]
        return {item.item_id: item.track for item in parsed if item and item.track}

    def _known(self, item: ListedItem, found: dict[str, LibraryTrack]) -> LibraryTrack:
        if item.item_id not in found:
            raise ServerRefused("not_found", f"{self._client.name} does not know track {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found[item.item_id].model_copy(update=versions)

    async def _audio(self, path: str, query: dict[str, str], byte_range: str | None) -> AudioStream:
        response = await self._client.open(path, query, {"Range": byte_range} if byte_range else {})
        content_range = response.headers.get("Content-Range")
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            response.close()
            return no_such_range(response.content_type, content_range)
        announced = None if "Content-Encoding" in response.headers else response.content_length
        body = self._client.chunks(response, announced)
        return AudioStream(body, announced, response.content_type, response.status, content_range, body.aclose)

    async def _test(self, version: str | None, libraries: tuple[RemoteLibrary, ...]) -> ServerTest:
        page = await look_around(self.list_page)
        if not page.items:
            return ServerTest(False, "the login works, but the server lists no tracks", 0, version, libraries)
        await taste_some(page.items, self._taste)
        more = " or more" if page.next_cursor else ""
        return ServerTest(True, f"found {len(page.items)}{more} tracks", len(page.items), version, libraries)

    async def _taste(self, item: ListedItem) -> None:
        """Read the first bytes of a track."""
        async with await self.open_audio(item.item_id) as stream:
            async for _ in stream.chunks:
                return
        raise ServerRefused("refused", f"{self._client.name} sent an empty file for {item.item_id}")
