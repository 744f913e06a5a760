"""From rows to clusterings: what was tried, the best so far, time left."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from services.gateway.models.clusterings import AlgorithmProgress, Clustering, GenerationProgress, Kept
from services.gateway.queries import clusterings
from shared.events import ClusteringOptions, Evaluation

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_SHORTEST_S = 2.0
"""Speed over less than this says nothing yet."""


async def to_clusterings(connection: Connection, rows: Sequence[Record]) -> list[Clustering]:
    """Rows of ``queries.clusterings`` with everything that belongs to them."""
    if not rows:
        return []
    ids = [row["run_id"] for row in rows]
    algorithms = await clusterings.algorithms(connection, ids)
    generations = await clusterings.generations(connection, ids)
    now = datetime.now(UTC)
    return [
        _clustering(
            row,
            [item for item in algorithms if item["run_id"] == row["run_id"]],
            [item for item in generations if item["run_id"] == row["run_id"]],
            now,
        )
        for row in rows
    ]


def _clustering(row: Any, algorithms: Sequence[Any], generations: Sequence[Any], now: datetime) -> Clustering:
    options = ClusteringOptions.model_validate_json(row["options"])
    return Clustering(
        id=row["run_id"],
        options=options,
        **{name: row[name] for name in ("state", "seed", "requested_at", "started_at", "ended_at", "tracks")},
        **{name: row[name] for name in ("without_embedding", "sampled", "evaluated", "generation", "playlists")},
        **{name: row[name] for name in ("tracks_used", "reason", "detail", "keeping_problem")},
        planned=options.evaluations,
        best=_evaluation(row["best"]),
        winner=_evaluation(row["winner"]),
        algorithms=[_algorithm(item) for item in algorithms],
        generations=[_generation(item) for item in generations],
        eta_s=seconds_left(row, options.evaluations, now),
        warnings=json.loads(row["warnings"]),
        notes=json.loads(row["notes"]),
        kept=Kept(at=row["kept_at"], **json.loads(row["kept"])) if row["kept"] else None,
    )


def _evaluation(text: str | None) -> Evaluation | None:
    return Evaluation.model_validate_json(text) if text else None


def _algorithm(row: Any) -> AlgorithmProgress:
    return AlgorithmProgress(algorithm=row["algorithm"], evaluated=row["evaluated"], best=_evaluation(row["best"]))


def _generation(row: Any) -> GenerationProgress:
    best = row["best"]
    return GenerationProgress(
        generation=row["generation"], evaluated=row["evaluated"], best=None if best is None else round(best, 4)
    )


def seconds_left(row: Any, planned: int, now: datetime) -> float | None:
    """If all that is planned is tried at the speed so far; None where nothing can be said."""
    if row["state"] != "running" or not row["evaluated"]:
        return None
    seconds: float = max((now - row["started_at"]).total_seconds(), _SHORTEST_S)
    evaluated: int = row["evaluated"]
    return round(seconds * max(0, planned - evaluated) / evaluated, 1)
