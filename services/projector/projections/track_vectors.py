"""``track_vectors``: the embeddings, newest per track and space; the vector indexes are caches of this table.

Vectors are half floats: Starling's own as the analyzer wrote them, those of another program brought to length one.

``vector_id`` is the position of the track's first vector in that space, so a rebuild gives the same. ``position`` is
that of the last event which changed the row: reading on from a known position misses nothing. ``removed`` follows the
track: also for a vector that arrives after its track or its library has gone. To know that, ``track_vectors_absent``
holds the ids of removed tracks and libraries.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from services.projector.projections.base import Events, Projection, arrays, insert, place, text
from shared.embedding import AUDIOMUSE_SPACE, EMBEDDING_SIZE, TAG_COUNT, read_audiomuse
from shared.events import (
    Event,
    ServerRemoved,
    TrackAnalysisImported,
    TrackAnalyzed,
    TracksDiscovered,
    TracksRemoved,
)
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_COLUMNS = {
    "vector_id": "bigint",
    "track_id": "uuid",
    "server_id": "uuid",
    "space": "text",
    "vector": "bytea",
    "position": "bigint",
    "removed": "boolean",
}
_CREATE = """
CREATE TABLE track_vectors (
    vector_id bigint NOT NULL,
    track_id uuid NOT NULL,
    server_id uuid NOT NULL,
    space text NOT NULL,
    vector bytea NOT NULL,
    position bigint NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (track_id, space)
);
CREATE TABLE track_vectors_absent (id uuid PRIMARY KEY)
"""
_STORE = (
    f"{insert('track_vectors', _COLUMNS)} ON CONFLICT (space, track_id) DO UPDATE SET"
    " server_id = excluded.server_id, vector = excluded.vector, position = excluded.position,"
    " removed = excluded.removed"
)
_MOVE = """
UPDATE track_vectors v SET removed = new.removed, position = new.position
  FROM unnest($1::uuid[], $2::boolean[], $3::bigint[]) AS new (track_id, removed, position)
 WHERE v.track_id = new.track_id AND v.position < new.position
"""
_MOVE_SERVER = "UPDATE track_vectors SET removed = true, position = $2 WHERE server_id = $1 AND NOT removed"
_LOAD_ABSENT = "SELECT id FROM track_vectors_absent WHERE id = ANY($1::uuid[])"
_ADD_ABSENT = "INSERT INTO track_vectors_absent (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"
_DROP_ABSENT = "DELETE FROM track_vectors_absent WHERE id = ANY($1::uuid[])"

_VECTOR_BYTES = 2 * EMBEDDING_SIZE
_BLOB_BYTES = 2 * (EMBEDDING_SIZE + TAG_COUNT)


@dataclass(slots=True)
class _Vector:
    """``first`` and ``last`` are the positions of this batch's first and last vector of the track."""

    server_id: UUID
    first: int
    last: int
    vector: bytes


@dataclass(slots=True)
class _Batch:
    """What a batch changes. ``absent``: ids of the batch that are removed, ``before``: those that were; ``moved``:
    position of the last coming or going of a track."""

    absent: set[UUID]
    before: frozenset[UUID]
    vectors: dict[tuple[str, UUID], _Vector] = field(default_factory=dict)
    moved: dict[UUID, int] = field(default_factory=dict)


async def _apply(connection: Connection, events: Events) -> None:
    """The removal of a library touches rows no event names, so it is a statement of its own between two batches."""
    rest: list[Envelope[Any]] = []
    for event in events:
        if type(event.message) is ServerRemoved:
            await _apply_batch(connection, rest)
            rest = []
            await connection.execute(_ADD_ABSENT, [event.message.server_id])
            await connection.execute(_MOVE_SERVER, event.message.server_id, place(event))
        else:
            rest.append(event)
    await _apply_batch(connection, rest)


async def _apply_batch(connection: Connection, events: Events) -> None:
    if not events:
        return
    ids = {event.message.server_id for event in events}
    ids.update(track_id for event in events for track_id in _tracks(event.message))
    absent = {row["id"] for row in await connection.fetch(_LOAD_ABSENT, list(ids))}
    batch = _Batch(absent, frozenset(absent))
    for event in events:
        _FOLDS[type(event.message)](batch, event)
    await _store(connection, batch)


def _tracks(message: Any) -> list[UUID]:
    kind = type(message)
    if kind is TracksDiscovered:
        return [track.track_id for track in message.tracks] + list(message.unchanged)
    return list(message.track_ids) if kind is TracksRemoved else [message.track_id]


def _left(batch: _Batch, event: Envelope[Any]) -> None:
    if event.message.server_id in batch.absent:
        return
    gone = [track_id for track_id in event.message.track_ids if track_id not in batch.absent]
    batch.absent.update(gone)
    batch.moved |= dict.fromkeys(gone, place(event))


def _came(batch: _Batch, event: Envelope[Any]) -> None:
    if event.message.server_id in batch.absent:
        return
    back = [track_id for track_id in _tracks(event.message) if track_id in batch.absent]
    batch.absent.difference_update(back)
    batch.moved |= dict.fromkeys(back, place(event))


def _analysed(batch: _Batch, event: Envelope[Any]) -> None:
    message: TrackAnalyzed = event.message
    _heard(batch, event, message.space, _vector(event.blob))


def _imported(batch: _Batch, event: Envelope[Any]) -> None:
    message: TrackAnalysisImported = event.message
    if message.space == AUDIOMUSE_SPACE:
        _heard(batch, event, message.space, _imported_vector(event.blob))


def _heard(batch: _Batch, event: Envelope[Any], space: str, vector: bytes | None) -> None:
    if vector is None:
        return
    key = (text(space, None), event.message.track_id)
    found = batch.vectors.get(key)
    first = found.first if found else place(event)
    batch.vectors[key] = _Vector(event.message.server_id, first, place(event), vector)


def _vector(blob: bytes | None) -> bytes | None:
    """400 half floats, or None when the event has no vector that could be compared."""
    if blob is None or len(blob) != _BLOB_BYTES:
        return None
    vector = blob[:_VECTOR_BYTES]
    values = np.frombuffer(vector, "<f2")
    return vector if np.isfinite(values).all() and values.any() else None


def _imported_vector(blob: bytes | None) -> bytes | None:
    """200 half floats of length one, or None when the event has no vector that could be compared. The length is summed
    exactly, so that every machine rounds to the same halves."""
    try:
        values = read_audiomuse(blob or b"").astype(np.float64)
    except ValueError:
        return None
    vector = (values / math.sqrt(math.fsum(np.square(values).tolist()))).astype("<f2")
    return vector.tobytes() if vector.any() else None


async def _store(connection: Connection, batch: _Batch) -> None:
    """Vectors first, then the tracks that came or went after their last vector."""
    if batch.vectors:
        rows = [
            (item.first, track_id, item.server_id, space, item.vector, item.last, _is_absent(batch, track_id, item))
            for (space, track_id), item in batch.vectors.items()
        ]
        await connection.execute(_STORE, *arrays(rows))
    if batch.moved:
        moves = [(track_id, track_id in batch.absent, position) for track_id, position in batch.moved.items()]
        await connection.execute(_MOVE, *arrays(moves))
    if gone := batch.absent - batch.before:
        await connection.execute(_ADD_ABSENT, list(gone))
    if back := batch.before - batch.absent:
        await connection.execute(_DROP_ABSENT, list(back))


def _is_absent(batch: _Batch, track_id: UUID, vector: _Vector) -> bool:
    return track_id in batch.absent or vector.server_id in batch.absent


_FOLDS: dict[type[Event], Callable[[_Batch, Envelope[Any]], None]] = {
    TrackAnalyzed: _analysed,
    TrackAnalysisImported: _imported,
    TracksDiscovered: _came,
    TracksRemoved: _left,
}
TRACK_VECTORS = Projection(
    name="track_vectors",
    version=1,
    handles=frozenset([*_FOLDS, ServerRemoved]),
    tables=("track_vectors", "track_vectors_absent"),
    create=_CREATE,
    apply=_apply,
    indexes=(
        "CREATE UNIQUE INDEX track_vectors_id ON track_vectors (space, vector_id)",
        "CREATE INDEX track_vectors_position ON track_vectors (space, position, vector_id)",
    ),
)
