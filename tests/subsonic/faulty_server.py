"""A Subsonic server of our own that behaves, or misbehaves as it is told.

``async with FaultyServer(albums) as server``: speak to ``server.url`` as ``USER`` with ``PASSWORD``.
``server.faults`` maps a method (``getAlbum``, ``download``, or ``*`` for all) to a fault, which takes the request and
answers it, or returns None to let it pass. ``server.calls`` is what was asked so far.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.breaking import LocalServer, whole_or_part

USER = "alice"
PASSWORD = "open sésame"

Json = dict[str, Any]
Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]


@dataclass(slots=True)
class Album:
    """An album with its songs, as JSON objects of the API."""

    id: str
    name: str
    songs: list[Json]
    song_count: int | None = None

    def listed(self) -> Json:
        count = len(self.songs) if self.song_count is None else self.song_count
        return {"id": self.id, "name": self.name, "artist": "Somebody", "songCount": count}


def make_albums(count: int, songs: int = 3) -> list[Album]:
    """Albums ``al-0000`` ... with songs ``al-0000-0`` ..."""
    return [
        Album(f"al-{number:04d}", f"Album {number:04d}", [make_song(f"al-{number:04d}-{n}") for n in range(songs)])
        for number in range(count)
    ]


def make_song(song_id: str, **more: Any) -> Json:
    """A song as the API describes it."""
    song = {"id": song_id, "title": f"Title {song_id}", "album": "An Album", "artist": "Somebody", "suffix": "mp3"}
    return {**song, "size": len(audio_of(song_id)), "duration": 200, "bitRate": 320, "isDir": False, **more}


def audio_of(song_id: str) -> bytes:
    """The bytes that a song is made of: 300 kB, other ones for each."""
    return hashlib.sha256(song_id.encode()).digest() * 9600


@dataclass(slots=True)
class Call:
    """One request as it arrived."""

    method: str
    query: dict[str, str]
    headers: dict[str, str]
    path: str


@dataclass(slots=True)
class FaultyServer(LocalServer):
    """See the module. ``albums`` may be changed at any time."""

    albums: list[Album] = field(default_factory=lambda: make_albums(4))
    open_subsonic: bool = False
    largest_page: int = 500
    single_objects: bool = False
    faults: dict[str, Fault] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def methods(self) -> list[str]:
        """What was called, in order."""
        return [call.method for call in self.calls]

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        method = request.path.rsplit("/", 1)[-1].removesuffix(".view")
        self.calls.append(Call(method, dict(request.query), dict(request.headers), request.path))
        for name in (method, "*"):
            if name in self.before:
                self.before[name]()
            fault = self.faults.get(name)
            answer = await fault(request) if fault else None
            if answer is not None:
                return answer
        if not request.path.startswith(f"{self.prefix}/rest/"):
            return web.Response(status=404, text="<html>not here</html>", content_type="text/html")
        if not signed_in(request):
            return failed(40, "Wrong username or password")
        handler = getattr(self, f"_on_{method}", None)
        if handler is None:
            return failed(0, f"no method {method}")
        found: web.StreamResponse = handler(request)
        return found

    def _ok(self, **content: Any) -> web.Response:
        common: Json = {"status": "ok", "version": "1.16.1"}
        if self.open_subsonic:
            common |= {"type": "faulty", "serverVersion": "0.1", "openSubsonic": True}
        return web.json_response({"subsonic-response": common | content})

    def _list(self, entries: list[Json]) -> Any:
        return entries[0] if self.single_objects and len(entries) == 1 else entries

    def _slice(self, entries: list[Json], request: web.Request, size: str, offset: str) -> list[Json]:
        start = int(request.query.get(offset, 0))
        return entries[start : start + min(int(request.query.get(size, 10)), self.largest_page)]

    def _on_ping(self, _: web.Request) -> web.Response:
        return self._ok()

    def _on_getAlbumList2(self, request: web.Request) -> web.Response:  # noqa: N802 - the API's name
        albums = self._slice([album.listed() for album in self.albums], request, "size", "offset")
        return self._ok(albumList2={"album": self._list(albums)} if albums else {})

    def _on_getAlbum(self, request: web.Request) -> web.Response:  # noqa: N802
        for album in self.albums:
            if album.id == request.query.get("id"):
                return self._ok(album={**album.listed(), "song": self._list(album.songs)})
        return failed(70, "Album not found")

    def _on_search3(self, request: web.Request) -> web.Response:
        songs = self._slice(self.all_songs(), request, "songCount", "songOffset") if self.open_subsonic else []
        return self._ok(searchResult3={"song": self._list(songs)} if songs else {})

    def _on_getSong(self, request: web.Request) -> web.Response:  # noqa: N802
        for song in self.all_songs():
            if song.get("id") == request.query.get("id"):
                return self._ok(song=song)
        return failed(70, "Song not found")

    def _on_download(self, request: web.Request) -> web.StreamResponse:
        song_id = request.query.get("id", "")
        if all(song.get("id") != song_id for song in self.all_songs()):
            return failed(70, "Song not found")
        return whole_or_part(audio_of(song_id), request, "audio/mpeg")

    def _on_stream(self, request: web.Request) -> web.StreamResponse:
        assert request.query.get("format") == "raw", "audio must never be transcoded"
        return self._on_download(request)

    def all_songs(self) -> list[Json]:
        return [song for album in self.albums for song in album.songs]


def signed_in(request: web.Request) -> bool:
    """The salted token, and nothing that gives the password away."""
    return token_is_right(request.query)


def token_is_right(query: Mapping[str, str]) -> bool:
    """The login among the fields of a request."""
    token = hashlib.md5((PASSWORD + query.get("s", "")).encode(), usedforsecurity=False).hexdigest()
    return "p" not in query and len(query.get("s", "")) >= 6 and (query.get("u"), query.get("t")) == (USER, token)


def failed(code: int, message: str) -> web.Response:
    """An error as Subsonic sends it: HTTP 200."""
    error = {"code": code, "message": message}
    return web.json_response({"subsonic-response": {"status": "failed", "version": "1.16.1", "error": error}})


# --- faults ------------------------------------------------------------------------------------


def http_status(status: int, **headers: str) -> Fault:
    """Answer with this status; underscores in header names stand for dashes."""

    async def fault(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text="<html>oh dear</html>", content_type="text/html", headers=named)

    return fault


def sends(body: bytes, content_type: str = "application/json", status: int = 200) -> Fault:
    """Answer with exactly this."""

    async def fault(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, content_type=content_type, status=status)

    return fault


def refuses(code: int, message: str) -> Fault:
    """A Subsonic error."""

    async def fault(_: web.Request) -> web.StreamResponse:
        return failed(code, message)

    return fault


def echoes_the_address(code: int) -> Fault:
    """A Subsonic error that repeats everything it was sent."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return failed(code, f"cannot do {request.path_qs} because of {json.dumps(dict(request.query))}")

    return fault


async def never_answers(_: web.Request) -> web.StreamResponse:
    """Keep the caller waiting until it gives up."""
    await asyncio.Event().wait()
    raise AssertionError("waited for ever")


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def breaks_off(body: bytes, announced: int | None, content_type: str = "application/json") -> Fault:
    """Send ``body`` where ``announced`` bytes were promised (None: chunked), and close the connection."""

    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        if announced is None:
            response.enable_chunked_encoding()
        else:
            response.content_length = announced
        await response.prepare(request)
        await response.write(body)
        if request.transport is not None:
            request.transport.close()
        return response

    return fault


def stalls(body: bytes, announced: int, content_type: str = "audio/mpeg") -> Fault:
    """Send ``body`` where ``announced`` bytes were promised, and nothing more."""

    async def fault(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        response.content_length = announced
        await response.prepare(request)
        await response.write(body)
        return await never_answers(request)

    return fault


def redirects(location: str) -> Fault:
    """Send the caller elsewhere; ``{path}`` stands for what it asked for."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": location.format(path=request.path_qs)})

    return fault


def after(calls: int, fault: Fault) -> Fault:
    """Behave that many times first."""
    left = calls

    async def later(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        left -= 1
        return None if left >= 0 else await fault(request)

    return later
