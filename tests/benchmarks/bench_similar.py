"""Neighbours of a track among 100,000: how many lookups a second, how long the slowest take, how soon a new track is
found, how long a start takes with and without a snapshot. All inside one process, without HTTP.

``python -m tests.benchmarks.bench_similar [vectors]``
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import numpy as np

from services.projector.reaction import Projector, channel
from services.projector.rebuild import ensure_current
from shared import embedding, events, postgres
from shared.embedding import EMBEDDING_SIZE, SPACE, FloatArray
from shared.follower import Follower
from shared.messages import derived_id, uuid7, wrap
from shared.pausing import end
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.vectors import VectorIndex
from tests import servers

_LOOKUPS = 2000
_NEIGHBOURS = 20
_FRESH = 60
_SERVER = derived_id("bench", "server")


def sounds(count: int, seed: int = 0) -> FloatArray:
    """Unit vectors [count, 400] in 300 overlapping groups."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(300, EMBEDDING_SIZE)).astype(np.float32)
    vectors = centres[rng.integers(0, 300, count)] + rng.normal(size=(count, EMBEDDING_SIZE)).astype(np.float32)
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def track(number: int) -> UUID:
    return derived_id("bench", "track", number)


async def fill(settings: Settings, vectors: FloatArray) -> None:
    """Put vectors into the table as if the projector had done so long ago."""
    connection = await postgres.open_connection(settings)
    rows = [
        ((number + 1) << 20, track(number), _SERVER, SPACE, vector.astype("<f2").tobytes(), (number + 1) << 20, False)
        for number, vector in enumerate(vectors)
    ]
    names = ["vector_id", "track_id", "server_id", "space", "vector", "position", "removed"]
    try:
        await connection.copy_records_to_table("track_vectors", records=rows, columns=names)
        await connection.execute("ANALYZE track_vectors")
        await connection.execute("UPDATE follower_positions SET position = $1", rows[-1][0])
    finally:
        await connection.close()


class Stalls:
    """The longest time in which the event loop did nothing else."""

    async def __aenter__(self) -> Stalls:
        self.longest_s = 0.0
        self._task = asyncio.create_task(self._watch())
        return self

    async def _watch(self) -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            self.longest_s = max(self.longest_s, time.perf_counter() - started - 0.001)

    async def __aexit__(self, *_: object) -> None:
        await end([self._task])


async def lookups(index: VectorIndex, vectors: int, side_by_side: int) -> dict[str, float]:
    """Lookups a second and their 99th percentile, ``side_by_side`` at a time."""
    chosen = random.Random(1)
    times: list[float] = []

    async def ask(count: int) -> None:
        for _ in range(count):
            started = time.perf_counter()
            await index.neighbours(track(chosen.randrange(vectors)), _NEIGHBOURS)
            times.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(ask(_LOOKUPS // side_by_side) for _ in range(side_by_side)))
    seconds = time.perf_counter() - started
    times.sort()
    return {"per_s": len(times) / seconds, "p50_ms": times[len(times) // 2] * 1e3, "p99_ms": times[-20] * 1e3}


async def recall(index: VectorIndex, vectors: FloatArray) -> float:
    """Which part of the true neighbours is found."""
    sample = range(0, len(vectors), max(1, len(vectors) // 100))
    hits = 0
    for number in sample:
        nearest = np.argsort(-(vectors @ vectors[number]))[: _NEIGHBOURS + 1]
        found = {item.track_id for item in await index.neighbours(track(number), _NEIGHBOURS)}
        hits += len(found & {track(other) for other in nearest.tolist()} - {track(number)})
    return hits / (_NEIGHBOURS * len(sample))


@asynccontextmanager
async def followed(settings: Settings, streams: Streams, index: VectorIndex) -> AsyncIterator[asyncio.Event]:
    """A projector at work, and the index refreshed at each of its notifications; the event is set after each."""
    stop, news, refreshed = asyncio.Event(), asyncio.Event(), asyncio.Event()
    pool = await postgres.open_pool(settings)
    listener = await postgres.open_connection(settings)
    await listener.add_listener(channel(settings), lambda *_: news.set())

    async def refresh() -> None:
        while True:
            await news.wait()
            news.clear()
            await index.refresh(pool)
            refreshed.set()

    follower = Follower("projector", settings, streams, Projector(settings))
    tasks = [asyncio.create_task(follower.run(stop)), asyncio.create_task(refresh())]
    try:
        yield refreshed
    finally:
        stop.set()
        await end(tasks)
        await listener.close()
        pool.terminate()


async def freshness(settings: Settings, streams: Streams, index: VectorIndex) -> dict[str, float]:
    """Milliseconds from ``TrackAnalyzed`` appended to found among the neighbours of its own vector."""
    times = []
    async with followed(settings, streams, index) as refreshed:
        for number, vector in enumerate(sounds(_FRESH, seed=7)):
            new = derived_id("bench", "fresh", number)
            blob = embedding.pack(vector, np.zeros(embedding.TAG_COUNT, np.float32))
            started = time.perf_counter()
            await streams.log.append(Unit(uuid7(), events=[wrap(_analyzed(new), blob=blob)]))
            while (await index.neighbours(vector, 1))[0].track_id != new:
                await refreshed.wait()
                refreshed.clear()
            times.append((time.perf_counter() - started) * 1e3)
    times.sort()
    return {"p50_ms": times[len(times) // 2], "p95_ms": times[int(len(times) * 0.95)]}


def _analyzed(track_id: UUID) -> events.TrackAnalyzed:
    return events.TrackAnalyzed(
        run_id=derived_id("bench", "run"),
        server_id=_SERVER,
        track_id=track_id,
        content_version="1",
        profile="fast",
        feature_version=1,
        space=SPACE,
        audio_hash="00",
        duration_s=1.0,
    )


async def measure(settings: Settings, count: int) -> dict[str, float]:
    """All figures, by name."""
    await ensure_current(settings, asyncio.Event())
    vectors = sounds(count)
    await fill(settings, vectors)
    pool = await postgres.open_pool(settings)
    streams = Streams(settings)
    first, second = VectorIndex(), VectorIndex()
    result: dict[str, float] = {"vectors": count}
    try:
        async with Stalls() as stalls:
            result["build_s"] = await _timed(first.load(pool))
            result["save_s"] = await _timed(first.save(settings.data_dir))
            result["load_snapshot_s"] = await _timed(second.load(pool, settings.data_dir))
        result["recall"] = await recall(first, vectors)
        result["longest_stall_ms"] = stalls.longest_s * 1e3
        for side_by_side in (1, 4):
            figures = await lookups(second, count, side_by_side)
            result |= {f"lookups_{side_by_side}_{name}": value for name, value in figures.items()}
        result |= {f"fresh_{name}": value for name, value in (await freshness(settings, streams, second)).items()}
    finally:
        await first.close()
        await second.close()
        pool.terminate()
        await streams.close()
    return result


async def _timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


def run(vectors: int = 100_000) -> dict[str, float]:
    """Measure on servers of our own, with the durability of ``starling up``."""
    with servers.stores() as environment:
        return asyncio.run(measure(Settings.model_validate(environment), vectors))


def main(arguments: Sequence[str]) -> None:
    """Print the figures as JSON."""
    result = run(int(arguments[0]) if arguments else 100_000)
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
