"""A Lyrion Music Server of our own that keeps state and has the real one's traps.

``async with LyrionTestServer(made_up(20)) as server``: speak to ``server.url``, as ``server.login`` where that is set.
What it does not like it answers by closing the connection. ``server.breaker`` breaks a call, ``server.lie`` is added to
every total, ``server.scanning`` says so, ``server.before`` is called before each command.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.breaking import LocalServer, hang_up, whole_or_part
from tests.lyrion.library import Track

Json = dict[str, Any]
TYPES = {"mp3": "audio/mpeg", "flac": "audio/x-flac", "ogg": "audio/x-ogg", "wav": "audio/x-wav"}


class Dislike(Exception):
    """The server closes the connection."""


@dataclass(slots=True)
class Playlist:
    """A saved playlist; entries are track ids."""

    id: int
    name: str | None
    entries: list[int] = field(default_factory=list)


def unauthorised() -> web.StreamResponse:
    page = "<HTML><HEAD><TITLE>401 Authorization Required</TITLE></HEAD></HTML>"
    return web.Response(status=401, text=page, content_type="text/html", headers={"WWW-Authenticate": "Basic"})


@dataclass(slots=True)
class LyrionTestServer(LocalServer):
    """See the module. ``libraries`` and ``folders`` are (id, name) and (url, name)."""

    tracks: list[Track] = field(default_factory=list)
    login: tuple[str, str] | None = None
    libraries: list[tuple[str, str]] = field(default_factory=list)
    folders: list[tuple[str, str]] = field(default_factory=list)
    playlists: dict[int, Playlist] = field(default_factory=dict)
    next_id: int = 100_000
    lie: int = 0
    lie_about_songs: int = 0
    scanning: bool = False
    most_rows: int = 10_000
    playlist_folder: bool = True
    knows_libraries: bool = True
    hangs_up: bool = False
    past_the_end: int = 0
    commands: list[list[Any]] = field(default_factory=list)
    before: Callable[[list[Any]], None] = lambda _: None

    def track(self, track_id: int) -> Track:
        return next(track for track in self.tracks if track.id == track_id)

    def new_id(self) -> int:
        """Tracks and playlists are rows of one table."""
        self.next_id += 1
        return self.next_id - 1

    def add_playlist(self, name: str | None, entries: list[int]) -> int:
        """As its owner makes it, or by a file on the disk: tracks may come twice."""
        playlist = Playlist(self.new_id(), name, list(entries))
        self.playlists[playlist.id] = playlist
        return playlist.id

    def login_refused(self) -> web.StreamResponse:
        return unauthorised()

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        if self.login is not None:
            expected = "Basic " + b64encode(":".join(self.login).encode()).decode()
            if request.headers.get("Authorization") != expected:
                return unauthorised()
        if request.path.startswith("/music/"):
            return self._download(request)
        if request.path != "/jsonrpc.js" or request.method != "POST":
            return web.Response(status=404, text="<html>not here</html>", content_type="text/html")
        try:
            body = json.loads(await request.text())
            player, command = body["params"]
            assert player == "", "no player is ever touched"
            self.commands.append(command)
            self.before(command)
            result = self.obey(command)
        except (Dislike, ValueError, TypeError, KeyError):
            return hang_up(request)
        return web.json_response(
            {"id": body.get("id"), "method": "slim.request", "params": body["params"]} | {"result": result}
        )

    def _download(self, request: web.Request) -> web.StreamResponse:
        _, _, track_id, last = (request.path + "////").split("/")[:4]
        found = [track for track in self.tracks if str(track.id) == track_id and not track.remote]
        audio = found[0].content() if found else None
        if last != "download" or audio is None:
            return web.Response(status=404, text="<html>no such file</html>", content_type="text/html")
        suffix = found[0].url.rsplit(".", 1)[-1].lower()
        return whole_or_part(audio, request, TYPES.get(suffix, "application/octet-stream"))

    def obey(self, command: list[Any]) -> Json:
        """One command -> its result. Raises ``Dislike``."""
        if self.hangs_up:
            raise Dislike
        words = [str(word) for word in command]
        plain = [word for word in words if ":" not in word]
        options = dict(word.split(":", 1) for word in words if ":" in word)
        for names in (plain[:2], plain[:1]):
            handler = getattr(self, "_on_" + "_".join(names), None)
            if handler is not None:
                answer: Json = handler([word for word in plain if word not in names], options)
                return answer
        raise Dislike

    def _on_version(self, *_: object) -> Json:
        return {"_version": "7.9.1"}

    def _on_info(self, plain: list[str], _: Json) -> Json:
        if plain[:2] != ["total", "songs"]:
            raise Dislike
        return {"_songs": len(self.library()) + self.lie_about_songs}

    def _on_rescan(self, plain: list[str], _: Json) -> Json:
        return {"_rescan": int(self.scanning)} if plain == ["?"] else {}

    def _on_rescanprogress(self, *_: object) -> Json:
        return {"rescan": int(self.scanning)}

    def _on_libraries(self, *_: object) -> Json:
        if not self.knows_libraries:
            raise Dislike
        rows = [{"id": library_id, "name": name} for library_id, name in self.libraries]
        return {"folder_loop": rows} if rows else {}

    def _on_musicfolder(self, _: list[str], options: Json) -> Json:
        rows = [
            {"id": number, "filename": name, "type": "folder"} | ({"url": url} if "u" in options["tags"] else {})
            for number, (url, name) in enumerate(self.folders, 1)
        ]
        return {"count": len(rows)} | ({"folder_loop": rows} if rows else {})

    def library(self) -> list[Track]:
        """What counts as a track, by title."""
        return sorted((track for track in self.tracks if track.in_library), key=lambda track: (track.title, track.id))

    def _on_titles(self, plain: list[str], options: Json) -> Json:
        tracks = self.library()
        if "track_id" in options:
            tracks = [track for track in tracks if str(track.id) == options["track_id"]]
        if "library_id" in options:
            tracks = [track for track in tracks if track.library == options["library_id"]]
        if "search" in options:
            tracks = [track for track in tracks if options["search"].casefold() in track.title.casefold()]
        rows = [track.tagged(options.get("tags", "gald")) for track in tracks]
        return self._loop("titles_loop", rows, plain)

    def _loop(self, name: str, rows: list[Json], plain: list[str]) -> Json:
        """A slice of a list. For a place behind the end the first row comes, and not the last."""
        start, count = int(plain[0]), min(int(plain[1]), self.most_rows)
        if rows and start >= len(rows):
            self.past_the_end += 1
            start, count = 0, 1
        wanted = rows[start : start + count]
        scanning = {"rescan": 1} if self.scanning else {}
        return scanning | ({name: wanted} if wanted else {}) | {"count": len(rows) + self.lie}

    def _on_songinfo(self, _: list[str], options: Json) -> Json:
        for track in self.tracks:
            if options.get("track_id") == str(track.id) or options.get("url") == track.url:
                return {"songinfo_loop": [{name: value} for name, value in track.tagged(options["tags"]).items()]}
        return {}

    def _on_playlists(self, plain: list[str], options: Json) -> Json:
        tags = options.get("tags", "")
        found = [] if "search" in options else list(self.playlists.values())
        rows = []
        for playlist in sorted(found, key=_key):
            row: Json = {"id": playlist.id, "playlist": playlist.name}
            row |= {"url": f"file:///srv/lms{playlist.name or ''}.m3u"} if "u" in tags else {}
            row |= {"textkey": (playlist.name or "")[:1]} if "s" in tags else {}
            rows.append(row)
        return self._loop("playlists_loop", rows, plain)

    def _on_playlists_new(self, _: list[str], options: Json) -> Json:
        if not self.playlist_folder:
            raise Dislike
        name = cleaned(options["name"])
        for playlist in self.playlists.values():
            if playlist.name == name:
                return {"overwritten_playlist_id": playlist.id}
        return {"playlist_id": self.add_playlist(name, [])}

    def _playlist(self, options: Json) -> Playlist:
        try:
            return self.playlists[int(options["playlist_id"])]
        except KeyError:
            raise Dislike from None

    def _on_playlists_tracks(self, plain: list[str], options: Json) -> Json:
        playlist = self.playlists.get(int(options["playlist_id"]))
        if playlist is None:
            return {"count": 0}
        tracks = [self.track(entry) for entry in playlist.entries]
        if not all(track.in_library for track in tracks):
            raise Dislike
        rows: list[Json] = [{"playlist index": n} | track.tagged(options["tags"]) for n, track in enumerate(tracks)]
        result = self._loop("playlisttracks_loop", rows, plain)
        for row in result.get("playlisttracks_loop", [])[:1]:
            row["playlist index"] = str(row["playlist index"]) if self.was_in(rows, plain) else row["playlist index"]
        return result | ({"__playlistTitle": playlist.name} if playlist.name else {})

    @staticmethod
    def was_in(rows: list[Json], plain: list[str]) -> bool:
        return int(plain[0]) < len(rows)

    def _on_playlists_edit(self, _: list[str], options: Json) -> Json:
        if options["cmd"] not in {"add", "delete", "move", "up", "down"}:
            raise Dislike
        entries = self._playlist(options).entries
        if options["cmd"] == "add":
            track = self._by_url(options["url"])
            if track.id not in entries:
                entries.append(track.id)
            track.title = options.get("title", track.title)
            return {}
        index = int(options["index"])
        if 0 <= index < len(entries):
            moved = entries.pop(index)
            steps = {"up": index - 1, "down": index + 1}
            if options["cmd"] != "delete":
                entries.insert(steps.get(options["cmd"], int(options.get("toindex", index))), moved)
        return {}

    def _by_url(self, url: str) -> Track:
        """A URL that is not known becomes a track that is in no library."""
        for track in self.tracks:
            if track.url == url:
                return track
        track = Track(self.new_id(), url, url, in_library=False, remote=not url.startswith("file:"))
        self.tracks.append(track)
        return track

    def _on_playlists_rename(self, _: list[str], options: Json) -> Json:
        playlist, name = self._playlist(options), cleaned(options["newname"])
        others = [other for other in self.playlists.values() if other.name == name]
        if "dry_run" not in options:
            for other in others:
                if other is not playlist:
                    del self.playlists[other.id]
            playlist.name = name
        return {"overwritten_playlist_id": others[0].id} if others else {}

    def _on_playlists_delete(self, _: list[str], options: Json) -> Json:
        del self.playlists[self._playlist(options).id]
        return {}


def cleaned(name: str) -> str:
    return name.replace("/", " ")


def _key(playlist: Playlist) -> str:
    return (playlist.name or "").casefold()
