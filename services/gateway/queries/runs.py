"""SELECTs on runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

ACTIVE = ("requested", "running", "paused")

_COLUMNS = """
       r.run_id, r.kind, r.state, r.profile, r.scope, r.server_ids, r.requested_at, r.started_at, r.ended_at,
       r.discovered, r.analysed, r.skipped, r.failed, r.audio_ms, r.stages_ms, r.skips, r.first_outcome_at,
       r.last_outcome_at, r.listing_done, r.position"""

_PAGE = f"""
SELECT {_COLUMNS} FROM runs r
 WHERE $1::timestamptz IS NULL OR (r.requested_at, r.run_id) < ($1, $2::uuid)
 ORDER BY r.requested_at DESC, r.run_id DESC LIMIT $3
"""  # noqa: S608 - constants


async def page(connection: Connection, behind: tuple[datetime, UUID] | None, most: int) -> list[Record]:
    """Runs older than a place, newest first."""
    return await connection.fetch(_PAGE, *(behind or (None, None)), most)


async def one(connection: Connection, run_id: UUID) -> Record | None:
    """One run."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM runs r WHERE r.run_id = $1", run_id)  # noqa: S608


async def changed(connection: Connection, after: int) -> list[Record]:
    """Runs about which something was written after a place in the log, oldest first."""
    return await connection.fetch(
        f"SELECT {_COLUMNS} FROM runs r WHERE r.position > $1 ORDER BY r.position LIMIT 100",  # noqa: S608
        after,
    )


async def active(connection: Connection, server_ids: Sequence[UUID] | None) -> list[Record]:
    """Runs that have not ended and look at one of these libraries (at any, if None); oldest first."""
    return await connection.fetch(
        f"SELECT {_COLUMNS} FROM runs r"  # noqa: S608
        " WHERE r.state = ANY($1::text[]) AND ($2::uuid[] IS NULL OR r.server_ids && $2) ORDER BY r.requested_at",
        ACTIVE,
        server_ids,
    )


async def counts(connection: Connection, server_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many runs each of these libraries has had."""
    rows = await connection.fetch(
        "SELECT server_id, (SELECT count(*) FROM runs r WHERE server_id = ANY(r.server_ids)) AS runs"
        " FROM unnest($1::uuid[]) AS server_id",
        server_ids,
    )
    return {row["server_id"]: row["runs"] for row in rows}


_LAST_MINUTE = """
SELECT m.run_id, sum(m.analysed) AS analysed, min(m.minute) AS since FROM run_minutes m JOIN runs r USING (run_id)
 WHERE m.run_id = ANY($1::uuid[]) AND m.minute > now() - interval '70 seconds' AND m.minute <= now()
 GROUP BY m.run_id
"""


async def last_minute(connection: Connection, run_ids: Sequence[UUID]) -> dict[UUID, Record]:
    """What each run analysed in the last minute: ``analysed``, and the first ten seconds of it as ``since``."""
    return {row["run_id"]: row for row in await connection.fetch(_LAST_MINUTE, run_ids)}


async def scans(connection: Connection, run_ids: Sequence[UUID]) -> list[Record]:
    """The listings of runs."""
    return await connection.fetch(
        "SELECT run_id, server_id, state, listed, reason, detail, problem_count, problems FROM run_scans"
        " WHERE run_id = ANY($1::uuid[]) ORDER BY run_id, server_id",
        run_ids,
    )


_FAILURES = """
SELECT f.run_id, f.reason, f.count, f.track_id, f.detail, t.title
  FROM (SELECT run_id, reason, count(*) AS count, (array_agg(track_id ORDER BY track_id))[1] AS track_id,
               (array_agg(detail ORDER BY track_id))[1] AS detail
          FROM run_tracks WHERE run_id = ANY($1::uuid[]) AND outcome = 'failed' GROUP BY run_id, reason) f
  LEFT JOIN tracks t USING (track_id)
 ORDER BY f.count DESC, f.reason
"""


async def failures(connection: Connection, run_ids: Sequence[UUID]) -> list[Record]:
    """Failed tracks of runs by reason, with the first of each as example."""
    return await connection.fetch(_FAILURES, run_ids)


_FAILED = """
SELECT f.track_id, f.reason, f.detail, f.permanent, t.title, t.artist
  FROM run_tracks f LEFT JOIN tracks t USING (track_id)
 WHERE f.run_id = $1 AND f.outcome = 'failed' AND ($2::uuid IS NULL OR f.track_id > $2)
 ORDER BY f.track_id LIMIT $3
"""


async def failed(connection: Connection, run_id: UUID, behind: UUID | None, most: int) -> list[Record]:
    """The tracks of a run that failed, in the order of their ids."""
    return await connection.fetch(_FAILED, run_id, behind, most)
