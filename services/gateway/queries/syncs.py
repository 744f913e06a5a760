"""SELECTs on syncs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

ACTIVE = ("requested", "running")
MOST_PROBLEMS = 200

_COLUMNS = """
       run_id, state, requested_at, started_at, ended_at, targets, synced, skipped, failed, reason, detail, position"""
_PAGE = f"""
SELECT {_COLUMNS} FROM syncs
 WHERE $1::timestamptz IS NULL OR (requested_at, run_id) < ($1, $2::uuid)
 ORDER BY requested_at DESC, run_id DESC LIMIT $3
"""  # noqa: S608 - constants
_PROBLEMS = """
SELECT * FROM (
    SELECT t.run_id, t.playlist_id, t.server_id, t.outcome, t.reason, t.detail, t.restored, p.name,
           s.name AS server_name, row_number() OVER (
               PARTITION BY t.run_id ORDER BY t.outcome, lower(p.name), t.playlist_id, t.server_id) AS place
      FROM sync_targets t LEFT JOIN playlists p USING (playlist_id) LEFT JOIN servers s ON s.server_id = t.server_id
     WHERE t.run_id = ANY($1::uuid[]) AND t.outcome IN ('skipped', 'failed')) AS found
 WHERE place <= $2 ORDER BY run_id, place
"""


async def page(connection: Connection, behind: tuple[datetime, UUID] | None, most: int) -> list[Record]:
    """Syncs older than a place, newest first."""
    return await connection.fetch(_PAGE, *(behind or (None, None)), most)


async def one(connection: Connection, run_id: UUID) -> Record | None:
    """One sync."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM syncs WHERE run_id = $1", run_id)  # noqa: S608


async def changed(connection: Connection, after: int) -> list[Record]:
    """The syncs that changed last after a place in the log."""
    return await connection.fetch(
        f"SELECT {_COLUMNS} FROM syncs WHERE position > $1 ORDER BY position DESC LIMIT 20",  # noqa: S608
        after,
    )


async def active(connection: Connection) -> list[Record]:
    """Syncs that have not ended, oldest first."""
    return await connection.fetch(
        f"SELECT {_COLUMNS} FROM syncs WHERE state = ANY($1::text[]) ORDER BY requested_at",  # noqa: S608
        ACTIVE,
    )


async def problems(connection: Connection, run_ids: Sequence[UUID]) -> list[Record]:
    """What did not reach a server, the first of each sync, failures first."""
    return await connection.fetch(_PROBLEMS, run_ids, MOST_PROBLEMS)
