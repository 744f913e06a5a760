"""``schedules``: what happens by the clock, and when it last did. ``version`` counts the decisions about one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, arrays, document, place, text, text_or_none, upsert
from shared.events import Event, ScheduleFired, ScheduleRemoved, ScheduleSet
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_COLUMNS = {
    "schedule_id": "uuid",
    "name": "text",
    "kind": "text",
    "cron": "text",
    "timezone": "text",
    "parameters": "jsonb",
    "enabled": "boolean",
    "removed": "boolean",
    "version": "int",
    "created_at": "timestamptz",
    "changed_at": "timestamptz",
    "last_fired_at": "timestamptz",
    "last_due_at": "timestamptz",
    "last_run_id": "uuid",
    "last_problem": "text",
    "position": "bigint",
}
_CREATE = """
CREATE TABLE schedules (
    schedule_id uuid PRIMARY KEY,
    name text NOT NULL,
    kind text NOT NULL,
    cron text NOT NULL,
    timezone text NOT NULL,
    parameters jsonb NOT NULL,
    enabled boolean NOT NULL,
    removed boolean NOT NULL,
    version int NOT NULL,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    last_fired_at timestamptz,
    last_due_at timestamptz,
    last_run_id uuid,
    last_problem text,
    position bigint NOT NULL
)
"""
_LOAD = f"SELECT {', '.join(_COLUMNS)} FROM schedules WHERE schedule_id = ANY($1::uuid[])"  # noqa: S608 - constants
_STORE = upsert("schedules", ["schedule_id"], _COLUMNS)
_NEVER_FIRED: dict[str, Any] = dict.fromkeys(("last_fired_at", "last_due_at", "last_run_id", "last_problem"))

Rows = dict[UUID, dict[str, Any]]


async def _apply(connection: Connection, events: Events) -> None:
    touched = list({event.message.schedule_id for event in events})
    rows: Rows = {row["schedule_id"]: dict(row) for row in await connection.fetch(_LOAD, touched)}
    for event in events:
        row = rows.get(event.message.schedule_id)
        if row is None or row["position"] < place(event):
            _FOLDS[type(event.message)](rows, event)
    if rows:
        stored = [tuple(row[name] for name in _COLUMNS) for row in rows.values()]
        await connection.execute(_STORE, *arrays(stored))


def _set(rows: Rows, event: Envelope[Any]) -> None:
    message: ScheduleSet = event.message
    before = rows.get(message.schedule_id) or {**_NEVER_FIRED, "version": 0, "created_at": event.occurred_at}
    rows[message.schedule_id] = {
        **before,
        "schedule_id": message.schedule_id,
        "name": text(message.name),
        "kind": message.kind,
        "cron": text(message.cron),
        "timezone": text(message.timezone),
        "parameters": document(message.parameters.model_dump(mode="json")),
        "enabled": message.enabled,
        "removed": False,
        "version": before["version"] + 1,
        "changed_at": event.occurred_at,
        "position": place(event),
    }


def _removed(rows: Rows, event: Envelope[Any]) -> None:
    row = rows.get(event.message.schedule_id)
    if row:
        version = row["version"] + 1
        row |= {"removed": True, "version": version, "changed_at": event.occurred_at, "position": place(event)}


def _fired(rows: Rows, event: Envelope[Any]) -> None:
    message: ScheduleFired = event.message
    row = rows.get(message.schedule_id)
    if row:
        row |= {
            "last_fired_at": event.occurred_at,
            "last_due_at": message.due_at,
            "last_run_id": message.run_id,
            "last_problem": text_or_none(message.problem),
            "position": place(event),
        }


_FOLDS: dict[type[Event], Callable[[Rows, Envelope[Any]], None]] = {
    ScheduleSet: _set,
    ScheduleRemoved: _removed,
    ScheduleFired: _fired,
}

SCHEDULES = Projection(
    name="schedules",
    version=1,
    handles=frozenset(_FOLDS),
    tables=("schedules",),
    create=_CREATE,
    apply=_apply,
)
