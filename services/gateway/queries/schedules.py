"""SELECTs on schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_COLUMNS = """
       schedule_id, name, kind, cron, timezone, parameters, enabled, removed, version, changed_at, last_fired_at,
       last_due_at, last_run_id, last_problem"""


async def listed(connection: Connection) -> list[Record]:
    """All schedules that were not removed, by name."""
    return await connection.fetch(
        f"SELECT {_COLUMNS} FROM schedules WHERE NOT removed ORDER BY lower(name), schedule_id"  # noqa: S608
    )


async def one(connection: Connection, schedule_id: UUID) -> Record | None:
    """One schedule, a removed one too."""
    return await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM schedules WHERE schedule_id = $1",  # noqa: S608
        schedule_id,
    )
