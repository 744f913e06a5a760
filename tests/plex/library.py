"""The music that a Plex test server has: made up, or read from a folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from shared.mediaservers.paths import is_audio, suffix_of
from shared.mediaservers.tags import read_tags

Json = dict[str, Any]


@dataclass(slots=True)
class Track:
    """A track with one file. ``audio`` None: the bytes are those of ``path``; neither: no file."""

    key: int
    section: str
    title: str
    fields: Json = field(default_factory=dict)
    genre: str | None = None
    album_genre: str | None = None
    """Told with the album alone, which is what ``parentRatingKey`` in ``fields`` names."""
    file: str = ""
    changed: int = 1_700_000_000
    lyrics: tuple[str, str] | None = None
    """(format, text)"""
    audio: bytes | None = None
    path: Path | None = None

    @property
    def part_key(self) -> str:
        return f"/library/parts/{self.key}/{self.changed}/file.{suffix_of(self.file)}"

    def content(self) -> bytes:
        if self.audio is not None:
            return self.audio
        return self.path.read_bytes() if self.path is not None else b""

    def listed(self, *, streams: bool = False) -> Json:
        """The track in a listing; ``streams`` are only told when it is asked for alone."""
        part: Json = {"id": self.key, "key": self.part_key, "file": self.file, "container": suffix_of(self.file)}
        part["size"] = len(self.audio) if self.audio is not None else self.path.stat().st_size if self.path else 0
        if streams:
            part["Stream"] = [{"id": self.key * 10, "streamType": 2, "codec": "mp3"}]
        if streams and self.lyrics is not None:
            key = self.key * 10 + 4
            part["Stream"].append(
                {"id": key, "streamType": 4, "key": f"/library/streams/{key}", "format": self.lyrics[0]}
            )
        media = {"id": self.key, "audioChannels": 2, "Part": [part]}
        track: Json = {"ratingKey": str(self.key), "type": "track", "title": self.title, "Media": [media]}
        return track | self.fields | ({"Genre": [{"tag": self.genre}]} if self.genre else {})


def made_up(count: int, section: str = "5", first: int = 1) -> list[Track]:
    """``count`` tracks in albums of ten, each with bytes of its own."""
    tracks = []
    for number in range(first, first + count):
        album = (number - 1) // 10
        audio = sha256(str(number).encode()).digest() * 100
        fields = {"grandparentTitle": f"Artist {album % 7}", "parentTitle": f"Album {album}", "duration": 200_500}
        fields |= {"index": (number - 1) % 10 + 1, "parentIndex": 1, "parentYear": 1999, "updatedAt": 1_700_000_001}
        file = f"/srv/music/{number:04d}.mp3"
        tracks.append(Track(number, section, f"Title {number:04d}", fields, file=file, audio=audio))
    return tracks


def scan(root: Path, known: list[Track], first_key: int, section: str = "5") -> list[Track]:
    """The audio files under ``root``; a file that is known keeps its key."""
    keys = {track.path: track.key for track in known}
    tracks = []
    for path in sorted(path for path in root.rglob("*") if path.is_file() and is_audio(path.name)):
        with path.open("rb") as file:
            tags = read_tags(file, path.name)
        track = Track(keys.get(path, first_key), section, tags.title or path.stem, file=str(path), path=path)
        first_key += path not in keys
        track.album_genre, track.changed = tags.genre, path.stat().st_mtime_ns
        told = {
            "grandparentTitle": tags.album_artist or tags.artist,
            "originalTitle": tags.artist if tags.album_artist != tags.artist else None,
            "parentTitle": tags.album,
            "parentRatingKey": str(int(sha256(repr((tags.artist, tags.album)).encode()).hexdigest()[:8], 16)),
            "parentYear": tags.year,
            "index": tags.track_number,
            "parentIndex": tags.disc_number,
            "duration": round(tags.duration_s * 1000) if tags.duration_s else None,
        }
        track.fields = {name: value for name, value in told.items() if value is not None}
        tracks.append(track)
    return tracks
