"""A Plex Media Server of our own that keeps state.

``async with PlexTestServer(made_up(20)) as server``: speak to ``server.url`` with ``server.token``. It answers JSON
only to who accepts it, refuses tokens in addresses and addresses over 8,000 bytes, pages by header, drops tracks it
does not know, and knows playlists of music and of films. ``server.breaker`` breaks a call, ``server.lie`` is added to
every total, ``server.single_objects`` turns lists of one into the one, ``server.before`` is called before each request.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.breaking import LocalServer, whole_or_part
from tests.plex.library import Track

Json = dict[str, Any]
MACHINE = "0123456789abcdef0123456789abcdef01234567"
LONGEST_ADDRESS = 8000
TYPES = {"mp3": "audio/mpeg", "flac": "audio/flac", "ogg": "audio/ogg", "wav": "audio/wav"}
_URI = re.compile(r"server://(\w+)/com\.plexapp\.plugins\.library/library/metadata/([0-9,]+)")


@dataclass(slots=True)
class Playlist:
    """A playlist; entries are (track, place)."""

    key: int
    title: str
    kind: str = "audio"
    entries: list[tuple[int, int]] = field(default_factory=list)


def page(status: int, words: str) -> web.Response:
    text = f"<html><head><title>{words}</title></head><body><h1>{status} {words}</h1></body></html>"
    return web.Response(status=status, text=text, content_type="text/html")


@dataclass(slots=True)
class PlexTestServer(LocalServer):
    """See the module. ``sections`` are (key, type, title)."""

    tracks: list[Track] = field(default_factory=list)
    token: str = "token-of-alice"
    user: str | None = "alice@example.com"
    sections: list[tuple[str, str, str]] = field(
        default_factory=lambda: [("1", "movie", "Films"), ("5", "artist", "Music")]
    )
    playlists: dict[int, Playlist] = field(default_factory=dict)
    next_key: int = 500_000
    lie: int = 0
    most_rows: int = 10_000
    single_objects: bool = False
    requests: list[str] = field(default_factory=list)
    before: Callable[[web.Request], None] = lambda _: None

    def track(self, key: int) -> Track:
        return next(track for track in self.tracks if track.key == key)

    def new_key(self) -> int:
        self.next_key += 1
        return self.next_key - 1

    def add_playlist(self, title: str, keys: list[int], kind: str = "audio") -> int:
        """As its owner makes it."""
        playlist = Playlist(self.new_key(), title, kind)
        self.playlists[playlist.key] = playlist
        self.put(playlist, keys)
        return playlist.key

    def put(self, playlist: Playlist, keys: list[int]) -> int:
        """Append what is known; returns how many that were."""
        known = {track.key for track in self.tracks}
        added = [(key, self.new_key()) for key in keys if key in known]
        playlist.entries += added
        return len(added)

    def login_refused(self) -> web.StreamResponse:
        return page(401, "Unauthorized")

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        assert self.token not in str(request.url), "a token in an address ends up in logs"
        assert self.token not in unquote(str(request.url))
        self.requests.append(f"{request.method} {request.path_qs}")
        if len(request.path_qs) > LONGEST_ADDRESS:
            return page(414, "Request-URI Too Long")
        if request.path != "/identity" and request.headers.get("X-Plex-Token") != self.token:
            return page(401, "Unauthorized")
        self.before(request)
        for method, pattern, handler in ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and request.method == method:
                answer: web.StreamResponse = getattr(self, handler)(request, *found.groups())
                return answer
        return page(404, "Not Found")

    def _container(self, request: web.Request, **content: Any) -> web.Response:
        if "application/json" not in request.headers.get("Accept", ""):
            return web.Response(text='<?xml version="1.0"?><MediaContainer size="0"/>', content_type="application/xml")
        filled = {name: self._listed(value) for name, value in content.items() if value != []}
        return web.json_response({"MediaContainer": filled})

    def _listed(self, value: Any) -> Any:
        single = self.single_objects and isinstance(value, list) and len(value) == 1
        return value[0] if single else value

    def _rows(self, request: web.Request, rows: list[Json], **more: Any) -> web.Response:
        """The part of ``rows`` that was asked for in the headers."""
        start = int(request.headers.get("X-Plex-Container-Start", 0))
        size = min(int(request.headers.get("X-Plex-Container-Size", len(rows))), self.most_rows)
        wanted = rows[start : start + size]
        total = len(rows) + self.lie
        return self._container(request, size=len(wanted), totalSize=total, offset=start, Metadata=wanted, **more)

    def on_root(self, request: web.Request) -> web.Response:
        user = {"myPlexUsername": self.user} if self.user else {}
        return self._container(request, machineIdentifier=MACHINE, version="1.41.3.9314", **user)

    def on_identity(self, request: web.Request) -> web.Response:
        return self._container(request, size=0, claimed=True, machineIdentifier=MACHINE, version="1.41.3.9314")

    def on_sections(self, request: web.Request) -> web.Response:
        rows = [{"key": key, "type": kind, "title": title} for key, kind, title in self.sections]
        return self._container(request, size=len(rows), Directory=rows)

    def on_tracks(self, request: web.Request, section: str) -> web.Response:
        if all(key != section for key, _, _ in self.sections):
            return page(404, "Not Found")
        tracks = sorted((track for track in self.tracks if track.section == section), key=lambda each: each.title)
        if request.query.get("type") == "9":
            return self._rows(request, albums_of(tracks))
        assert request.query.get("type") == "10", "a section lists its artists unless tracks are asked for"
        return self._rows(request, [track.listed() for track in tracks])

    def on_metadata(self, request: web.Request, keys: str) -> web.Response:
        wanted = set(keys.split(","))
        rows = [track.listed(streams=True) for track in self.tracks if str(track.key) in wanted]
        rows += [album for album in albums_of(self.tracks) if album["ratingKey"] in wanted]
        return self._rows(request, rows) if rows else page(404, "Not Found")

    def on_part(self, request: web.Request, key: str, changed: str) -> web.Response:
        found = [track for track in self.tracks if (str(track.key), str(track.changed)) == (key, changed)]
        if not found:
            return page(404, "Not Found")
        suffix = found[0].part_key.rsplit(".", 1)[-1]
        return whole_or_part(found[0].content(), request, TYPES.get(suffix, "application/octet-stream"))

    def on_stream(self, request: web.Request, key: str) -> web.Response:
        for track in self.tracks:
            if str(track.key * 10 + 4) == key and track.lyrics is not None:
                if track.lyrics[0] != "json":
                    return web.Response(text=track.lyrics[1], content_type="text/plain")
                lines = [{"Span": [{"text": line}]} for line in track.lyrics[1].split("\n")]
                return web.json_response({"MediaContainer": {"Lyrics": [{"Line": lines}]}})
        return page(404, "Not Found")

    def _described(self, playlist: Playlist) -> Json:
        shape = {"ratingKey": str(playlist.key), "title": playlist.title, "type": "playlist", "smart": False}
        return shape | {"playlistType": playlist.kind, "leafCount": len(playlist.entries)}

    def on_playlists(self, request: web.Request) -> web.Response:
        kind = request.query.get("playlistType")
        found = [playlist for playlist in self.playlists.values() if kind in {None, playlist.kind}]
        return self._rows(request, [self._described(playlist) for playlist in found])

    def _named(self, request: web.Request) -> list[int] | None:
        """The tracks of the ``uri`` parameter; None for one that is not of this server."""
        if "uri" not in request.query:
            return []
        found = _URI.fullmatch(request.query["uri"])
        return [int(key) for key in found[2].split(",")] if found and found[1] == MACHINE else None

    def on_new_playlist(self, request: web.Request) -> web.Response:
        keys = self._named(request)
        if keys is None or request.query.get("type") != "audio" or not request.query.get("title"):
            return page(400, "Bad Request")
        key = self.add_playlist(request.query["title"], keys)
        return self._rows(request, [self._described(self.playlists[key])])

    def on_items(self, request: web.Request, key: str) -> web.Response:
        playlist = self.playlists.get(int(key))
        if playlist is None:
            return page(404, "Not Found")
        rows = [self.track(track).listed() | {"playlistItemID": place} for track, place in playlist.entries]
        return self._rows(request, rows, title=playlist.title)

    def on_add(self, request: web.Request, key: str) -> web.Response:
        playlist, keys = self.playlists.get(int(key)), self._named(request)
        if playlist is None:
            return page(404, "Not Found")
        if not keys:
            return page(400, "Bad Request")
        added = self.put(playlist, keys)
        return self._rows(request, [self._described(playlist)], leafCountAdded=added, leafCountRequested=len(keys))

    def on_remove(self, request: web.Request, key: str, place: str) -> web.Response:
        playlist = self.playlists.get(int(key))
        if playlist is None or all(str(each) != place for _, each in playlist.entries):
            return page(404, "Not Found")
        playlist.entries = [entry for entry in playlist.entries if str(entry[1]) != place]
        return self._rows(request, [self._described(playlist)])

    def on_rename(self, request: web.Request, key: str) -> web.Response:
        if int(key) not in self.playlists:
            return page(404, "Not Found")
        self.playlists[int(key)].title = request.query["title"]
        return web.Response(status=200)

    def on_delete(self, _: web.Request, key: str) -> web.Response:
        return web.Response(status=204) if self.playlists.pop(int(key), None) else page(404, "Not Found")


def albums_of(tracks: list[Track]) -> list[Json]:
    """The albums of these tracks, with their genres."""
    albums: dict[str, Json] = {}
    for track in tracks:
        if key := track.fields.get("parentRatingKey"):
            genre = {"Genre": [{"tag": track.album_genre}]} if track.album_genre else {}
            albums[key] = {"ratingKey": key, "type": "album", "title": track.fields.get("parentTitle")} | genre
    return list(albums.values())


ROUTES = (
    ("GET", r"/", "on_root"),
    ("GET", r"/identity", "on_identity"),
    ("GET", r"/library/sections", "on_sections"),
    ("GET", r"/library/sections/(\w+)/all", "on_tracks"),
    ("GET", r"/library/metadata/([0-9,]+)", "on_metadata"),
    ("GET", r"/library/parts/(\d+)/(\d+)/file\.\w*", "on_part"),
    ("GET", r"/library/streams/(\d+)", "on_stream"),
    ("GET", r"/playlists", "on_playlists"),
    ("POST", r"/playlists", "on_new_playlist"),
    ("GET", r"/playlists/(\d+)/items", "on_items"),
    ("PUT", r"/playlists/(\d+)/items", "on_add"),
    ("DELETE", r"/playlists/(\d+)/items/(\d+)", "on_remove"),
    ("PUT", r"/playlists/(\d+)", "on_rename"),
    ("DELETE", r"/playlists/(\d+)", "on_delete"),
)
