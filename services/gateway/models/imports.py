"""What another program had found out: what a client sends, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Base64Bytes, ConfigDict, Field

from services.gateway.models.common import Answer, Body, Position
from services.gateway.models.playlists import PlaylistName
from services.gateway.models.tracks import Share
from shared.embedding import TAGS, read_audiomuse
from shared.events import MOST_TRACKS, ImportSource

MOST_ANALYSES = 500
"""In one request."""

_KNOWN_TAGS = frozenset(TAGS)


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL")
    return text


Text = Annotated[str, Field(max_length=4096), AfterValidator(_storable)]


def _usable(blob: bytes) -> bytes:
    read_audiomuse(blob)
    return blob


def _known(tags: dict[str, float]) -> dict[str, float]:
    if unknown := sorted(tags.keys() - _KNOWN_TAGS):
        raise ValueError(f"{unknown[0]!r} is not a tag; a track's own tags are among those that Starling shows")
    return tags


class ForeignTrack(Body):
    """A track as the other program describes it."""

    # An id or a path may begin or end with a space.
    model_config = ConfigDict(str_strip_whitespace=False)

    item_id: Text = Field(min_length=1, description="What the media server calls the track.")
    path: Text | None = None
    title: Text | None = None
    artist: Text | None = None
    album: Text | None = None
    duration_s: float | None = Field(None, ge=0)


class ForeignAnalysis(ForeignTrack):
    """And what it had found out."""

    tempo_bpm: float | None = Field(None, gt=0, le=1000)
    key: Literal["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"] | None = None
    scale: Literal["major", "minor"] | None = None
    energy_rms: float | None = Field(None, ge=0, le=1)
    tags: Annotated[dict[str, Share], AfterValidator(_known)] = Field(default_factory=dict)
    vector: Annotated[Base64Bytes, AfterValidator(_usable)] | None = Field(
        None, description="200 little-endian 32-bit floats, in base64."
    )


class _Import(Body):
    server_id: UUID = Field(description="The library that the tracks are in.")
    source: ImportSource
    dry_run: bool = Field(False, description="Only say what would become of each.")


class AnalysisImport(_Import):
    source_version: Text = Field(max_length=200, description="What tells the release of the source.")
    items: list[ForeignAnalysis] = Field(max_length=MOST_ANALYSES)


ImportState = Literal["taken", "known", "double", "unknown"]


class ImportOutcome(Answer):
    """``known``: taken over before, just like this. ``double``: another item stands for the same track.
    ``unknown``: the library has no such track, or several that it could be."""

    item_id: str
    state: ImportState
    track_id: UUID | None
    matched_by: Literal["id", "path", "names"] | None


class AnalysisImportResult(Answer):
    """One outcome for each item, in order."""

    items: list[ImportOutcome]
    position: Position


class PlaylistImport(_Import):
    source_name: Text = Field(min_length=1, max_length=1000, description="What the source calls the playlist.")
    name: PlaylistName
    items: list[ForeignTrack] = Field(max_length=MOST_TRACKS)


class PlaylistImportResult(Answer):
    """``known``: there is, or was, a playlist that came from this one; it is left alone. ``empty``: none of its tracks
    is in the library."""

    state: Literal["taken", "known", "empty"]
    playlist_id: UUID
    matched: int
    missing: int
    position: Position
