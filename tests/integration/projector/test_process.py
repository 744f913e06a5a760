"""``python -m services.projector`` with real servers: it follows, hands over, survives, and says how it is."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from services.projector.__main__ import Watch
from services.projector.compare import compare
from services.projector.reaction import Projector, channel
from services.projector.rebuild import ensure_current
from shared import postgres
from shared.events import Event
from shared.follower import Follower, parse
from shared.messages import derived_id, wrap
from shared.pausing import end
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests.integration.projector.history import History
from tests.integration.projector.telling import added, analysed, described, discovered
from tests.waiting import until


@pytest.fixture
async def streams(settings: Settings) -> AsyncIterator[Streams]:
    opened = Streams(settings)
    yield opened
    await opened.close()


@pytest.fixture
async def pool(settings: Settings) -> AsyncIterator[postgres.Pool]:
    opened = await postgres.open_pool(settings)
    yield opened
    opened.terminate()


def free_port() -> int:
    with contextlib.closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class Process:
    """A projector of its own."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        self._environment = {**environment, "STARLING_HEALTH_PORT": str(self.port), "PATH": "/usr/bin:/bin"}

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.projector", env=self._environment, stderr=asyncio.subprocess.DEVNULL
        )

    async def ready(self) -> bool:
        try:
            async with aiohttp.ClientSession() as session, session.get(self._url("readyz")) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def metrics(self) -> str:
        async with aiohttp.ClientSession() as session, session.get(self._url("metrics")) as answer:
            return await answer.text()

    def _url(self, page: str) -> str:
        return f"http://127.0.0.1:{self.port}/{page}"

    async def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), 10)


async def append(streams: Streams, *stories: Event | tuple[Event, bytes]) -> int:
    """Put events on the log; the position of the last."""
    envelopes = [wrap(story[0], blob=story[1]) if isinstance(story, tuple) else wrap(story) for story in stories]
    return (await streams.log.append(Unit(envelopes[0].id, events=envelopes))).position


async def at(pool: postgres.Pool, position: int) -> bool:
    """Whether the projector has come that far."""
    found = await pool.fetchval("SELECT position FROM follower_positions WHERE name = 'projector'")
    return found is not None and found >= position


async def test_one_projector_follows_and_another_takes_over(
    settings: Settings, streams: Streams, pool: postgres.Pool, database: dict[str, str], redis_url: str
) -> None:
    first, second = (Process({**database, "REDIS_URL": redis_url}) for _ in range(2))
    await first.start()
    await until(first.ready, "the first is ready", seconds=40)
    await second.start()
    await until(second.ready, "the standby is ready too", seconds=40)

    listener = await postgres.open_connection(settings)
    heard: list[str] = []
    await listener.add_listener(channel(settings), lambda *event: heard.append(str(event[3])))
    last = await append(streams, added(), discovered(described(1)), analysed(1))
    await until(lambda: at(pool, last), "the events are projected")
    assert await pool.fetchval("SELECT status FROM tracks") == "analysed"
    await until(lambda: _contains(heard, str(last)), "listeners are told the position")
    listener.terminate()
    assert 'starling_events_applied_total{follower="projector"} 3.0' in await first.metrics()

    await first.end(signal.SIGKILL)
    last = await append(streams, discovered(described(2)), analysed(2))
    await until(lambda: at(pool, last), "the standby has taken over")
    assert await pool.fetchval("SELECT count(*) FROM event_log") == 5
    assert await second.end(signal.SIGTERM) == 0


async def _contains(heard: list[str], payload: str) -> bool:
    return payload in heard


async def test_a_projector_that_is_cut_off_again_and_again_misses_and_repeats_nothing(
    settings: Settings, streams: Streams, pool: postgres.Pool
) -> None:
    await ensure_current(settings, asyncio.Event())
    history = parse(History(5).grow(900))
    for start in range(0, len(history), 100):
        await streams.log.append(Unit(derived_id("part", start), events=history[start : start + 100]))
    last = await streams.log.last()
    stop = asyncio.Event()
    follower = Follower("projector", settings, streams, Projector(settings), most=40)
    task = asyncio.create_task(follower.run(stop))
    cuts = 0
    chance = random.Random(5)

    async def arrived() -> bool:
        nonlocal cuts
        if cuts < 4 and chance.random() < 0.5:
            cuts += await pool.fetchval(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            )
        return await at(pool, last)

    await until(arrived, "all events are projected", seconds=60)
    stop.set()
    await end([task])
    assert cuts > 0
    assert await pool.fetchval("SELECT count(*) FROM event_log") == len(history)
    assert await compare(settings) == []


async def test_a_log_that_ends_before_the_archive_is_reported_once_and_followed_later(
    settings: Settings, streams: Streams, pool: postgres.Pool
) -> None:
    await ensure_current(settings, asyncio.Event())
    watch = Watch(streams, pool)
    assert await watch.up_to_date()
    last = await append(streams, added())
    await pool.execute("UPDATE follower_positions SET position = $1", last + (1 << 20))
    stop = asyncio.Event()
    with capture_logs() as logs:
        tasks = [asyncio.create_task(watch.run(stop))]
        await until(lambda: _said(logs, "log_behind_archive"), "the gap is reported")
    follower = Follower("projector", settings, streams, Projector(settings))
    tasks.append(asyncio.create_task(follower.run(stop)))
    later = await append(streams, discovered(described(1)))
    await until(lambda: at(pool, later), "what came later is projected")
    stop.set()
    await end(tasks)


async def _said(logs: Sequence[Mapping[str, Any]], event: str) -> bool:
    return any(line["event"] == event for line in logs)


async def test_a_waiting_event_that_nobody_projects_is_noticed(
    settings: Settings, streams: Streams, pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ensure_current(settings, asyncio.Event())
    await append(streams, added())
    watch = Watch(streams, pool)
    assert await watch.up_to_date(), "it may still be on its way"
    monkeypatch.setattr("services.projector.__main__._LATE_S", 0.0)
    assert not await watch.up_to_date()
