"""Reading playlist files, whatever they are: M3U in any encoding, JSPF; hostile ones too.

What cannot be read is refused with a sentence; an entry that cannot be understood is an entry without a match.
"""

from __future__ import annotations

import json
import re
from typing import Any

from services.gateway.playlist_files.entries import MOST_ENTRIES, Entry, FilePlaylist, Format, clean, track_id_of
from shared.errors import InvalidInput

_EXTINF = re.compile(r"#EXTINF:\s*(-?\d{1,9}(?:\.\d{1,6})?)?[^,]{0,2000},(.*)", re.IGNORECASE | re.DOTALL)
_LINE = re.compile(r"[^\r\n]+")
_NAME = re.compile(r"#(?:PLAYLIST|EXTENC-NAME):(.*)", re.IGNORECASE | re.DOTALL)
_LONGEST_LINE = 8000
_LONGEST_S = 1_000_000.0
_MOST_SIGNS = 2_000_000
"""Ends of lines, commas and brackets; the longest playlists have a tenth of that."""


def read(content: bytes, wanted: Format | None = None) -> FilePlaylist:
    """The playlist of a file; its format is told by its content where none is ``wanted``. Raises ``InvalidInput``."""
    text = decode(content)
    if not text.strip():
        raise InvalidInput("file", "this file is empty; choose an .m3u, .m3u8 or .jspf file")
    if sum(map(text.count, "\n\r,{[")) > _MOST_SIGNS:
        raise InvalidInput("file", f"this file names far more than the {MOST_ENTRIES} songs of a playlist; divide it")
    found = wanted or ("jspf" if text.lstrip().startswith("{") else "m3u8")
    playlist = read_jspf(text) if found == "jspf" else read_m3u(text)
    if not playlist.entries:
        raise InvalidInput("file", "this file names no tracks; choose an .m3u, .m3u8 or .jspf file with some")
    return playlist


def decode(content: bytes) -> str:
    """UTF-8, UTF-16 with its mark, else Latin-1, which old files are in and which takes every byte."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def read_m3u(text: str) -> FilePlaylist:
    """M3U, plain or extended; lines end with LF, CRLF or CR. Raises ``InvalidInput`` for what is no list of paths."""
    name: str | None = None
    entries: list[Entry] = []
    about: dict[str, Any] = {}
    dropped = 0
    for line in _LINE.finditer(text):
        stripped = line[0].strip()[:_LONGEST_LINE]
        if stripped.startswith("#"):
            named = _NAME.match(stripped)
            name = clean(named[1], 300) if named and name is None else name
            about |= _comment(stripped)
        elif stripped and len(entries) == MOST_ENTRIES:
            dropped += 1
        elif stripped:
            entries.append(_entry(stripped, about))
            about = {}
    if "\x00" in text:
        raise InvalidInput("file", "this is not a text file; choose an .m3u, .m3u8 or .jspf file")
    return FilePlaylist("m3u8", name, entries, dropped)


def _comment(line: str) -> dict[str, Any]:
    """What an extended line says about the path that follows it."""
    if line[:8].upper() == "#EXTALB:":
        return {"album": clean(line[8:])}
    if line[:8].upper() == "#EXTART:":
        return {"artist": clean(line[8:])}
    found = _EXTINF.match(line)
    if found is None:
        return {}
    artist, dash, title = found[2].partition(" - ")
    words = {"artist": clean(artist), "title": clean(title)} if dash else {"title": clean(artist)}
    seconds = float(found[1]) if found[1] else None
    return {**words, "duration_s": seconds if seconds and 0 < seconds < _LONGEST_S else None}


def _entry(line: str, about: dict[str, Any]) -> Entry:
    track_id = track_id_of(line)
    if track_id is not None:
        return Entry(track_ids=(track_id,), **about)
    return Entry(locations=(line,), **about)


def read_jspf(text: str) -> FilePlaylist:
    """JSPF. Raises ``InvalidInput``."""
    try:
        document = json.loads(text)
        playlist = document["playlist"]
        tracks = playlist["track"]
    except (ValueError, RecursionError, KeyError, TypeError):
        tracks = None
    if not isinstance(tracks, list):
        raise InvalidInput("file", "this is not JSPF; choose a file with a playlist object that holds a list of tracks")
    entries = [_track(track) for track in tracks[:MOST_ENTRIES]]
    return FilePlaylist("jspf", clean(playlist.get("title"), 300), entries, max(0, len(tracks) - MOST_ENTRIES))


def _track(track: Any) -> Entry:
    if not isinstance(track, dict):
        return Entry()
    found = [track_id_of(text) for text in _list(track.get("identifier"))]
    return Entry(
        title=clean(track.get("title")),
        artist=clean(track.get("creator")),
        album=clean(track.get("album")),
        duration_s=_seconds(track.get("duration")),
        locations=tuple(text[:_LONGEST_LINE] for text in _list(track.get("location"))),
        track_ids=tuple(one for one in found if one is not None),
    )


def _seconds(duration: Any) -> float | None:
    """Milliseconds, where they are a number that makes sense."""
    if isinstance(duration, bool) or not isinstance(duration, (int, float)):
        return None
    return duration / 1000 if 0 < duration < 1000 * _LONGEST_S else None


def _list(value: Any) -> list[str]:
    """A list of texts, or a text on its own as some programs write it."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values[:10] if isinstance(item, str) and item.strip()]
