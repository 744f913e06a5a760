"""Requests to a Lyrion server with their answers: recorded ones where there are some, else ours."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lyrion.library import Track
from tests.lyrion.lyrion_server import LyrionTestServer, Playlist

Json = dict[str, Any]

RECORDING = "lms-7.9.1-jsonrpc.json"
_BETA = "file:///music/B%C3%A4nd/Beta.mp3"


@dataclass(frozen=True, slots=True)
class Exchange:
    """``answer`` None: the server closed the connection."""

    command: list[Any]
    answer: Json | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Exchanges in order, with a server in the state that the first of them met."""

    server: LyrionTestServer
    exchanges: tuple[Exchange, ...]
    songs: tuple[Json, ...]
    """The library as the session tells it."""


def session() -> Session:
    """The recorded session if ``STARLING_SPECS`` leads to one, else the one below."""
    specs = os.environ.get("STARLING_SPECS")
    recording = Path(specs).parent / "captures" / RECORDING if specs else None
    return recorded(recording) if recording is not None and recording.is_file() else ours()


def recorded(path: Path) -> Session:
    """Commands that our server knows; what the requests of the recording did outside of it is done in ``replayed``."""
    known = {"version", "info", "titles", "songinfo", "playlists", "rescan", "rescanprogress", "nonsense"}
    found = []
    for capture in json.loads(path.read_text())["captures"]:
        request, answer = capture["request"], capture["response"]
        if not isinstance(request, list) or request[0] not in known or capture["http"] == 401:
            continue
        if capture["note"] != "no match":
            found.append(Exchange(request, answer if isinstance(answer, dict) else None, capture["note"] or ""))
    songs = next(
        exchange.answer["titles_loop"] for exchange in found if exchange.answer and exchange.command[0] == "titles"
    )
    playlists = {12: Playlist(12, "Dup"), 13: Playlist(13, None)}
    server = LyrionTestServer([_track(song) for song in songs], playlists=playlists, next_id=14)
    return Session(server, tuple(found), tuple(songs))


def _track(song: Json) -> Track:
    track = Track(song["id"], song["url"], song["title"], song["artist"], song["album"], song.get("albumartist"))
    track.genre, track.year, track.number = song["genres"], int(song["year"]), int(song["tracknum"])
    track.disc, track.duration = int(song["disc"]), song["duration"]
    return track


def ours() -> Session:
    """A short session of our own making."""
    songs: tuple[Json, ...] = (
        {
            "id": 1,
            "title": "Alpha",
            "artist": "Bänd",
            "albumartist": "Bänd",
            "trackartist": "Bänd",
            "album": "Grüße",
            "duration": 61.5,
            "url": "file:///music/B%C3%A4nd/Alpha.flac",
            "tracknum": "1",
            "year": "1987",
            "disc": "1",
            "genres": "Pop, Rock",
        },
        {
            "id": 2,
            "title": "Beta",
            "artist": "Bänd",
            "album": "Grüße",
            "duration": 30,
            "url": _BETA,
            "tracknum": "2",
            "year": "0",
            "disc": "1",
            "genres": "Pop",
        },
    )
    entry = {"title": "Beta", "url": _BETA, "id": 2}
    exchanges = (
        Exchange(["version", "?"], {"_version": "9.0.1"}),
        Exchange(["info", "total", "songs", "?"], {"_songs": 2}),
        Exchange(["titles", 0, 50, "tags:aAlduGtyi"], {"titles_loop": list(songs), "count": 2}),
        Exchange(["songinfo", 0, 100, "track_id:77", "tags:al"], {}, "unknown track"),
        Exchange(["playlists", 0, 100], {"count": 0}),
        Exchange(["playlists", "new", "name:One / two"], {"playlist_id": 30}),
        Exchange(["playlists", "new", "name:One / two"], {"overwritten_playlist_id": 30}),
        Exchange(["playlists", "edit", "cmd:add", "playlist_id:30", f"url:{_BETA}"], {}),
        Exchange(["playlists", "edit", "cmd:add", "playlist_id:30", f"url:{_BETA}"], {}, "duplicate add"),
        Exchange(
            ["playlists", "tracks", 0, 100, "playlist_id:30", "tags:u"],
            {"count": 1, "__playlistTitle": "One   two", "playlisttracks_loop": [{"playlist index": "0"} | entry]},
        ),
        Exchange(
            ["playlists", "tracks", 5, 5, "playlist_id:30", "tags:u"],
            {"count": 1, "__playlistTitle": "One   two", "playlisttracks_loop": [{"playlist index": 0} | entry]},
            "past end",
        ),
        Exchange(["playlists", "delete", "playlist_id:30"], {}),
        Exchange(["playlists", "delete", "playlist_id:30"], None, "delete twice"),
        Exchange(["playlists", "tracks", 0, 10, "playlist_id:30"], {"count": 0}, "deleted playlist"),
    )
    return Session(LyrionTestServer([_track(song) for song in songs], next_id=30), exchanges, songs)
