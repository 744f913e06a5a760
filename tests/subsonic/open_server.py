"""An OpenSubsonic server of our own that keeps playlists as Navidrome does, and can be told to have other ways.

``async with OpenServer() as server``: speak to ``server.url`` as ``USER`` with ``PASSWORD``, or with the API key
``KEY``. Playlists have owners and are private at first, may hold a song twice, and answer what was made; songs that
are not there are error 70. ``Ways`` are what other servers do instead. Where the published description is at hand
(``tests.specs``), requests and answers are checked against it; leaving the context fails if any was off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import uuid4

from aiohttp import web
from multidict import MultiDict, MultiDictProxy

from tests.breaking import LocalServer, whole_or_part
from tests.specs import Exchange, Validator, exchange_of
from tests.subsonic.faulty_server import USER, audio_of, make_song, token_is_right

KEY = "key-of-alice"
OTHER_USER = "bob"
DESCRIPTION = "opensubsonic-1.16.1-4c1819f"
AUTHENTICATION = ("u", "t", "s", "v", "c", "f", "apiKey")
WHEN = "2026-01-02T03:04:05Z"

Json = dict[str, Any]
Fields = MultiDictProxy[str]


@dataclass(slots=True)
class Ways:
    """How this server differs from Navidrome; the defaults are Navidrome's."""

    forms: bool = True
    """Announces ``formPost``; False answers 405 to every POST."""
    names_new: bool = True
    """``createPlaylist`` answers the playlist."""
    replaces: Literal["whole", "appends", "refuses"] = "whole"
    """What ``createPlaylist`` does with the id of a playlist."""
    drops_unknown: bool = False
    """Leaves unknown songs out silently."""
    longest: int | None = None
    """Silently keeps no more songs than that in a playlist."""
    single_objects: bool = False
    """Sends one object where a list of one belongs."""
    renames: bool = True


@dataclass(slots=True)
class OpenServer(LocalServer):
    """See the module; everything may be changed at any time."""

    songs: dict[str, Json] = field(default_factory=dict)
    ways: Ways = field(default_factory=Ways)
    folders: dict[int, str] = field(default_factory=lambda: {1: "Music", 2: "Radio plays"})
    folder_of: dict[str, int] = field(default_factory=dict)
    lyrics: dict[str, list[Json]] = field(default_factory=dict)
    playlists: dict[str, Json] = field(default_factory=dict)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """HTTP method, API method, and the raw query string of every request."""
    validator: Validator = field(default_factory=lambda: Validator.load(DESCRIPTION))
    broken_from: int | None = None
    """The call from which on all are answered with an error."""
    hold_at: int | None = None
    """The call that is never answered; ``held`` is set when it has come."""
    held: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.validator.finish()

    def add_songs(self, count: int, folder: int = 1) -> tuple[str, ...]:
        """``count`` more songs, in one album for each folder."""
        ids = tuple(f"so-{folder}-{number:04d}" for number in range(count))
        for song_id in ids:
            self.songs[song_id] = make_song(song_id, albumId=f"al-{folder}")
            self.folder_of[song_id] = folder
        return ids

    def keep(self, name: str, owner: str, songs: list[str], **more: Any) -> Json:
        """A new playlist of anybody."""
        playlist_id = uuid4().hex[:22]
        made = {"id": playlist_id, "name": name, "owner": owner, "public": False, "songs": songs, **more}
        self.playlists[playlist_id] = made
        return made

    def login_refused(self) -> web.StreamResponse:
        return self._failed(40, "Wrong username or password")

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        method = request.path.removeprefix("/rest/").removesuffix(".view")
        self.calls.append((request.method, method, request.query_string))
        if len(self.calls) == self.hold_at:
            self.held.set()
            await asyncio.Event().wait()
        if self.broken_from is not None and len(self.calls) >= self.broken_from:
            return web.Response(status=500, text="oh dear")
        body = await request.read()
        response = await self._obey(request, method)
        usual = self.ways.forms and not self.ways.single_objects
        if usual and isinstance(response, web.Response) and response.content_type == "application/json":
            self.validator.check(as_described(exchange_of(request, body, response)))
        return response

    async def _obey(self, request: web.Request, method: str) -> web.StreamResponse:
        if request.method == "POST" and not self.ways.forms:
            return web.Response(status=405)
        fields = MultiDict(request.query)
        fields.extend(await request.post())  # type: ignore[arg-type]
        if method != "getOpenSubsonicExtensions" and not self._logged_in(fields):
            return self.login_refused()
        if method == "download":
            return whole_or_part(audio_of(fields["id"]), request, "audio/mpeg")
        handler = getattr(self, f"_on_{method}", None)
        if handler is None:
            return self._failed(0, f"no method {method}")
        found: web.Response = handler(MultiDictProxy(fields))
        return found

    def _logged_in(self, fields: Mapping[str, str]) -> bool:
        return fields.get("apiKey") == KEY if "apiKey" in fields else token_is_right(fields)

    def _ok(self, **content: Any) -> web.Response:
        common = {"status": "ok", "version": "1.16.1", "type": "open", "serverVersion": "1", "openSubsonic": True}
        return web.json_response({"subsonic-response": common | content})

    def _failed(self, code: int, message: str) -> web.Response:
        common = {"status": "failed", "version": "1.16.1", "type": "open", "serverVersion": "1", "openSubsonic": True}
        return web.json_response({"subsonic-response": {**common, "error": {"code": code, "message": message}}})

    def _list(self, entries: list[Json]) -> Any:
        return entries[0] if self.ways.single_objects and len(entries) == 1 else entries

    def _on_ping(self, _: Fields) -> web.Response:
        return self._ok()

    def _on_getOpenSubsonicExtensions(self, _: Fields) -> web.Response:  # noqa: N802 - the API's names
        names = ["songLyrics", *(["formPost"] if self.ways.forms else [])]
        return self._ok(openSubsonicExtensions=self._list([{"name": name, "versions": [1]} for name in names]))

    def _on_getMusicFolders(self, _: Fields) -> web.Response:  # noqa: N802
        folders = [{"id": folder, "name": name} for folder, name in self.folders.items()]
        return self._ok(musicFolders={"musicFolder": self._list(folders)})

    def _in_folder(self, fields: Fields) -> list[str]:
        wanted = fields.get("musicFolderId")
        return [song for song in self.songs if wanted is None or str(self.folder_of[song]) == wanted]

    def _on_getAlbumList2(self, fields: Fields) -> web.Response:  # noqa: N802
        ids = sorted({self.songs[song]["albumId"] for song in self._in_folder(fields)})
        start = int(fields.get("offset", 0))
        albums = [self._album(album) for album in ids[start : start + int(fields.get("size", 10))]]
        return self._ok(albumList2={"album": self._list(albums)})

    def _album(self, album_id: str) -> Json:
        count = sum(song["albumId"] == album_id for song in self.songs.values())
        return {"id": album_id, "name": album_id, "songCount": count, "duration": 200 * count, "created": WHEN}

    def _on_getAlbum(self, fields: Fields) -> web.Response:  # noqa: N802
        songs = [song for song in self.songs.values() if song["albumId"] == fields["id"]]
        return self._ok(album={**self._album(fields["id"]), "song": self._list(songs)})

    def _on_search3(self, fields: Fields) -> web.Response:
        start, count = int(fields.get("songOffset", 0)), int(fields.get("songCount", 20))
        songs = [self.songs[song] for song in self._in_folder(fields)[start : start + count]]
        return self._ok(searchResult3={"song": self._list(songs)})

    def _on_getSong(self, fields: Fields) -> web.Response:  # noqa: N802
        song = self.songs.get(fields["id"])
        return self._ok(song=song) if song else self._failed(70, "data not found")

    def _on_getLyricsBySongId(self, fields: Fields) -> web.Response:  # noqa: N802
        if fields["id"] not in self.songs:
            return self._failed(70, "data not found")
        return self._ok(lyricsList={"structuredLyrics": self._list(self.lyrics.get(fields["id"], []))})

    def _on_getPlaylists(self, _: Fields) -> web.Response:  # noqa: N802
        seen = [playlist for playlist in self.playlists.values() if playlist["owner"] == USER or playlist["public"]]
        return self._ok(playlists={"playlist": self._list([self._described(playlist) for playlist in seen])})

    def _described(self, playlist: Json, *, whole: bool = False) -> Json:
        fields = {name: value for name, value in playlist.items() if name != "songs"}
        songs = [self.songs[song] for song in playlist["songs"] if song in self.songs]
        entry = {"entry": self._list(songs)} if whole and songs else {}
        return {
            **fields,
            "songCount": len(songs),
            "duration": 200 * len(songs),
            "created": WHEN,
            "changed": WHEN,
        } | entry

    def _on_getPlaylist(self, fields: Fields) -> web.Response:  # noqa: N802
        playlist = self.playlists.get(fields["id"])
        if playlist is None or (playlist["owner"] != USER and not playlist["public"]):
            return self._failed(70, "playlist not found")
        return self._ok(playlist=self._described(playlist, whole=True))

    def _on_createPlaylist(self, fields: Fields) -> web.Response:  # noqa: N802
        songs = self._known(fields.getall("songId", []))
        if songs is None:
            return self._failed(70, "song not found")
        if "playlistId" not in fields:
            if not fields.get("name"):
                return self._failed(10, "required parameter name is missing")
            made = self.keep(fields["name"], USER, songs)
            return self._ok(**({"playlist": self._described(made, whole=True)} if self.ways.names_new else {}))
        if self.ways.replaces == "refuses":
            return self._failed(10, "required parameter name is missing")
        playlist = self._writable(fields["playlistId"])
        if isinstance(playlist, web.Response):
            return playlist
        playlist["songs"] = self._cut([*playlist["songs"], *songs] if self.ways.replaces == "appends" else songs)
        return self._ok(**({"playlist": self._described(playlist, whole=True)} if self.ways.names_new else {}))

    def _on_updatePlaylist(self, fields: Fields) -> web.Response:  # noqa: N802
        playlist = self._writable(fields["playlistId"])
        songs = self._known(fields.getall("songIdToAdd", []))
        if isinstance(playlist, web.Response):
            return playlist
        if songs is None:
            return self._failed(70, "song not found")
        gone = {int(place) for place in fields.getall("songIndexToRemove", [])}
        kept = [song for place, song in enumerate(playlist["songs"]) if place not in gone]
        playlist["songs"] = self._cut(kept + songs)
        if self.ways.renames:
            playlist["name"] = fields.get("name") or playlist["name"]
        playlist["public"] = fields.get("public", str(playlist["public"])).lower() == "true"
        return self._ok()

    def _on_deletePlaylist(self, fields: Fields) -> web.Response:  # noqa: N802
        playlist = self._writable(fields["id"])
        if isinstance(playlist, web.Response):
            return playlist
        del self.playlists[playlist["id"]]
        return self._ok()

    def _writable(self, playlist_id: str) -> Json | web.Response:
        playlist = self.playlists.get(playlist_id)
        if playlist is None:
            return self._failed(70, "playlist not found")
        return playlist if playlist["owner"] == USER else self._failed(50, "not your playlist")

    def _known(self, songs: list[str]) -> list[str] | None:
        """None when a song is unknown and the server minds."""
        known = [song for song in songs if song in self.songs]
        return self._cut(known) if len(known) == len(songs) or self.ways.drops_unknown else None

    def _cut(self, songs: list[str]) -> list[str]:
        return songs[: self.ways.longest]


def as_described(exchange: Exchange) -> Exchange:
    """The description knows no ``.view``, the login of a form only in the URL, and no parameter that is empty."""
    form = parse_qsl(exchange.body.decode(), keep_blank_values=True) if exchange.method == "POST" else []
    query = [*exchange.query, *((name, value) for name, value in form if name in AUTHENTICATION)]
    return replace(
        exchange, path=exchange.path.removesuffix(".view"), query=[(name, value or "-") for name, value in query]
    )
