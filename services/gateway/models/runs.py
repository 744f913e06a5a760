"""Analysis runs: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from services.gateway.models.common import Answer, Body, Position, Time
from shared.events import Profile, RunState, Scope


class NewAnalysis(Body):
    """Which libraries to analyse, and how."""

    server_id: UUID | None = Field(None, description="Left out: every library.")
    profile: Profile = Field("fast", description="`full` listens to every second, `fast` to well-spread parts.")
    force: bool = Field(False, description="Analyse again what is analysed already; the same as scope `all`.")
    scope: Scope = Field("needed", description="`needed`: new and changed tracks; `all`; `failed`: what failed before.")


class RunAccepted(Answer):
    """The run is on its way."""

    run_id: UUID
    position: Position


class Totals(Answer):
    """discovered = analysed + skipped + failed + remaining, at every moment."""

    discovered: int
    analysed: int
    skipped: int
    failed: int
    remaining: int


class Stages(Answer):
    """Seconds of work so far, added up over all tracks and workers."""

    fetch: float
    decode: float
    tempo: float
    key: float
    loudness: float
    embedding: float


class FailureGroup(Answer):
    """Tracks that failed for the same reason, and one of them."""

    reason: str
    count: int
    example_track_id: UUID
    example_title: str | None
    example_detail: str | None


class SkipGroup(Answer):
    reason: str
    count: int


class Scan(Answer):
    """The listing of one library."""

    server_id: UUID
    state: Literal["running", "completed", "failed"]
    listed: int
    reason: str | None
    detail: str | None
    problem_count: int = Field(description="Items that were seen and could not be listed.")
    problems: list[str] = Field(description="The first of them, each in a sentence.")


class Run(Answer):
    """One analysis run."""

    id: UUID
    kind: str
    state: RunState
    profile: Profile
    scope: Scope
    server_ids: list[UUID]
    requested_at: Time
    started_at: Time | None
    ended_at: Time | None
    totals: Totals
    listing_done: bool
    tracks_per_minute: float | None = Field(
        description="Of the last minute while it runs, of the whole run afterwards."
    )
    eta_s: float | None = Field(
        description="For what is known to be left: more may be found until the listing is done."
    )
    audio_s: float = Field(description="Seconds of music analysed.")
    realtime_factor: float | None = Field(description="Seconds of music analysed in one second.")
    stages_s: Stages
    failures: list[FailureGroup]
    skips: list[SkipGroup]
    scans: list[Scan]


class RunList(Answer):
    """Newest first."""

    items: list[Run]
    next_cursor: str | None


class FailedTrack(Answer):
    track_id: UUID
    title: str | None
    artist: str | None
    reason: str
    detail: str
    permanent: bool = Field(description="The file itself is at fault: trying again changes nothing.")


class FailedTracks(Answer):
    items: list[FailedTrack]
    next_cursor: str | None
