"""What a Jellyfin or Emby of our own keeps: users, tracks, playlists, in the shape of the API."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from shared.mediaservers.tags import read_tags

Json = dict[str, Any]
Kind = Literal["jellyfin", "emby"]

SERVER_ID = "0123456789abcdef0123456789abcdef"
TICKS = 10_000_000


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(status, text)
        self.response = web.Response(status=status, text=text or None)


@dataclass(frozen=True, slots=True)
class Flavour:
    """A version of a server. ``key_removes``: an API key may remove entries of playlists."""

    kind: Kind
    version: str
    key_removes: bool = True

    @property
    def spec(self) -> str:
        return f"{self.kind}-{self.version}"

    @property
    def emby(self) -> bool:
        return self.kind == "emby"


JELLYFIN_10 = Flavour("jellyfin", "10.10.7", key_removes=False)
JELLYFIN_11 = Flavour("jellyfin", "10.11.11")
JELLYFIN_12 = Flavour("jellyfin", "12.0.0")
EMBY = Flavour("emby", "4.9.0.33")


@dataclass(slots=True)
class Person:
    """A user."""

    id: str
    name: str
    password: str
    administrator: bool = False
    disabled: bool = False
    may_download: bool = True

    def listed(self) -> Json:
        policy = {
            "IsAdministrator": self.administrator,
            "IsDisabled": self.disabled,
            "AuthenticationProviderId": "Default",
            "PasswordResetProviderId": "Default",
        }
        return {"Name": self.name, "ServerId": SERVER_ID, "Id": self.id, "HasPassword": True, "Policy": policy}


@dataclass(slots=True)
class Track:
    """An audio file on the server; ``data`` is what the one listener did with it, ``words`` its lyrics."""

    id: str
    library: str
    fields: Json
    audio: Path | bytes
    data: Json = field(default_factory=dict)
    words: str | None = None

    def bytes(self) -> bytes:
        return self.audio if isinstance(self.audio, bytes) else self.audio.read_bytes()


@dataclass(slots=True)
class Playlist:
    """A playlist; entries are (entry id, item id)."""

    id: str
    name: str
    owner: str
    public: bool
    entries: list[tuple[str, str]]
    tags: list[str] = field(default_factory=list)


def make_id(kind: Kind, name: object) -> str:
    """The id that a server would give: 32 hex digits on Jellyfin, a number on Emby."""
    number = uuid5(NAMESPACE_URL, str(name))
    return str(number.int % 10**8 + 1) if kind == "emby" else number.hex


def synthetic_tracks(kind: Kind, library: str, count: int) -> list[Track]:
    """Tracks that exist in the database only: 320 bytes of sound each. Their ``fields`` are shared: copy to change."""
    return [Track(track_id, library, fields, audio) for track_id, fields, audio in _synthetic(kind, count)]


@cache
def _synthetic(kind: Kind, count: int) -> list[tuple[str, Json, bytes]]:
    found = []
    for number in range(count):
        track_id = make_id(kind, f"synthetic {number}")
        audio = hashlib.sha256(track_id.encode()).digest() * 10
        named = {"Name": f"Track {number:04d}", "Artists": ["Somebody"], "Album": f"Album {number // 10}"}
        moment = datetime(2020, 1, 1) + timedelta(minutes=number)  # noqa: DTZ001 - only its text is used
        found.append((track_id, {**named, **_file(kind, track_id, f"/m/{number}.mp3", audio, moment)}, audio))
    return found


def track_of(kind: Kind, library: str, path: Path, number: int) -> Track:
    """A file as a scan would find it, the ``number``-th that the server ever saw."""
    track_id = make_id(kind, path)
    with path.open("rb") as file:
        tags = read_tags(file, path.name)
    named: Json = {
        "Name": tags.title,
        "Album": tags.album,
        "AlbumArtist": tags.album_artist,
        "Artists": [tags.artist],
        "ArtistItems": [{"Name": tags.artist, "Id": make_id(kind, tags.artist)}],
        "Genres": [tags.genre],
        "ProductionYear": tags.year,
        "IndexNumber": tags.track_number,
        "ParentIndexNumber": tags.disc_number,
        "RunTimeTicks": int((tags.duration_s or 0) * TICKS),
    }
    moment = datetime(2021, 1, 1) + timedelta(minutes=number)  # noqa: DTZ001
    changed = str(path.stat().st_mtime_ns)
    return Track(
        track_id, library, {**_file(kind, track_id, str(path), path.read_bytes(), moment, changed), **named}, path
    )


def _file(kind: Kind, track_id: str, path: str, audio: bytes, moment: datetime, changed: str = "0") -> Json:
    """What the server says about a file; only Jellyfin has an ETag for it."""
    suffix = path.rsplit(".", 1)[-1].lower()
    source_id = f"mediasource_{track_id}" if kind == "emby" else track_id
    source: Json = {"Protocol": "File", "Id": source_id, "Path": path, "Type": "Default", "Container": suffix}
    source |= {"Size": len(audio), "Bitrate": 320_000}
    if kind == "jellyfin":
        source["ETag"] = hashlib.md5(changed.encode(), usedforsecurity=False).hexdigest()
    return {
        "ServerId": SERVER_ID,
        "Id": track_id,
        "Type": "Audio",
        "MediaType": "Audio",
        "IsFolder": False,
        "RunTimeTicks": 200 * TICKS,
        "DateCreated": moment.isoformat() + ".0000000Z",
        "Container": suffix,
        "Path": path,
        "MediaSources": [source],
    }
