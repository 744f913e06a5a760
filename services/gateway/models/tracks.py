"""Tracks: facts, sound, neighbours."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from services.gateway.models.common import Answer, PageQuery, Query, Time
from shared.events import ImportSource, Profile

Family = Literal["genre", "mood", "instrument", "voice", "era", "other"]
TrackStatus = Literal["discovered", "analysed", "failed"]
Share = Annotated[float, Field(ge=0, le=1)]


class TrackQuery(PageQuery):
    """What to list."""

    query: str | None = Field(None, max_length=200, description="Words of title, artist or album; all must be there.")
    server_id: UUID | None = None
    status: TrackStatus | None = None


class SimilarQuery(Query):
    n: int = Field(20, ge=1, le=200, description="How many.")
    server_id: UUID | None = Field(None, description="Only from this library.")


class TrackFailure(Answer):
    reason: str
    detail: str | None


class Analysis(Answer):
    """How the track sounds."""

    profile: Profile
    feature_version: int
    analysed_at: Time
    duration_s: float
    tempo_bpm: float | None
    tempo_confidence: float
    key: str | None
    scale: str | None
    key_confidence: float
    tuning_cents: float
    loudness_lufs: float | None
    energy: Share
    brightness: Share
    silence_s: float
    silent: bool
    patches: int
    decoder: str
    audio_hash: str


class ImportedAnalysis(Answer):
    """What another program had found out about the track, as that program means it."""

    source: ImportSource
    imported_at: Time
    tempo_bpm: float | None
    key: str | None
    scale: str | None
    energy_rms: float | None = Field(description="Mean RMS amplitude, full scale is 1; not Starling's `energy`.")


class TopTag(Answer):
    """A word for the sound, and how much it stands out in this library."""

    tag: str = Field(examples=["msd:rock"])
    label: str
    family: Family
    probability: Share
    zscore: float | None = Field(description="Standard deviations above the library's mean; null while it is small.")


class MoodStrip(Answer):
    """Four bars that look alike for tracks that sound alike."""

    tempo: Share
    energy: Share
    brightness: Share
    mood: Share = Field(description="0 calm or sad, 1 bright or lively.")


class Track(Answer):
    """One track of a library."""

    id: UUID
    server_id: UUID
    item_id: str
    title: str
    artist: str | None
    album: str | None
    album_artist: str | None
    genre: str | None
    year: int | None
    track_number: int | None
    disc_number: int | None
    duration_s: float | None
    suffix: str | None
    status: TrackStatus
    failure: TrackFailure | None
    analysis: Analysis | None
    imported: ImportedAnalysis | None = Field(
        None, description="Stands in for the analysis until Starling has listened itself; null from then on."
    )
    analysis_source: Literal["starling"] | ImportSource | None = Field(None, description="Who listened.")
    top_tags: list[TopTag]
    mood_strip: MoodStrip | None


class Plays(Answer):
    """What the track's server counted, when it was last asked."""

    play_count: int
    last_played_at: Time | None
    rating: float | None = Field(description="Stars, 0 to 5.")
    favourite: bool
    imported_at: Time


class TrackDetail(Track):
    """Everything that is known of one track."""

    plays: Plays | None


class TrackList(Answer):
    items: list[Track]
    next_cursor: str | None
    total: int = Field(description="How many there are on all pages, counted with the first.")


class SimilarTrack(Answer):
    track: Track
    distance: float = Field(description="1 - cosine of the two sounds: 0 is the same sound.")
    why: str


class SimilarTracks(Answer):
    """Nearest first."""

    track: Track
    space: str = Field(
        description="What was compared: a track that is only known by an import is compared with what was imported."
        " Distances in two spaces say nothing about each other."
    )
    items: list[SimilarTrack]
