"""What a playlist file holds."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from shared.events import MOST_TRACKS

Format = Literal["m3u8", "jspf"]
MOST_ENTRIES = MOST_TRACKS
LONGEST_TEXT = 1000
URN = "urn:starling:track:"


@dataclass(frozen=True, slots=True)
class Entry:
    """One track as a file names it; whatever is not said is None. ``locations`` are paths or addresses."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None
    locations: tuple[str, ...] = ()
    track_ids: tuple[UUID, ...] = ()

    @property
    def words(self) -> str:
        """For people."""
        named = " - ".join(part for part in (self.artist, self.title) if part)
        return named or next(iter(self.locations), "") or "an entry without a name"

    @property
    def empty(self) -> bool:
        """Nothing to look for."""
        return not (self.title or self.locations or self.track_ids)


@dataclass(frozen=True, slots=True)
class FilePlaylist:
    """A file that was read. ``dropped``: entries behind the first ``MOST_ENTRIES``."""

    format: Format
    name: str | None = None
    entries: list[Entry] = field(default_factory=list)
    dropped: int = 0


def clean(text: object, most: int = LONGEST_TEXT) -> str | None:
    """One line without control characters, None when nothing is left; None for what is not text."""
    if not isinstance(text, str):
        return None
    kept = "".join(
        " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in text[: 4 * most]
        if unicodedata.category(letter) != "Cs"
    )
    return " ".join(kept.split())[:most].rstrip() or None


def track_id_of(text: object) -> UUID | None:
    """The id in ``urn:starling:track:<id>``."""
    if not isinstance(text, str) or not text.startswith(URN):
        return None
    try:
        return UUID(text.removeprefix(URN))
    except ValueError:
        return None
