"""How fast the projector is: live, on a rebuild, and against plain INSERTs one row at a time.

``python -m tests.benchmarks.bench_projector [tracks]``
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current, rebuild
from shared import embedding, events, postgres
from shared.follower import Follower, parse
from shared.messages import Envelope, derived_id, track_id, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests import servers

_PAGE = 100
_BASELINE_EVENTS = 2000


def library(tracks: int) -> Iterator[Envelope[Any]]:
    """A library analysed once, then scanned again without any news."""
    server = derived_id("bench", "server")
    yield wrap(events.ServerAdded(server_id=server, server_type="folder", name="Bench", path="/music"))
    for again in (False, True):
        run = derived_id("bench", "run", again)
        yield wrap(events.AnalysisRequested(run_id=run, server_ids=(server,)))
        yield wrap(events.AnalysisRunStarted(run_id=run, server_ids=(server,)))
        yield wrap(events.LibraryScanStarted(run_id=run, server_id=server))
        for start in range(0, tracks, _PAGE):
            yield from _page(run, server, range(start, min(start + _PAGE, tracks)), again=again)
        yield wrap(events.LibraryScanCompleted(run_id=run, server_id=server, total=tracks))
        counts = {"analysed": 0, "skipped": tracks} if again else {"analysed": tracks, "skipped": 0}
        yield wrap(events.AnalysisRunCompleted(run_id=run, state="completed", discovered=tracks, failed=0, **counts))


def _page(run: UUID, server: UUID, numbers: range, *, again: bool) -> Iterator[Envelope[Any]]:
    rng = np.random.default_rng(numbers.start)
    ids = [track_id(server, f"{number}.flac") for number in numbers]
    if again:
        yield wrap(events.TracksDiscovered(run_id=run, server_id=server, unchanged=tuple(ids)))
        for track in ids:
            yield wrap(events.TrackAnalysisSkipped(run_id=run, server_id=server, track_id=track, reason="unchanged"))
        return
    described = tuple(_described(track, number) for track, number in zip(ids, numbers, strict=True))
    yield wrap(events.TracksDiscovered(run_id=run, server_id=server, tracks=described))
    for track in ids:
        vector = rng.normal(size=embedding.EMBEDDING_SIZE).astype(np.float32)
        tags = rng.random(embedding.TAG_COUNT).astype(np.float32)
        yield wrap(_analyzed(run, server, track), blob=embedding.pack(vector / np.linalg.norm(vector), tags))


def _described(track: UUID, number: int) -> events.LibraryTrack:
    return events.LibraryTrack(
        track_id=track,
        item_id=f"Some Artist/Some Album/{number}.flac",
        content_version=f"{number}-1700000000",
        meta_version=f"{number}-1700000000",
        title=f"A song number {number}",
        artist=f"Artist {number % 997}",
        album=f"Album {number % 8999}",
        genre="Rock",
        year=1960 + number % 65,
        track_number=number % 12,
        duration_s=211.3,
        size_bytes=24_000_000,
        suffix="flac",
    )


def _analyzed(run: UUID, server: UUID, track: UUID) -> events.TrackAnalyzed:
    return events.TrackAnalyzed(
        run_id=run,
        server_id=server,
        track_id=track,
        content_version="1",
        profile="fast",
        feature_version=1,
        space=embedding.SPACE,
        audio_hash="0123456789abcdef0123456789abcdef",
        duration_s=211.3,
        tempo_bpm=120.2,
        tempo_confidence=0.8,
        key="C",
        scale="major",
        key_confidence=0.6,
        loudness_lufs=-11.2,
        energy=0.7,
        brightness=0.4,
        patches=12,
        decoder="libsndfile",
        stages_s={"fetch": 0.01, "decode": 0.2, "tempo": 0.1, "key": 0.1, "loudness": 0.05, "embedding": 0.3},
    )


async def fill(streams: Streams, tracks: int) -> int:
    """Append the library's events to the log; how many they are."""
    count = 0
    batch: list[Envelope[Any]] = []
    for event in library(tracks):
        batch.append(event)
        count += 1
        if len(batch) == 500:
            await streams.log.append(Unit(uuid7(), events=batch))
            batch = []
    await streams.log.append(Unit(uuid7(), events=batch))
    return count


async def measure(settings: Settings, tracks: int) -> dict[str, float]:
    """Events a second, by name."""
    streams = Streams(settings)
    try:
        await ensure_current(settings, asyncio.Event())
        count = await fill(streams, tracks)
        live = await _live(settings, streams)
        replay = await rebuild(settings)
        baseline = await _baseline(settings, streams)
    finally:
        await streams.close()
    return {
        "events": count,
        "live_events_per_s": count / live,
        "rebuild_events_per_s": replay.events / replay.seconds,
        "row_by_row_events_per_s": baseline,
    }


class _UntilEnd(Projector):
    """A projector that stops when it has committed the last event."""

    def __init__(self, settings: Settings, last: int, stop: asyncio.Event) -> None:
        super().__init__(settings)
        self._last = last
        self._stop = stop

    async def committed(self, position: int) -> None:
        await super().committed(position)
        if position >= self._last:
            self._stop.set()


async def _live(settings: Settings, streams: Streams) -> float:
    """Seconds until the projector has caught up with a log that is already there."""
    last = await streams.log.last()
    stop = asyncio.Event()
    projector = _UntilEnd(settings, last, stop)
    started = time.perf_counter()
    await Follower("projector", settings, streams, projector).run(stop)
    return time.perf_counter() - started


async def _baseline(settings: Settings, streams: Streams) -> float:
    """The same events, each with its archive row and one read-model row, committed one at a time."""
    entries = await streams.log.page(0, _BASELINE_EVENTS)
    envelopes = parse(entries)
    connection = await postgres.open_connection(settings)
    try:
        await connection.execute("CREATE TABLE plain_log (position bigint PRIMARY KEY, data jsonb, blob bytea)")
        await connection.execute("CREATE TABLE plain_rows (subject text PRIMARY KEY, what text, position bigint)")
        started = time.perf_counter()
        for entry, event in zip(entries, envelopes, strict=True):
            async with connection.transaction():
                await connection.execute(
                    "INSERT INTO plain_log VALUES ($1, $2, $3)", entry.position, entry.raw.data.decode(), entry.raw.blob
                )
                await connection.execute(
                    "INSERT INTO plain_rows VALUES ($1, $2, $3) ON CONFLICT (subject) DO UPDATE"
                    " SET what = excluded.what, position = excluded.position",
                    event.subject,
                    event.message.wire_type,
                    entry.position,
                )
        return len(entries) / (time.perf_counter() - started)
    finally:
        connection.terminate()


def run(tracks: int = 20_000) -> dict[str, float]:
    """Measure on servers of our own, with the durability of ``starling up``."""
    with servers.stores() as environment:
        return asyncio.run(measure(Settings.model_validate(environment), tracks))


def main(arguments: Sequence[str]) -> None:
    """Print the figures as JSON."""
    result = run(int(arguments[0]) if arguments else 20_000)
    print(json.dumps({name: round(value) for name, value in result.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
