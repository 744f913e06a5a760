"""The neighbours of a track, kept up to date from the table ``track_vectors``."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from uuid import UUID

import numpy as np
import structlog

from shared import positions, postgres
from shared.embedding import EMBEDDING_SIZE, SPACE, FloatArray
from shared.errors import NotFound
from shared.vectors.graph import Graph, Labels
from shared.vectors.members import Members
from shared.vectors.snapshots import About, SnapshotFolder

if TYPE_CHECKING:
    from shared.postgres import Pool

log = structlog.get_logger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

_STATE = """
SELECT coalesce((SELECT position FROM follower_positions WHERE name = 'projector'), 0),
       to_regclass($1)::oid::bigint,
       (SELECT id::text FROM event_log ORDER BY position LIMIT 1)
"""
_ROWS = """
SELECT vector_id, uuid_send(track_id) || uuid_send(server_id), vector, removed, position FROM track_vectors
 WHERE space = $1 AND (position, vector_id) > ($2, $3) ORDER BY position, vector_id LIMIT $4
"""
_PAGE = 1000
_ADD_SLICE = 128
_COMPACT_ABOVE = 0.2
_COMPACT_AT_LEAST = 64
_MOST_FETCHED = 4096
_SPARE = 8
"""Asked for beyond what is wanted: a track may be removed between the answer of the graph and its naming."""
_SAME = 1e-5
_LAST = (1 << 63) - 1

Row = tuple[int, bytes, bytes, bool, int]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """``distance`` is 1 - cosine: 0 sounds the same, 2 the opposite."""

    track_id: UUID
    distance: float


class VectorIndex:
    """One space of vectors in memory. Every process has its own; the table is the truth.

    Heavy work happens in threads that leave the interpreter lock alone, in slices: the event loop goes on. One writer
    at a time; queries need not wait for it.
    """

    def __init__(self, space: str = SPACE, dimensions: int = EMBEDDING_SIZE) -> None:
        self.space = space
        self.dimensions = dimensions
        self.position = positions.START
        """The projector's position up to which every vector is in."""
        self.ready = False
        self.unsaved = 0
        """Changes since the last snapshot."""
        self._graph = Graph(dimensions)
        self._members = Members()
        self._generation: int | None = None
        self._origin: str | None = None
        self._cursor = positions.START
        self._unseen: set[int] | None = None
        self._touched: set[int] | None = None
        self._writing = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="vectors")
        self._compaction: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, track_id: UUID) -> bool:
        return self._members.label(track_id) is not None

    @property
    def hidden(self) -> float:
        """Which part of the graph is deleted vectors, 0 to 1; beyond 0.2 it is made anew."""
        return self._graph.hidden

    async def _run(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: call(*args, **kwargs))

    async def close(self) -> None:
        """Stop the threads; the index is not to be used any more."""
        if self._compaction is not None:
            self._compaction.cancel()
            await asyncio.gather(self._compaction, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- reading ---------------------------------------------------------------------------------

    async def vector(self, track_id: UUID) -> FloatArray:
        """The vector of a track [dimensions], of length one. Raises ``NotFound``."""
        return await self._run(self._vector, track_id)

    def _vector(self, track_id: UUID) -> FloatArray:
        label = self._members.label(track_id)
        try:
            if label is not None:
                return self._graph.get(label)
        except KeyError:
            pass
        raise NotFound(f"track {track_id} has no vector in {self.space}")

    async def neighbours(self, near: UUID | FloatArray, n: int, *, server_id: UUID | None = None) -> list[Neighbour]:
        """The ``n`` tracks (fewer if there are no more) that are nearest to a track, itself left out, or to a vector;
        of one library when ``server_id`` is given. Raises ``NotFound`` for a track without a vector."""
        if isinstance(near, UUID):
            return await self._run(self._near_track, near, n, server_id)
        if near.shape != (self.dimensions,) or not np.isfinite(near).all() or not near.any():
            raise ValueError(f"a vector of {self.dimensions} finite values, not all zero, is needed")
        return await self._run(self._nearest, near.astype(np.float32), n, server_id)

    def _near_track(self, track_id: UUID, n: int, server_id: UUID | None) -> list[Neighbour]:
        found = self._nearest(self._vector(track_id), n + 1, server_id)
        return [item for item in found if item.track_id != track_id][:n]

    def _nearest(self, vector: FloatArray, n: int, server_id: UUID | None) -> list[Neighbour]:
        more = n + _SPARE
        if server_id is None:
            return self._named(*self._graph.nearest(vector, more))[:n]
        return self._named(*self._nearest_in(server_id.bytes, vector, more))[:n]

    def _nearest_in(self, server: bytes, vector: FloatArray, n: int) -> tuple[Labels, FloatArray]:
        """Ask for more than is wanted and leave out other libraries; compare with each track of a library that is so
        small, or so far away, that this would take longer."""
        graph, size = self._graph, self._members.size_of(server)
        fetch = 2 * n * len(graph) // max(size, 1) + n
        while size > n and fetch <= _MOST_FETCHED:
            labels, distances = graph.nearest(vector, fetch)
            inside = self._members.mask(server, labels)
            if inside.sum() >= n:
                return labels[inside][:n], distances[inside][:n]
            fetch *= 4
        return graph.nearest_of(self._members.labels_of(server), vector, n)

    def _named(self, labels: Labels, distances: FloatArray) -> list[Neighbour]:
        found = []
        for label, distance in zip(labels.tolist(), distances.tolist(), strict=True):
            track = self._members.track(label)
            if track is not None:
                found.append(Neighbour(track, distance))
        return found

    # --- following the table ---------------------------------------------------------------------

    async def load(self, pool: Pool, folder: Path | None = None) -> None:
        """Begin: the newest snapshot below ``folder`` that is whole, then the rows behind it (all, without one); then
        the index is ``ready``. Raises ``StoreUnavailable``; may be repeated."""
        if folder is not None and self._generation is None and not len(self):
            await self._load_snapshot(SnapshotFolder(folder, self.space))
        await self.refresh(pool)
        log.info("vectors_loaded", vectors=len(self), position=positions.text(self.position))

    async def _load_snapshot(self, folder: SnapshotFolder) -> None:
        async with self._writing:
            found = await self._run(folder.newest, self.space, self.dimensions)
            if found is None:
                return
            about, self._graph, tracks = found
            self._members = await self._run(Members.from_table, tracks)
            self._cursor, self._generation, self._origin = about.position, about.generation, about.origin

    async def refresh(self, pool: Pool) -> int:
        """Apply rows that changed; how many did. Afterwards everything that the projector had committed before the call
        is in the answers. Raises ``StoreUnavailable``."""
        async with self._writing:
            async with postgres.translated(), pool.acquire(timeout=10.0) as connection:
                projected, generation, origin = await connection.fetchrow(_STATE, "track_vectors") or (0, None, None)
            if generation is None:
                return 0
            self._recognise(generation, origin, projected)
            changed = await self._apply_rows(pool, projected)
            if self._unseen is not None:
                changed += await self._run(self._drop, self._unseen)
                self._unseen = None
            self._generation, self._origin = generation, origin
            self.position, self.ready = self._cursor, True
            self.unsaved += changed
        self._compact_if_due()
        return changed

    def _recognise(self, generation: int, origin: str | None, projected: int) -> None:
        """Whether what we hold came from the table that is there now. If that was rebuilt, or is of another database,
        all its rows are looked at once; those that are the same cost no work on the graph. So is it after a failure."""
        if generation == self._generation and origin == self._origin and self._cursor <= projected:
            if self._unseen is None:
                return
        elif self._generation is not None:
            log.info("vectors_checked_against_table", held=len(self))
        self._unseen = set(self._members.labels())
        self._cursor = positions.START

    async def _apply_rows(self, pool: Pool, projected: int) -> int:
        """Rows are visible in the order of their positions, since there is one projector: what is behind the last row
        seen is all there is."""
        changed, after = 0, (self._cursor, _LAST)
        while True:
            async with postgres.translated(), pool.acquire(timeout=10.0) as connection:
                rows: list[Row] = [tuple(row) for row in await connection.fetch(_ROWS, self.space, *after, _PAGE)]
            if not rows:
                self._cursor = max(projected, after[0])
                return changed
            for start in range(0, len(rows), _ADD_SLICE):
                changed += await self._run(self._apply, rows[start : start + _ADD_SLICE])
            after = (rows[-1][4], rows[-1][0])

    def _apply(self, rows: Sequence[Row]) -> int:
        """Removals, then additions; what is there already, and the same, is left alone."""
        if self._unseen is not None:
            self._unseen.difference_update(row[0] for row in rows)
        gone = [row[0] for row in rows if row[3] and row[0] in self._members]
        for label in gone:
            self._remove(label)
        present = [row for row in rows if not row[3]]
        vectors, good = self._decode([row[2] for row in present])
        fresh = [number for number in good if not self._is_same(present[number], vectors[number])]
        labels = [present[number][0] for number in fresh]
        # Known before it can be found, and found no more before it is forgotten: every label in an answer has a name.
        for number in fresh:
            self._members.put(present[number][0], present[number][1])
        self._graph.add(labels, vectors[fresh], threads=1 if self.ready else os.cpu_count() or 1)
        self._touch(labels)
        return len(gone) + len(fresh)

    def _decode(self, vectors: list[bytes]) -> tuple[FloatArray, list[int]]:
        """Half floats to float32 [n, dimensions], and which of them can be compared."""
        size = 2 * self.dimensions
        padded = b"".join(vector if len(vector) == size else bytes(size) for vector in vectors)
        values = np.frombuffer(padded, "<f2").astype(np.float32).reshape(-1, self.dimensions)
        good = np.isfinite(values).all(axis=1) & values.any(axis=1)
        if not good.all():
            log.warning("vectors_left_out", count=int((~good).sum()), space=self.space)
        return values, np.flatnonzero(good).tolist()

    def _is_same(self, row: Row, vector: FloatArray) -> bool:
        if self._members.ids(row[0]) != row[1] or row[0] not in self._graph:
            return False
        held = self._graph.get(row[0])
        return bool(np.abs(held - vector / np.linalg.norm(vector)).max() < _SAME)

    def _remove(self, label: int) -> None:
        self._graph.remove(label)
        self._members.drop(label)
        self._touch([label])

    def _drop(self, labels: set[int]) -> int:
        for label in labels:
            self._remove(label)
        return len(labels)

    def _touch(self, labels: Sequence[int]) -> None:
        if self._touched is not None:
            self._touched.update(labels)

    # --- upkeep ----------------------------------------------------------------------------------

    def _compact_if_due(self) -> None:
        hidden = self._graph.hidden
        running = self._compaction is not None and not self._compaction.done()
        if not running and hidden > _COMPACT_ABOVE and hidden * len(self) > _COMPACT_AT_LEAST * (1 - hidden):
            self._compaction = asyncio.create_task(self._compact(), name="compact-vectors")

    async def _compact(self) -> None:
        """Make a graph without the hidden vectors, while the old one goes on answering and changing."""
        old = self._graph
        async with self._writing:
            labels, self._touched = self._members.labels(), set()
        try:
            fresh = Graph(self.dimensions, capacity=len(labels))
            for start in range(0, len(labels), _ADD_SLICE):
                await self._run(_copy, old, fresh, labels[start : start + _ADD_SLICE])
            async with self._writing:
                await self._run(_copy, old, fresh, list(self._touched))
                for label in self._touched:
                    if label not in old:
                        fresh.remove(label)
                self._graph = fresh
            log.info("vectors_compacted", vectors=len(fresh))
        finally:
            self._touched = None

    async def save(self, folder: Path) -> Path | None:
        """Write a snapshot below ``folder``; None when there is nothing to save yet. New tracks wait only while the
        graph is written out; checking and syncing go on beside. Raises ``OSError``, ``ValueError``."""
        snapshots = SnapshotFolder(folder, self.space)
        if not self.ready or self._generation is None:
            return None
        draft = await self._run(snapshots.draft)
        try:
            async with self._writing:
                about = About(self.space, self.dimensions, self.position, self._origin, self._generation)
                tracks = await self._run(self._members.to_table)
                await self._run(self._graph.save, snapshots.graph_in(draft))
                self.unsaved = 0
            return await self._run(snapshots.publish, draft, about, tracks)
        finally:
            await self._run(shutil.rmtree, draft, ignore_errors=True)


def _copy(old: Graph, fresh: Graph, labels: Sequence[int]) -> None:
    for some, vectors in old.read(labels):
        fresh.add(some, vectors)
