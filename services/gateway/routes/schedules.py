"""Schedules: what happens by the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.gateway.endpoints import Call, Endpoint
from services.gateway.models.common import Accepted, Query
from services.gateway.models.schedules import SavedSchedule, Schedule, ScheduleBody, ScheduleList
from services.gateway.queries import schedules
from services.gateway.routes.clusterings import check_servers
from services.gateway.state import Gateway
from shared import cron, positions
from shared.errors import InvalidInput, NotFound
from shared.events import ScheduleParameters, ScheduleRemoved, ScheduleSet
from shared.messages import uuid7, wrap
from shared.streams import Unit


async def list_schedules(call: Call[Query, None]) -> ScheduleList:
    """All schedules, by name, each with when it is due next."""
    async with call.gateway.reading() as connection:
        rows = await schedules.listed(connection)
    now = datetime.now(UTC)
    return ScheduleList(items=[_schedule(row, now) for row in rows])


async def save_schedule(call: Call[None, ScheduleBody]) -> SavedSchedule:
    """Make a schedule under an id of your choice, or replace it."""
    gateway, body, schedule_id = call.gateway, call.body, call.id("schedule_id")
    cron.check(body.cron, body.timezone)
    await check_servers(gateway, body.parameters.server_ids, "parameters.server_ids")
    parameters = ScheduleParameters.model_validate(body.parameters.model_dump())
    fields = body.model_dump(exclude={"parameters"})
    event = ScheduleSet(schedule_id=schedule_id, parameters=parameters, **fields)
    position = await _decide(gateway, schedule_id, event)
    await gateway.intake.arrived(position)
    async with gateway.reading() as connection:
        row = await schedules.one(connection, schedule_id)
    if row is None:
        raise NotFound(f"there is no schedule {schedule_id}")
    shown = _schedule(row, datetime.now(UTC))
    return SavedSchedule(**dict(shown), position=positions.text(position))


async def remove_schedule(call: Call[None, None]) -> Accepted:
    """Remove a schedule. What it has started goes on."""
    gateway, schedule_id = call.gateway, call.id("schedule_id")
    async with gateway.reading() as connection:
        row = await schedules.one(connection, schedule_id)
    if row is None or row["removed"]:
        raise NotFound(f"there is no schedule {schedule_id}")
    position = await _decide(gateway, schedule_id, ScheduleRemoved(schedule_id=schedule_id))
    return Accepted(position=positions.text(position))


async def _decide(gateway: Gateway, schedule_id: UUID, event: ScheduleSet | ScheduleRemoved) -> int:
    """Append; of two decisions about one version, one gets ``Conflict``."""
    async with gateway.reading() as connection:
        row = await schedules.one(connection, schedule_id)
    version = row["version"] if row else 0
    unit = Unit(id=uuid7(), events=[wrap(event)], expect={f"schedule:{schedule_id}:{version}": 0})
    return (await gateway.intake.append(unit)).position


def _schedule(row: Any, now: datetime) -> Schedule:
    names = ("name", "kind", "cron", "timezone", "enabled", "changed_at", "last_fired_at", "last_due_at")
    return Schedule(
        id=row["schedule_id"],
        **{name: row[name] for name in (*names, "last_run_id", "last_problem")},
        parameters=ScheduleParameters.model_validate_json(row["parameters"]),
        next_at=_next(row, now),
    )


def _next(row: Any, now: datetime) -> datetime | None:
    """When it is due; one that an older release took and this one cannot read is never due."""
    if not row["enabled"]:
        return None
    try:
        return cron.next_at(row["cron"], row["timezone"], now)
    except InvalidInput:
        return None


_ONE = "/api/v1/schedules/{schedule_id}"

ENDPOINTS = (
    Endpoint("GET", "/api/v1/schedules", list_schedules, "Schedules", "List the schedules", ScheduleList, query=Query),
    Endpoint(
        "PUT",
        _ONE,
        save_schedule,
        "Schedules",
        "Set a schedule",
        SavedSchedule,
        body=ScheduleBody,
        problems=(409,),
    ),
    Endpoint("DELETE", _ONE, remove_schedule, "Schedules", "Remove a schedule", Accepted, 202, problems=(409,)),
)
