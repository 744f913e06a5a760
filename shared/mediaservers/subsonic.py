"""Subsonic and OpenSubsonic servers: Navidrome, LMS, gonic, Ampache, supysonic and the like.

Login is the salted token (``t = md5(password + salt)``, a fresh salt for every request); the password itself never
leaves this module. Listing is ``shared.mediaservers.subsonic_walk``; audio is always the original file, never a
transcoded stream.
"""

from __future__ import annotations

import hashlib
import secrets
from http import HTTPStatus
from pathlib import Path

import aiohttp

from shared.errors import InvalidInput, ServerRefused, StarlingError
from shared.events import LibraryTrack
from shared.mediaservers.base import AudioStream, ListedItem, ListingPage, ServerConfig, ServerTest
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.http import MAX_ERROR_ANSWER, Answer, HttpServer, Patience, server_url
from shared.mediaservers.ranges import no_such_range
from shared.mediaservers.subsonic_answers import Json, child, parse_no_audio, parse_response, parse_song
from shared.mediaservers.subsonic_walk import SubsonicWalk
from shared.mediaservers.tasting import look_around, taste_some

API_VERSION = "1.16.1"
_TEXT_TYPES = ("application/json", "application/xml", "text/")


class SubsonicServer:
    """See the module; raises what ``MediaServer`` says."""

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        url = server_url(config.url)
        _usable("username", config.username)
        _usable("password", config.password)
        path = url.path.rstrip("/").removesuffix("/rest")
        self._http = HttpServer(url.with_path(path + "/rest/"), patience or Patience())
        self._username = config.username or ""
        self._password = config.password or ""
        self._server_id = config.server_id
        self._walk = SubsonicWalk(config.server_id, self._call)

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
            version = server_version(await self._call("ping"))
            return await self._test(version)
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), server_version=version)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def _test(self, version: str | None) -> ServerTest:
        page = await look_around(self.list_page)
        if not page.items:
            return ServerTest(False, "the login works, but the server lists no songs", server_version=version)
        await taste_some(page.items, self._taste)
        more = " or more" if page.next_cursor else ""
        return ServerTest(True, f"found {len(page.items)}{more} songs", len(page.items), version)

    async def _taste(self, item: ListedItem) -> None:
        """Read the first bytes of a song."""
        async with await self.open_audio(item.item_id) as stream:
            async for _ in stream.chunks:
                return
        raise ServerRefused("refused", f"{self._http.name} sent an empty file for {clean_text(item.item_id)}")

    async def _ask_for(self, item: ListedItem) -> LibraryTrack:
        song = child(await self._call("getSong", id=item.item_id), "song")
        found = parse_song(self._server_id, {**song, "id": item.item_id}, {})
        if found is None or found.track is None:
            raise ServerRefused("not_found", f"{self._http.name} does not know song {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found.track.model_copy(update=versions)

    async def _call(self, method: str, /, **query: str | int) -> Json:
        """One method; raises what ``parse_response`` and ``HttpServer.fetch`` do."""
        login = self._login()
        texts = {name: str(value) for name, value in query.items()}
        answer = await self._http.fetch(f"{method}.view", {**login, **texts})
        return parse_response(answer, self._http.name, (login["t"], login["s"]))

    async def _audio(self, method: str, query: dict[str, str], byte_range: str | None) -> AudioStream:
        login = self._login()
        headers = {"Range": byte_range} if byte_range else {}
        response = await self._http.open(f"{method}.view", {**login, **query}, headers)
        if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            response.close()
            return no_such_range(response.content_type, response.headers.get("Content-Range"))
        if not _is_audio(response):
            body = await self._http.read(response, MAX_ERROR_ANSWER)
            answer = Answer(response.status, response.content_type, body)
            raise parse_no_audio(answer, self._http.name, (login["t"], login["s"]))
        return self._stream(response)

    def _stream(self, response: aiohttp.ClientResponse) -> AudioStream:
        announced = None if "Content-Encoding" in response.headers else response.content_length
        body = self._http.chunks(response, announced)
        return AudioStream(
            chunks=body,
            size_bytes=announced,
            content_type=response.content_type,
            status=response.status,
            content_range=response.headers.get("Content-Range"),
            on_close=body.aclose,
        )

    def _login(self) -> dict[str, str]:
        """The parameters of every request. MD5 is what the protocol asks for."""
        salt = secrets.token_hex(8)
        token = hashlib.md5((self._password + salt).encode(), usedforsecurity=False).hexdigest()
        return {"u": self._username, "t": token, "s": salt, "v": API_VERSION, "c": "starling", "f": "json"}


def _usable(field: str, text: str | None) -> None:
    """Raises ``InvalidInput`` for a login that is empty or cannot be sent."""
    if not text:
        raise InvalidInput(field, f"give the {field} for this server")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise InvalidInput(field, "this is not valid text")


def _is_audio(response: aiohttp.ClientResponse) -> bool:
    """Errors come as text with status 200; audio comes as anything else, sometimes without a usable type."""
    return response.status in {200, 206} and not response.content_type.startswith(_TEXT_TYPES)


def server_version(response: Json) -> str | None:
    """Name and version of the server, as far as it says."""
    parts = (clean_text(response.get("type")), clean_text(response.get("serverVersion")))
    named = " ".join(part for part in parts if part)
    version = clean_text(response.get("version"))
    return named or (f"Subsonic API {version}" if version else None)
