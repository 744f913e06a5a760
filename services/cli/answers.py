"""What the gateway answers, as far as the command line looks at it. See /docs of a running instance for all of it."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

RunState = Literal["requested", "running", "paused", "completed", "cancelled", "failed"]
Profile = Literal["fast", "full"]
Scope = Literal["needed", "all", "failed"]


class Server(TypedDict):
    id: str
    type: str
    name: str
    path: str | None
    url: str | None
    username: str | None
    added_at: str
    track_count: int
    analysed_count: int
    last_scan_at: str | None
    last_scan_problem: str | None


class Accepted(TypedDict):
    """``position`` is where the event stands that says what was asked."""

    position: str


class AddedServer(Server):
    position: str


class AcceptedRun(Accepted):
    run_id: str


class Totals(TypedDict):
    discovered: int
    analysed: int
    skipped: int
    failed: int
    remaining: int


class FailureGroup(TypedDict):
    reason: str
    count: int
    example_track_id: str
    example_title: str | None
    example_detail: str | None


class SkipGroup(TypedDict):
    reason: str
    count: int


class Scan(TypedDict):
    server_id: str
    state: Literal["running", "completed", "failed"]
    listed: int
    reason: str | None
    detail: str | None


class Run(TypedDict):
    id: str
    kind: str
    state: RunState
    profile: Profile
    scope: Scope
    server_ids: list[str]
    requested_at: str
    started_at: str | None
    ended_at: str | None
    totals: Totals
    listing_done: bool
    tracks_per_minute: float | None
    eta_s: float | None
    audio_s: float
    realtime_factor: float | None
    stages_s: dict[str, float]
    failures: list[FailureGroup]
    skips: list[SkipGroup]
    scans: list[Scan]


class RunPage(TypedDict):
    items: list[Run]
    next_cursor: str | None


class Track(TypedDict):
    id: str
    server_id: str
    title: str
    artist: str | None
    album: str | None
    year: int | None
    duration_s: float | None
    status: Literal["discovered", "analysed", "failed"]


class TrackPage(TypedDict):
    items: list[Track]
    next_cursor: str | None
    total: int


class Neighbour(TypedDict):
    track: Track
    distance: float
    why: str


class Similar(TypedDict):
    track: Track
    items: list[Neighbour]


class DeadLetter(TypedDict):
    id: str
    service: str
    command_type: str
    command_id: str | None
    run_id: str | None
    subject: str | None
    reason: str
    detail: str
    deliveries: int
    buried_at: str
    title: str | None


class DeadLetterDetail(DeadLetter):
    data: dict[str, Any]
    traceback: str


class DeadPage(TypedDict):
    items: list[DeadLetter]
    next_cursor: str | None


class TrackCounts(TypedDict):
    total: int
    analysed: int
    failed: int


class IndexState(TypedDict):
    ready: bool
    vectors: int
    position: str


class Worker(TypedDict):
    name: str
    service: str
    version: str
    host: str
    started_at: str
    silent_s: float
    slots: int
    busy: int
    done: int
    failed: int
    per_minute: float
    cores: int
    means: dict[str, str]


class Workers(TypedDict):
    release: str | None
    items: list[Worker]


class Status(TypedDict):
    version: str
    tracks: TrackCounts
    servers: int
    backlog: dict[str, int]
    projector_lag_events: int
    index: IndexState
    active_runs: list[str]
