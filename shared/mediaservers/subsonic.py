"""Subsonic and OpenSubsonic servers: Navidrome, LMS, gonic, Ampache, supysonic and the like.

Login and calls are ``shared.mediaservers.subsonic_client``, listing ``subsonic_walk``, playlists
``subsonic_playlists``; audio is always the original file, never a transcoded stream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from pathlib import Path

import aiohttp

from shared.errors import ServerRefused, StarlingError
from shared.events import LibraryTrack
from shared.mediaservers import subsonic_listening
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
from shared.mediaservers.http import MAX_ERROR_ANSWER, Answer, Patience
from shared.mediaservers.ranges import no_such_range
from shared.mediaservers.subsonic_answers import Json, child, parse_libraries, parse_no_audio, parse_song
from shared.mediaservers.subsonic_client import SubsonicClient
from shared.mediaservers.subsonic_playlists import NAME_LIMIT, SubsonicPlaylists
from shared.mediaservers.subsonic_walk import SubsonicWalk
from shared.mediaservers.tasting import look_around, taste_some

_TEXT_TYPES = ("application/json", "application/xml", "text/")


class SubsonicServer:
    """See the module; raises what ``PlaylistServer`` says."""

    abilities = Abilities(name_limit=NAME_LIMIT)

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        self._client = SubsonicClient(config, patience)
        self._server_id = config.server_id
        self._chosen = config.libraries
        self._walk = SubsonicWalk(config.server_id, self._client.call, self._chosen)
        self._playlists = SubsonicPlaylists(self._client)

    @property
    def account(self) -> str:
        """The user name; empty where an API key alone says who it is."""
        return self._client.account

    async def list_page(self, cursor: str | None) -> ListingPage:
        """About 100 songs; a call that fails raises, the page is never cut short for it."""
        return await self._walk.page(cursor)

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """What the listing said already; items from elsewhere are asked for one by one."""
        return tuple([item.track or await self._ask_for(item) for item in items])

    async def local_path(self, item_id: str) -> Path | None:
        """None: the paths a server reports need not be real, nor on this machine."""
        return None

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file by ``download``; by ``stream?format=raw`` where the user may not download."""
        try:
            return await self._audio("download", {"id": item_id}, byte_range)
        except ServerRefused as error:
            if error.reason not in {"forbidden", "refused"}:
                raise
            return await self._audio("stream", {"id": item_id, "format": "raw"}, byte_range)

    async def test(self) -> ServerTest:
        """Log in, list a page, read the beginning of one song; never raises."""
        version = None
        try:
            version = server_version(await self._client.call("ping"))
            return await self._test(version)
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), server_version=version)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The music folders; none where the server does not know the question."""
        try:
            return parse_libraries(await self._client.call("getMusicFolders"))
        except ServerRefused as error:
            if error.reason not in {"refused", "not_found"}:
                raise
            return ()

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All that the login can see, with their owners."""
        return await self._playlists.listing()

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The songs of a playlist."""
        return await self._playlists.items(remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """It is filled under another name and gets its own when it is whole; unknown songs are left out."""
        return await self._playlists.create(name, item_ids)

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """In one request where the ids fit in it; unknown songs are left out."""
        await self._playlists.set(remote_id, item_ids)

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """At most 255 characters are kept."""
        await self._playlists.rename(remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """No error when it is gone."""
        await self._playlists.delete(remote_id)

    def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Read from a walk through the chosen libraries."""
        return subsonic_listening.plays(SubsonicWalk(self._server_id, self._client.call, self._chosen))

    async def lyrics(self, item_id: str) -> str | None:
        """By id where the server can, else by artist and title."""
        return await subsonic_listening.lyrics(self._client, item_id)

    async def _test(self, version: str | None) -> ServerTest:
        libraries = await self.libraries()
        page = await look_around(self.list_page)
        if not page.items:
            told = "the login works, but the server lists no songs"
            return ServerTest(False, told, server_version=version, libraries=libraries)
        await taste_some(page.items, self._taste)
        more = " or more" if page.next_cursor else ""
        return ServerTest(True, f"found {len(page.items)}{more} songs", len(page.items), version, libraries)

    async def _taste(self, item: ListedItem) -> None:
        """Read the first bytes of a song."""
        async with await self.open_audio(item.item_id) as stream:
            async for _ in stream.chunks:
                return
        raise ServerRefused("refused", f"{self._client.name} sent an empty file for {clean_text(item.item_id)}")

    async def _ask_for(self, item: ListedItem) -> LibraryTrack:
        song = child(await self._client.call("getSong", id=item.item_id), "song")
        found = parse_song(self._server_id, {**song, "id": item.item_id}, {})
        if found is None or found.track is None:
            raise ServerRefused("not_found", f"{self._client.name} does not know song {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found.track.model_copy(update=versions)

    async def _audio(self, method: str, query: dict[str, str], byte_range: str | None) -> AudioStream:
        headers = {"Range": byte_range} if byte_range else {}
        response, hide = await self._client.open(method, query, headers)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            response.close()
            return no_such_range(response.content_type, response.headers.get("Content-Range"))
        if not _is_audio(response):
            body = await self._client.http.read(response, MAX_ERROR_ANSWER)
            answer = Answer(response.status, response.content_type, body)
            raise parse_no_audio(answer, self._client.name, hide)
        return self._stream(response)

    def _stream(self, response: aiohttp.ClientResponse) -> AudioStream:
        announced = None if "Content-Encoding" in response.headers else response.content_length
        body = self._client.http.chunks(response, announced)
        return AudioStream(
            chunks=body,
            size_bytes=announced,
            content_type=response.content_type,
            status=response.status,
            content_range=response.headers.get("Content-Range"),
            on_close=body.aclose,
        )


def _is_audio(response: aiohttp.ClientResponse) -> bool:
    """Errors come as text with status 200; audio comes as anything else, sometimes without a usable type."""
    return response.status in {200, 206} and not response.content_type.startswith(_TEXT_TYPES)


def server_version(response: Json) -> str | None:
    """Name and version of the server, as far as it says."""
    parts = (clean_text(response.get("type")), clean_text(response.get("serverVersion")))
    named = " ".join(part for part in parts if part)
    version = clean_text(response.get("version"))
    return named or (f"Subsonic API {version}" if version else None)
