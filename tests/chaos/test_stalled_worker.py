"""A worker that is stopped past its lease and wakes after another finished its command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

from shared.events import TrackAnalysisSkipped
from shared.messages import Send, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests import given
from tests.waiting import until


async def _worker(url: str, consumer: str, seconds: float) -> Process:
    environment = {
        **os.environ,
        "REDIS_URL": url,
        "STARLING_LEASE_S": "1",
        "STARLING_RETRY_BASE_S": "0.05",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.chaos.stalled_worker", consumer, str(seconds), stdout=PIPE, env=environment
    )


async def _line(process: Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()


async def test_exactly_one_outcome_is_in_the_log(any_redis_url: str) -> None:
    streams = Streams(Settings.model_validate({"REDIS_URL": any_redis_url}))
    command = wrap(given.analyze_track(1))
    await streams.log.append(Unit(uuid7(), commands=[Send(command)]))
    stalled = await _worker(any_redis_url, "stalled", 0.4)
    other: Process | None = None
    try:
        assert await _line(stalled) == "begun 1.ogg"
        stalled.send_signal(signal.SIGSTOP)
        other = await _worker(any_redis_url, "other", 0.0)
        assert await _line(other) == "begun 1.ogg"

        async def ended() -> bool:
            return await streams.log.length() == 1

        await until(ended, "the other worker ended the command")
        stalled.send_signal(signal.SIGCONT)
        assert await _line(stalled) == "ending 1.ogg"
        stalled.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(stalled.wait(), 20) == 0

        (entry,) = await streams.log.page(0, 10)
        assert TrackAnalysisSkipped.model_validate_json(entry.raw.data).reason == "other"
        assert await streams.pending() == 0
        assert not any((await streams.backlog()).values())
    finally:
        for process in (stalled, other):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
        await streams.close()
