"""Which tracks of the library the entries of a file mean: by Starling's own id, by path, by name. Pure.

A path matches by its end: the more of its folders agree, the better; the file's name alone is enough where only one
track has it. Names are compared without case, accents and signs; a length, where both say one, may differ by 3 s.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from uuid import UUID

from services.gateway.playlist_files.entries import Entry

LENGTH_TOLERANCE_S = 3.0
_SIGNS = re.compile(r"[\W_]+")
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True, slots=True)
class KnownTrack:
    """A track of the library. ``item_id`` is the path in folders."""

    track_id: UUID
    item_id: str
    title: str
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None


def folded(text: str | None) -> str:
    """Without case, accents and signs."""
    bare = unicodedata.normalize("NFKD", (text or "").casefold())
    letters = "".join(letter for letter in bare if not unicodedata.combining(letter))
    return _SIGNS.sub(" ", letters).strip() or (text or "").casefold().strip()


def path_parts(location: str) -> tuple[str, ...]:
    """The parts of a path or address, without case and in one form of accents; empty where there is none."""
    text = location
    if _ADDRESS.match(text):
        try:
            text = unquote(urlsplit(text).path)
        except ValueError:
            return ()
    if _DRIVE.match(text) or ("\\" in text and "/" not in text):
        text = text.replace("\\", "/")
    parts = unicodedata.normalize("NFC", text).casefold().split("/")
    return tuple(part for part in parts if part not in ("", ".", ".."))


@dataclass(slots=True)
class Finder:
    """Looks entries up among the tracks of the library."""

    ids: set[UUID] = field(default_factory=set)
    files: dict[str, list[tuple[tuple[str, ...], UUID]]] = field(default_factory=lambda: defaultdict(list))
    names: dict[tuple[str, str], list[KnownTrack]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, tracks: Sequence[KnownTrack]) -> Finder:
        """The order of ``tracks`` decides between equals."""
        finder = cls()
        for track in tracks:
            finder.ids.add(track.track_id)
            parts = path_parts(track.item_id)
            if parts:
                finder.files[parts[-1]].append((parts, track.track_id))
            finder.names[folded(track.artist), folded(track.title)].append(track)
            finder.names["", folded(track.title)].append(track)
        return finder

    def find(self, entry: Entry) -> UUID | None:
        """The track an entry means, None when it is not there or cannot be told."""
        own = next((track_id for track_id in entry.track_ids if track_id in self.ids), None)
        return own or self._by_path(entry) or self._by_name(entry)

    def _by_path(self, entry: Entry) -> UUID | None:
        for location in entry.locations:
            wanted = path_parts(location)
            candidates = self.files.get(wanted[-1], []) if wanted else []
            scored = [(_common_end(parts, wanted), track_id) for parts, track_id in candidates]
            if not scored:
                continue
            best = max(score for score, _ in scored)
            alike = [track_id for score, track_id in scored if score == best]
            if len(alike) == 1 or best > 1:
                return alike[0]
        return None

    def _by_name(self, entry: Entry) -> UUID | None:
        """An entry without an artist is found where only one track has its title."""
        title, artist = folded(entry.title), folded(entry.artist)
        if not title:
            return None
        candidates = [track for track in self.names.get((artist, title), []) if _length_fits(track, entry)]
        if not artist and len({folded(track.artist) for track in candidates}) > 1:
            return None
        album = folded(entry.album)
        same_album = [track for track in candidates if album and folded(track.album) == album]
        ranked = sorted(same_album or candidates, key=lambda track: _difference(track, entry))
        return ranked[0].track_id if ranked else None


def _common_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _difference(track: KnownTrack, entry: Entry) -> float:
    if track.duration_s is None or entry.duration_s is None:
        return LENGTH_TOLERANCE_S
    return abs(track.duration_s - entry.duration_s)


def _length_fits(track: KnownTrack, entry: Entry) -> bool:
    return _difference(track, entry) <= LENGTH_TOLERANCE_S
