"""Where the prepared data of a run is pinned, so that every replica and every repetition works on the same.

One row says what was prepared, others hold the arrays in parts of 4 MB: ``sample`` is all that configurations are tried
on, ``whole`` is only needed once there is a winner. The first who writes a dataset wins; nobody changes it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.clusterer.dataset import Points, Prepared
from shared import postgres
from shared.errors import LibraryUnusable
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.clusterer_data (
    data_id uuid PRIMARY KEY,
    facts jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.clusterer_data_parts (
    data_id uuid NOT NULL REFERENCES {schema}.clusterer_data ON DELETE CASCADE,
    name text NOT NULL,
    number int NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (data_id, name, number)
)
""",
)
_PART_BYTES = 4 << 20
_SWEEP_AFTER = "3 days"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What was prepared. ``searchable``: False when there is too little, or nothing to tell apart."""

    tracks: int
    without_embedding: int
    sampled: int
    searchable: bool
    warnings: tuple[str, ...]


async def facts(connection: Connection, data_id: UUID) -> Facts | None:
    """What was prepared under ``data_id``; None when nothing was."""
    found = await connection.fetchval("SELECT facts FROM clusterer_data WHERE data_id = $1", data_id)
    if found is None:
        return None
    said = json.loads(found)
    return Facts(**{**said, "warnings": tuple(said["warnings"])})


async def keep(connection: Connection, data_id: UUID, told: Facts, prepared: Prepared) -> Facts:
    """Keep a dataset, unless somebody was first; what is kept now."""
    async with connection.transaction():
        first = await connection.fetchval(
            "INSERT INTO clusterer_data (data_id, facts) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true",
            data_id,
            json.dumps(asdict(told)),
        )
        if first:
            await connection.executemany(
                "INSERT INTO clusterer_data_parts (data_id, name, number, bytes) VALUES ($1, $2, $3, $4)",
                _rows(data_id, prepared),
            )
    return await facts(connection, data_id) or told


def _rows(data_id: UUID, prepared: Prepared) -> Iterator[tuple[UUID, str, int, bytes]]:
    for name, arrays in (("sample", _sample_arrays(prepared.sample)), ("whole", _whole_arrays(prepared))):
        packed = _packed(arrays)
        for number, start in enumerate(range(0, len(packed), _PART_BYTES)):
            yield data_id, name, number, packed[start : start + _PART_BYTES]


def _sample_arrays(sample: Points) -> Arrays:
    halves = {name: getattr(sample, name).astype(np.float16) for name in ("embedding", "features", "tags")}
    return {**halves, "weight": sample.weight}


def _whole_arrays(prepared: Prepared) -> Arrays:
    halves = {name: getattr(prepared, name).astype(np.float16) for name in ("embedding", "features")}
    exact = {name: getattr(prepared, name) for name in ("ids", "tags_mean", "tags_std", "rows")}
    return {**halves, **exact}


def _packed(arrays: Arrays) -> bytes:
    target = io.BytesIO()
    np.savez(target, allow_pickle=False, **arrays)
    return target.getvalue()


async def _unpacked(connection: Connection, data_id: UUID, name: str) -> dict[str, npt.NDArray[Any]]:
    parts = await connection.fetch(
        "SELECT bytes FROM clusterer_data_parts WHERE data_id = $1 AND name = $2 ORDER BY number", data_id, name
    )
    if not parts:
        raise LibraryUnusable(
            "data_gone", "What was prepared for this clustering is no longer there. Start the clustering again."
        )
    with np.load(io.BytesIO(b"".join(part["bytes"] for part in parts)), allow_pickle=False) as arrays:
        return {
            key: arrays[key].astype(np.float32) if arrays[key].dtype == np.float16 else arrays[key] for key in arrays
        }


async def load_sample(connection: Connection, data_id: UUID) -> Points:
    """The sample of a dataset. Raises ``LibraryUnusable`` (data_gone)."""
    return Points(**await _unpacked(connection, data_id, "sample"))


async def load(connection: Connection, data_id: UUID) -> Prepared:
    """A whole dataset. Raises ``LibraryUnusable`` (data_gone)."""
    sample = await load_sample(connection, data_id)
    return Prepared(sample=sample, **await _unpacked(connection, data_id, "whole"))


async def forget(pool: Pool, data_id: UUID) -> None:
    """Let go of a dataset whose run is over; safe to repeat."""
    async with postgres.transaction(pool) as connection:
        await connection.execute("DELETE FROM clusterer_data WHERE data_id = $1", data_id)


async def sweep(pool: Pool) -> None:
    """Let go of datasets of runs that ended in some other way, days ago."""
    async with postgres.transaction(pool) as connection:
        await connection.execute(f"DELETE FROM clusterer_data WHERE created_at < now() - interval '{_SWEEP_AFTER}'")  # noqa: S608


async def create_tables(settings: Settings) -> None:
    """Create the clusterer's own tables; safe to repeat."""
    await postgres.create_kept(settings, TABLES)
