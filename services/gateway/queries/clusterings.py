"""SELECTs on clusterings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

ACTIVE = ("requested", "running", "composing")

_COLUMNS = """
       run_id, state, options, seed, requested_at, started_at, ended_at, tracks, without_embedding, sampled, evaluated,
       generation, best, winner, playlists, tracks_used, reason, detail, warnings, notes, kept_at, kept,
       keeping_problem, position"""
_PAGE = f"""
SELECT {_COLUMNS} FROM clusterings
 WHERE $1::timestamptz IS NULL OR (requested_at, run_id) < ($1, $2::uuid)
 ORDER BY requested_at DESC, run_id DESC LIMIT $3
"""  # noqa: S608 - constants
_CHANGED = f"SELECT {_COLUMNS} FROM clusterings WHERE position > $1 ORDER BY position DESC LIMIT 20"  # noqa: S608
_ACTIVE = f"SELECT {_COLUMNS} FROM clusterings WHERE state = ANY($1::text[]) ORDER BY requested_at"  # noqa: S608


async def page(connection: Connection, behind: tuple[datetime, UUID] | None, most: int) -> list[Record]:
    """Clusterings older than a place, newest first."""
    return await connection.fetch(_PAGE, *(behind or (None, None)), most)


async def one(connection: Connection, run_id: UUID) -> Record | None:
    """One clustering."""
    return await connection.fetchrow(f"SELECT {_COLUMNS} FROM clusterings WHERE run_id = $1", run_id)  # noqa: S608


async def changed(connection: Connection, after: int) -> list[Record]:
    """The clusterings that changed last after a place in the log."""
    return await connection.fetch(_CHANGED, after)


async def active(connection: Connection) -> list[Record]:
    """Clusterings that have not ended, oldest first."""
    return await connection.fetch(_ACTIVE, ACTIVE)


async def algorithms(connection: Connection, run_ids: Sequence[UUID]) -> list[Record]:
    """What each algorithm has come to: run_id, algorithm, evaluated, best."""
    return await connection.fetch(
        "SELECT run_id, algorithm, evaluated, best FROM clustering_algorithms WHERE run_id = ANY($1::uuid[])"
        " ORDER BY run_id, algorithm",
        run_ids,
    )


async def generations(connection: Connection, run_ids: Sequence[UUID]) -> list[Record]:
    """How each generation went: run_id, generation, evaluated, best."""
    return await connection.fetch(
        "SELECT run_id, generation, evaluated, best FROM clustering_generations WHERE run_id = ANY($1::uuid[])"
        " ORDER BY run_id, generation",
        run_ids,
    )


_PROPOSALS = """
SELECT p.number, p.name, p.named_by, p.facts, p.track_ids,
       (SELECT coalesce(sum(t.duration_s), 0) FROM unnest(p.track_ids) AS id JOIN tracks t ON t.track_id = id)
       AS duration_s
  FROM clustering_proposals p
 WHERE p.run_id = $1 AND ($2::int[] IS NULL OR p.number = ANY($2))
 ORDER BY p.number
"""


async def proposals(connection: Connection, run_id: UUID, numbers: Sequence[int] | None = None) -> list[Record]:
    """The playlists that a clustering proposes: number, name, named_by, facts, track_ids, duration_s."""
    return await connection.fetch(_PROPOSALS, run_id, numbers)
