"""The music that a Lyrion test server has: made up, or read from a folder."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.mediaservers.paths import is_audio, suffix_of
from shared.mediaservers.tags import read_tags

Json = dict[str, Any]

_TYPES = {"flac": "flc", "m4a": "alc", "opus": "ops"}


@dataclass(slots=True)
class Track:
    """A row of the server's table of tracks. ``audio`` None: the bytes are those of ``path``; neither: no file."""

    id: int
    url: str
    title: str
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    number: int | None = None
    disc: int | None = None
    duration: float | None = None
    size: int | None = None
    modified: int = 1_700_000_000
    play_count: int = 0
    rating: int = 0
    lyrics: str | None = None
    remote: bool = False
    in_library: bool = True
    library: str | None = None
    audio: bytes | None = None
    path: Path | None = None

    def tagged(self, tags: str) -> Json:
        """The row as the server tells it: what is empty is left out, most numbers are text."""
        suffix = suffix_of(self.url)
        known: list[tuple[str, str, object]] = [
            ("a", "artist", self.artist),
            ("A", "artist", self.artist),
            ("A", "albumartist", self.album_artist),
            ("A", "trackartist", self.artist if self.album_artist else None),
            ("l", "album", self.album),
            ("d", "duration", self.duration),
            ("u", "url", self.url),
            ("t", "tracknum", self.number and str(self.number)),
            ("y", "year", str(self.year or 0)),
            ("i", "disc", self.disc and str(self.disc)),
            ("G", "genres", self.genre),
            ("g", "genre", self.genre),
            ("r", "bitrate", "137kbps VBR"),
            ("T", "samplerate", "44100"),
            ("o", "type", _TYPES.get(suffix, suffix)),
            ("C", "compilation", "0"),
            ("f", "filesize", self.size),
            ("n", "modificationTime", self.modified),
            ("x", "remote", 1 if self.remote else 0),
            ("O", "playcount", str(self.play_count) if self.play_count else None),
            ("R", "rating", str(self.rating) if self.rating else None),
            ("w", "lyrics", self.lyrics),
        ]
        row: Json = {"id": self.id, "title": self.title}
        return row | {name: value for tag, name, value in known if tag in tags and value is not None}

    def content(self) -> bytes | None:
        return self.path.read_bytes() if self.audio is None and self.path is not None else self.audio


def made_up(count: int) -> list[Track]:
    """``count`` tracks in albums of ten, each with bytes of its own."""
    tracks = []
    for number in range(1, count + 1):
        album = (number - 1) // 10
        audio = sha256(str(number).encode()).digest() * 100
        url = f"file:///srv/music/Artist%20{album % 7}/Album%20{album}/{number:04d}%20Title.mp3"
        track = Track(number, url, f"Title {number:04d}", f"Artist {album % 7}", f"Album {album}", audio=audio)
        track.number, track.duration, track.size = (number - 1) % 10 + 1, 200.5, len(audio)
        tracks.append(track)
    return tracks


def scan(root: Path, known: list[Track], first_id: int) -> list[Track]:
    """The audio files under ``root``; a file that is known keeps its id."""
    ids = {track.path: track.id for track in known}
    tracks = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and is_audio(path.name)):
        with path.open("rb") as file:
            tags = read_tags(file, path.name)
        stat = path.stat()
        track = Track(ids.get(path, first_id), "file://" + quote(str(path)), tags.title or path.stem, path=path)
        first_id += path not in ids
        track.artist, track.album, track.album_artist = tags.artist, tags.album, tags.album_artist
        track.genre, track.year, track.number = tags.genre, tags.year, tags.track_number
        track.disc, track.duration = tags.disc_number, tags.duration_s
        track.size, track.modified = stat.st_size, stat.st_mtime_ns
        tracks.append(track)
    return tracks
