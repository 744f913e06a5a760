"""Commands read and committed a second from one process, against the plain way: one round trip for each step.

usage: python -m tests.benchmarks.bench_streams [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from services.up.valkey import ValkeyServer
from shared.commands import AnalyzeTrack
from shared.events import TrackAnalysisSkipped
from shared.messages import Outcome, Send, encode, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.worker import Context, Worker
from tests import given, servers
from tests.waiting import until

UNIT = 500


async def _fill(streams: Streams, count: int) -> None:
    for start in range(0, count, UNIT):
        sends = [Send(wrap(given.analyze_track(number))) for number in range(start, min(count, start + UNIT))]
        await streams.log.append(Unit(uuid7(), commands=sends))


def _skipped(command: AnalyzeTrack) -> TrackAnalysisSkipped:
    return TrackAnalysisSkipped(
        run_id=command.run_id, server_id=command.server_id, track_id=command.track_id, reason="unchanged"
    )


async def baseline(streams: Streams, count: int) -> float:
    """Read one, append its event, acknowledge, delete: four round trips, and an outcome that can be half written."""
    stream, client = streams.keys.commands("analyzer"), streams.client
    event: dict[Any, Any] = dict(encode(wrap(_skipped(given.analyze_track()))))
    await streams.queue("analyzer", "plain").ensure_groups()
    started = time.perf_counter()
    for _ in range(count):
        answer: Any = await client.xreadgroup("workers", "plain", {stream: ">"}, count=1)
        found = next(iter(answer.values())) if isinstance(answer, dict) else answer[0][1]
        entry_id = (found[0] if isinstance(found[0], list) else found)[0][0]
        await client.xadd(streams.keys.events, event)
        await client.xack(stream, "workers", entry_id)
        await client.xdel(stream, entry_id)
    return count / (time.perf_counter() - started)


async def queue_alone(streams: Streams, count: int) -> float:
    """Reading and committing as the worker does, without parsing."""
    queue = streams.queue("analyzer", "queue")
    await queue.ensure_groups()
    command = wrap(given.analyze_track())
    started, done = time.perf_counter(), 0
    while done < count:
        deliveries = await queue.read(256)
        outcome = Outcome(events=(wrap(_skipped(command.message)),))
        done += sum(await asyncio.gather(*(queue.commit(delivery, command, outcome) for delivery in deliveries)))
    return count / (time.perf_counter() - started)


async def whole_worker(streams: Streams, settings: Settings, count: int) -> float:
    """The worker loop with everything: parsing, run state, leases, log lines, metrics."""

    async def handle(command: AnalyzeTrack, _: Context[None]) -> Outcome:
        return Outcome(events=(wrap(_skipped(command)),))

    worker: Worker[None] = Worker(
        "analyzer", {AnalyzeTrack: handle}, None, streams, settings, slots=256, consumer="worker"
    )
    stop = asyncio.Event()
    before = await streams.log.length()
    started = time.perf_counter()
    task = asyncio.create_task(worker.run(stop))

    async def finished() -> bool:
        return await streams.log.length() - before >= count

    await until(finished, "all commands ended", seconds=300)
    seconds = time.perf_counter() - started
    stop.set()
    await task
    return count / seconds


async def measure(url: str, count: int) -> dict[str, float]:
    settings = Settings.model_validate({"REDIS_URL": url})
    streams = Streams(settings)
    try:
        few = max(200, count // 10)
        await _fill(streams, few)
        rates = {"plain: four round trips a command": await baseline(streams, few)}
        await _fill(streams, count)
        rates["read and commit"] = await queue_alone(streams, count)
        await _fill(streams, count)
        rates["whole worker"] = await whole_worker(streams, settings, count)
    finally:
        await streams.close()
    return rates


def main(arguments: Sequence[str]) -> None:
    """Run against a Valkey that syncs every write, and print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args(arguments).quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    count = 3_000 if quick else 20_000
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.running(ValkeyServer(Path(folder) / "valkey")) as server,
    ):
        rates = asyncio.run(measure(server.url, count))
    plain = next(iter(rates.values()))
    print(f"\nCommands read and committed by one process (Valkey, appendfsync always, {count:,} commands)")
    for name, rate in rates.items():
        print(f"  {name:36s} {rate:10,.0f} /s {rate / plain:8.1f} x plain")


if __name__ == "__main__":
    main(sys.argv[1:])
