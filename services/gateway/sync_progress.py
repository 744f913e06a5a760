"""From rows to syncs, with what did not reach its server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from services.gateway.models.syncs import Sync, SyncProblem
from services.gateway.queries import syncs

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_FIELDS = tuple(name for name in Sync.model_fields if name not in ("id", "problems"))


async def to_syncs(connection: Connection, rows: Sequence[Record]) -> list[Sync]:
    """Rows of ``queries.syncs`` with their problems."""
    ids = [row["run_id"] for row in rows if row["skipped"] or row["failed"]]
    problems = await syncs.problems(connection, ids) if ids else []
    return [
        Sync(
            id=row["run_id"],
            problems=[_problem(problem) for problem in problems if problem["run_id"] == row["run_id"]],
            **{name: row[name] for name in _FIELDS},
        )
        for row in rows
    ]


def _problem(row: Any) -> SyncProblem:
    return SyncProblem(
        playlist_id=row["playlist_id"],
        name=row["name"],
        server_id=row["server_id"],
        server_name=row["server_name"],
        outcome=row["outcome"],
        reason=row["reason"] or "unknown",
        detail=row["detail"],
        restored=row["restored"],
    )
