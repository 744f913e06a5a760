"""Schedules: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from services.gateway.models.clusterings import Options
from services.gateway.models.common import Answer, Body, Position, Time
from shared.events import ScheduleKind, ScheduleParameters


class Parameters(ScheduleParameters):
    """What the work is given; a kind uses those that mean something to it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server_ids: tuple[UUID, ...] = Field(default=(), max_length=100)
    playlist_ids: tuple[UUID, ...] = Field(default=(), max_length=1000)
    clustering: Options = Options()


class ScheduleBody(Body):
    """The whole schedule as it shall be."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "Every night", "kind": "refresh", "cron": "@daily", "timezone": "Europe/Oslo"}]
        }
    )

    name: Annotated[str, Field(min_length=1, max_length=200)]
    kind: ScheduleKind
    cron: str = Field(
        min_length=1,
        max_length=200,
        description="Five fields, names of months and days allowed, or `@daily` and the like.",
    )
    timezone: str = Field("UTC", max_length=100, description="A name of the IANA database.")
    parameters: Parameters = Parameters()
    enabled: bool = True


class Schedule(Answer):
    id: UUID
    name: str
    kind: ScheduleKind
    cron: str
    timezone: str
    parameters: ScheduleParameters
    enabled: bool
    changed_at: Time
    last_fired_at: Time | None
    last_due_at: Time | None
    last_run_id: UUID | None = Field(description="What was started then.")
    last_problem: str | None
    next_at: Time | None


class SavedSchedule(Schedule):
    position: Position


class ScheduleList(Answer):
    """By name."""

    items: list[Schedule]
