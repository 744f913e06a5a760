"""Status, and work that was given up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from services.gateway.models.common import Answer, Position, Time


class DeadLetterSummary(Answer):
    """A command that was given up."""

    id: str
    service: str
    command_type: str
    command_id: str | None
    run_id: UUID | None
    subject: str | None
    reason: str
    detail: str
    deliveries: int
    buried_at: Time
    title: str | None = Field(description="The track's title, where the command is about a track.")


class DeadLetterDetail(DeadLetterSummary):
    """With everything needed to understand it."""

    data: dict[str, Any]
    traceback: str
    retryable: bool


class DeadLetters(Answer):
    """Newest first."""

    items: list[DeadLetterSummary]
    next_cursor: str | None


class TrackCounts(Answer):
    total: int
    analysed: int
    failed: int


class Backlog(Answer):
    """Commands that have not ended; the dead ones have been given up."""

    fetcher: int
    analyzer: int
    clusterer: int
    syncer: int
    delayed: int
    dead: int


class IndexState(Answer):
    """The neighbour index of this process."""

    ready: bool
    vectors: int
    position: Position


class Worker(Answer):
    """A process that works off commands, as it described itself a few seconds ago."""

    name: str
    service: str
    version: str
    host: str
    started_at: Time
    silent_s: float = Field(description="Seconds since it was last heard of; it says so every five.")
    slots: int = Field(description="Commands it works on at once, at most.")
    busy: int = Field(description="Commands it works on now.")
    done: int = Field(description="Commands that ended here since its start.")
    failed: int = Field(description="Those of them that did not end well.")
    per_minute: float = Field(description="Commands that ended here in the last minute.")
    cores: int
    means: dict[str, str] = Field(description="What it works with, e.g. the space of its embeddings.")


class Workers(Answer):
    """By service and name."""

    release: str | None = Field(description="The release that the coordinator leads; others than it are told why not.")
    items: list[Worker]


class Status(Answer):
    version: str
    tracks: TrackCounts
    servers: int
    backlog: Backlog
    projector_lag_events: int = Field(description="Events not yet visible; counted up to 500.")
    index: IndexState
    active_runs: list[UUID]


class Health(Answer):
    status: str


class Readiness(Answer):
    ready: bool
    checks: dict[str, bool]
