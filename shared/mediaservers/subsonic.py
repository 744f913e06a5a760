"""Subsonic and OpenSubsonic servers: Navidrome, LMS, gonic, Ampache, supysonic and the like.

Login and calls are ``shared.mediaservers.subsonic_client``, listing ``subsonic_walk``, playlists
``subsonic_playlists``; audio is always the original file, never a transcoded stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from functools import partial

from shared.errors import ServerRefused
from shared.events import LibraryTrack
from shared.mediaservers import subsonic_listening
from shared.mediaservers.audio import original_audio, range_header
from shared.mediaservers.base import (
    Abilities,
    AudioStream,
    ListingPage,
    Played,
    RemoteLibrary,
    ServerConfig,
)
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.http import Patience
from shared.mediaservers.json_answers import Json
from shared.mediaservers.remote_server import RemoteServer
from shared.mediaservers.subsonic_answers import child, parse_libraries, parse_no_audio, parse_song
from shared.mediaservers.subsonic_client import SubsonicClient
from shared.mediaservers.subsonic_playlists import NAME_LIMIT, SubsonicPlaylists
from shared.mediaservers.subsonic_walk import SubsonicWalk


class SubsonicServer(RemoteServer):
    """See the module; raises what ``PlaylistServer`` says."""

    abilities = Abilities(name_limit=NAME_LIMIT)

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        self._client = SubsonicClient(config, patience)
        super().__init__(config, self._client, SubsonicPlaylists(self._client))
        self._walk = SubsonicWalk(config.server_id, self._client.call, self._chosen)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """About 100 songs; a call that fails raises, the page is never cut short for it."""
        return await self._walk.page(cursor)

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file by ``download``; by ``stream?format=raw`` where the user may not download."""
        try:
            return await self._audio("download", {"id": item_id}, byte_range)
        except ServerRefused as error:
            if error.reason not in {"forbidden", "refused"}:
                raise
            return await self._audio("stream", {"id": item_id, "format": "raw"}, byte_range)

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The music folders; none where the server does not know the question."""
        try:
            return parse_libraries(await self._client.call("getMusicFolders"))
        except ServerRefused as error:
            if error.reason not in {"refused", "not_found"}:
                raise
            return ()

    def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Read from a walk through the chosen libraries."""
        return subsonic_listening.plays(SubsonicWalk(self._server_id, self._client.call, self._chosen))

    async def lyrics(self, item_id: str) -> str | None:
        """By id where the server can, else by artist and title."""
        return await subsonic_listening.lyrics(self._client, item_id)

    async def _introduce(self) -> tuple[str | None, str]:
        return server_version(await self._client.call("ping")), ""

    async def _look_up(self, item_ids: Sequence[str]) -> dict[str, LibraryTrack]:
        found: dict[str, LibraryTrack] = {}
        for item_id in item_ids:
            song = child(await self._client.call("getSong", id=item_id), "song")
            item = parse_song(self._server_id, {**song, "id": item_id}, {})
            if item and item.track:
                found[item_id] = item.track
        return found

    async def _audio(self, method: str, query: dict[str, str], byte_range: str | None) -> AudioStream:
        response, hide = await self._client.open(method, query, range_header(byte_range))
        why_not = partial(parse_no_audio, who=self._name, hide=hide)
        return await original_audio(self._client.http, response, why_not)


def server_version(response: Json) -> str | None:
    """Name and version of the server, as far as it says."""
    parts = (clean_text(response.get("type")), clean_text(response.get("serverVersion")))
    named = " ".join(part for part in parts if part)
    version = clean_text(response.get("version"))
    return named or (f"Subsonic API {version}" if version else None)
