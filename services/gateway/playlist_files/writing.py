"""Writing playlist files.

M3U8: UTF-8, one path per line, ``#EXTINF:<seconds>,<artist> - <title>`` before it. JSPF: the JSON form of XSPF
(https://www.xspf.org/jspf), durations in milliseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from services.gateway.playlist_files.entries import URN, clean


@dataclass(frozen=True, slots=True)
class Item:
    """A track to write. ``path`` is relative to its folder, None where its server has no paths."""

    track_id: UUID
    title: str
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None
    path: str | None = None


def write_m3u8(name: str, items: Iterable[Item]) -> bytes:
    """The file; a track without a path is named by its id, which an import understands."""
    lines = ["#EXTM3U", f"#PLAYLIST:{clean(name) or 'Playlist'}"]
    for item in items:
        seconds = -1 if item.duration_s is None else round(item.duration_s)
        lines.append(f"#EXTINF:{seconds},{_words(item)}")
        if item.album:
            lines.append(f"#EXTALB:{clean(item.album)}")
        lines.append(_location(item))
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")


def _words(item: Item) -> str:
    return " - ".join(part for part in (clean(item.artist), clean(item.title)) if part) or "Unknown"


def _location(item: Item) -> str:
    """A path that would be taken for a comment gets ``./`` in front; one that cannot be one line is not a path."""
    if item.path is None or any(letter in item.path for letter in "\n\r\x00") or item.path != item.path.strip():
        return f"{URN}{item.track_id}"
    return f"./{item.path}" if item.path.startswith("#") else item.path


def write_jspf(name: str, items: Iterable[Item]) -> bytes:
    """The file."""
    document = {"playlist": {"title": clean(name) or "Playlist", "track": [_track(item) for item in items]}}
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8", "replace")


def _track(item: Item) -> dict[str, object]:
    found: dict[str, object] = {"identifier": [f"{URN}{item.track_id}"], "title": item.title}
    if item.artist:
        found["creator"] = item.artist
    if item.album:
        found["album"] = item.album
    if item.duration_s is not None:
        found["duration"] = round(item.duration_s * 1000)
    if item.path is not None:
        found["location"] = [item.path]
    return found
