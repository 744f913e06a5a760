"""Policy: remembers the schedules, and up to when each has been kept. What is due is for the clock to find out
(``services.coordinator.scheduler``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.events import Event, ScheduleFired, ScheduleKind, ScheduleParameters, ScheduleRemoved, ScheduleSet
from shared.messages import Envelope
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

name = "schedules"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_schedules (
    schedule_id uuid PRIMARY KEY,
    kind text NOT NULL,
    cron text NOT NULL,
    timezone text NOT NULL,
    parameters jsonb NOT NULL,
    enabled boolean NOT NULL,
    kept_until timestamptz NOT NULL
)
""",
)

handles: tuple[type[Event], ...] = (ScheduleSet, ScheduleRemoved, ScheduleFired)

_SET = """
INSERT INTO coordinator_schedules (schedule_id, kind, cron, timezone, parameters, enabled, kept_until)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (schedule_id) DO UPDATE
   SET (kind, cron, timezone, parameters, enabled, kept_until) = ($2, $3, $4, $5, $6, $7)
"""
_FIRED = """
UPDATE coordinator_schedules SET kept_until = greatest(kept_until, $2, $3) WHERE schedule_id = $1
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that is enabled. Due times behind ``kept_until`` are still to be kept."""

    schedule_id: UUID
    kind: ScheduleKind
    cron: str
    timezone: str
    parameters: ScheduleParameters
    kept_until: datetime


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """Remember; nothing follows. Due times before a schedule was set, and those that passed while a missed one was
    made up for, count as kept."""
    for envelope in events:
        message = envelope.message
        match message:
            case ScheduleSet():
                await connection.execute(
                    _SET,
                    message.schedule_id,
                    message.kind,
                    message.cron,
                    message.timezone,
                    message.parameters.model_dump_json(),
                    message.enabled,
                    envelope.occurred_at,
                )
            case ScheduleFired():
                await connection.execute(_FIRED, message.schedule_id, message.due_at, envelope.occurred_at)
            case ScheduleRemoved():
                await connection.execute(
                    "DELETE FROM coordinator_schedules WHERE schedule_id = $1", message.schedule_id
                )
    return []


async def enabled(connection: Connection) -> list[Schedule]:
    """The schedules that are to be kept."""
    rows = await connection.fetch(
        "SELECT schedule_id, kind, cron, timezone, parameters, kept_until FROM coordinator_schedules"
        " WHERE enabled ORDER BY schedule_id"
    )
    return [
        Schedule(**{**dict(row), "parameters": ScheduleParameters.model_validate_json(row["parameters"])})
        for row in rows
    ]
