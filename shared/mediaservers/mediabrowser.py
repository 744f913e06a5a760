"""What Jellyfin and Emby have in common as media servers: both are ``PlaylistServer``s over a ``MediaBrowserApi``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from shared.errors import ServerRefused
from shared.events import LibraryTrack
from shared.mediaservers.base import (
    Abilities,
    AudioStream,
    ListingPage,
    Played,
    RemoteLibrary,
    ServerConfig,
)
from shared.mediaservers.edits import chunked
from shared.mediaservers.mediabrowser_answers import (
    Entries,
    other_kind,
    parse_library,
    parse_played,
    parse_row,
    parse_version,
)
from shared.mediaservers.mediabrowser_api import MediaBrowserApi, read_all
from shared.mediaservers.mediabrowser_playlists import MediaBrowserPlaylists
from shared.mediaservers.offset_walk import OffsetWalk, Part, Window, tracks_of
from shared.mediaservers.remote_server import RemoteServer

ASKED_AT_ONCE = 100
_LISTENED = ("IsPlayed", "IsFavorite", "Likes")
"""The servers join several filters with "and", so each is asked for by itself."""


class MediaBrowserServer(RemoteServer):
    """See the module; raises what ``PlaylistServer`` says."""

    def __init__(self, config: ServerConfig, api: MediaBrowserApi) -> None:
        super().__init__(config, api.client, MediaBrowserPlaylists(api))
        self._account = api.client.account
        self.abilities = Abilities(repeats=api.repeats)
        self._api = api
        self._client = api.client
        self._walk = OffsetWalk(self._parts, self._window)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 tracks, oldest first, one library after the other."""
        return await self._walk.page(cursor)

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file as a download; as a static stream where the user may not download."""
        if not self._client.possible(item_id):
            raise ServerRefused("not_found", f"{self._name} has no track with this id")
        try:
            return await self._client.open(f"Items/{item_id}/Download", {}, byte_range)
        except ServerRefused as error:
            if error.reason != "forbidden":
                raise
            return await self._client.open(f"Audio/{item_id}/stream", {"static": "true"}, byte_range)

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The music libraries that the user can see."""
        found = [parse_library(view) for view in (await self._api.views()).items]
        return tuple(library for library in found if library)

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

    async def _parts(self) -> tuple[Part, ...]:
        """Each chosen library, or everything at once."""
        if self._chosen is None:
            return (Part(""),)
        await self._known(self._chosen)
        return tuple(map(Part, self._chosen))

    async def _window(self, library: str, offset: int, count: int) -> Window:
        """Totals may be wrong, and pages shorter than asked for: more may follow until a short page ends exactly where
        the server says, or nothing comes."""
        query = {"includeItemTypes": "Audio", **self._api.described}
        found = await self._api.items("tracks", offset, count, **query, **({"parentId": library} if library else {}))
        ended = len(found.items) < count and offset + len(found.items) == found.total
        rows = tuple(parse_row(self._server_id, item) for item in found.items)
        return Window(rows, found.total, more=bool(rows) and not ended)

    async def _introduce(self) -> tuple[str | None, str]:
        info, kind = await self._client.anonymous("System/Info/Public"), self._api.kind
        if other := other_kind(info, kind):
            raise ServerRefused("refused", f"{self._name} is {other}, not {kind}; choose {other} instead")
        return parse_version(info, kind), ""

    async def _look_up(self, item_ids: Sequence[str]) -> dict[str, LibraryTrack]:
        """In hundreds: the ids travel in the address."""
        found: dict[str, LibraryTrack] = {}
        for ids in chunked([item_id for item_id in item_ids if self._client.possible(item_id)], ASKED_AT_ONCE):
            answer = await self._api.items("tracks", 0, len(ids), ids=",".join(ids), **self._api.described)
            found |= tracks_of(parse_row(self._server_id, item) for item in answer.items)
        return found
