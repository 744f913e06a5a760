"""Who is at work: on the list while it lives, off it afterwards, and not at all with a release that does not fit."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.commands import AnalyzeTrack
from shared.errors import BadAudio, ConfigurationError
from shared.messages import Outcome, Send, uuid7, wrap
from shared.release import our_version, refusal
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.streams import Worker as Listed
from shared.worker import Context, Worker
from tests import given
from tests.waiting import until

ME = Listed("a", "analyzer", "1.4.0", "attic", datetime(2026, 1, 1, tzinfo=UTC), 2, 1, 7, 1, 3.0, 4, {"models": "x"})


async def _handle(command: AnalyzeTrack, _: Context[None]) -> Outcome:
    if command.track_id == given.track(2):
        raise BadAudio("corrupt", "no sound in it")
    return Outcome()


def _worker(streams: Streams, settings: Settings) -> Worker[None]:
    worker = Worker("analyzer", {AnalyzeTrack: _handle}, None, streams, settings, slots=2, consumer="w")
    worker.means["models"] = "m"
    return worker


async def _somebody(streams: Streams) -> bool:
    return bool(await streams.roster.members())


async def test_a_worker_is_listed_as_it_says_and_gone_when_it_leaves(streams: Streams) -> None:
    await streams.roster.announce(ME)
    await streams.roster.announce(replace(ME, name="b", service="fetcher"))
    members = await streams.roster.members()
    assert [member.worker for member in members] == [ME, replace(ME, name="b", service="fetcher")]
    assert all(0 <= member.silent_s < 5 for member in members)

    await streams.roster.leave("a")
    assert [member.worker.name for member in await streams.roster.members()] == ["b"]


async def test_one_that_fell_silent_is_not_listed_and_cleared_away_in_time(streams: Streams) -> None:
    await streams.roster.announce(ME)
    for silent_s in (30, 4000):
        await streams.client.zincrby(streams.keys.workers_heard, -silent_s, "a")
        assert await streams.roster.members() == []
    assert await streams.client.exists(streams.keys.workers, streams.keys.workers_heard) == 0


async def test_what_a_later_release_says_beyond_that_is_no_harm(streams: Streams) -> None:
    await streams.roster.announce(ME)
    body: Any = await streams.client.hget(streams.keys.workers, "a")
    body = body.decode()
    await streams.client.hset(streams.keys.workers, "a", body.replace("{", '{"later": 1, ', 1))
    assert [member.worker for member in await streams.roster.members()] == [ME]


async def test_a_working_worker_counts_what_ended_and_how(streams: Streams, stream_settings: Settings) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(_worker(streams, stream_settings).run(stop))
    await until(lambda: _somebody(streams), "it is listed")
    sends = [Send(wrap(given.analyze_track(number))) for number in (1, 2, 3)]
    await streams.log.append(Unit(uuid7(), commands=sends))

    async def counted() -> bool:
        (member,) = await streams.roster.members()
        return (member.worker.done, member.worker.failed, member.worker.per_minute) == (3, 1, 3.0)

    await until(counted, "the list says so", seconds=15)
    stop.set()
    await working
    assert await streams.roster.members() == []


async def test_a_worker_describes_itself(streams: Streams, stream_settings: Settings) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(_worker(streams, stream_settings).run(stop))
    await until(lambda: _somebody(streams), "it is listed")
    (member,) = await streams.roster.members()
    assert (member.worker.name, member.worker.service, member.worker.version) == ("w", "analyzer", our_version())
    assert (member.worker.slots, member.worker.busy, member.worker.means) == (2, 0, {"models": "m"})
    assert member.worker.cores >= 1
    stop.set()
    await working


async def test_a_release_that_does_not_fit_takes_no_work(streams: Streams, stream_settings: Settings) -> None:
    await streams.roster.lead("99.3.0")
    await streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.analyze_track(1)))]))

    with pytest.raises(ConfigurationError, match=r"the system is Starling 99\.3\.0, for which it is too old: upgrade"):
        await _worker(streams, stream_settings).run(asyncio.Event())

    assert (await streams.backlog())["analyzer"] == 1
    assert await streams.roster.members() == []


@pytest.mark.parametrize(
    ("ours", "leading", "says"),
    [
        ("1.4.0", "1.4.7", None),
        ("1.4.9", "1.5.0", None),
        ("1.4.0", None, None),
        ("0", "1.4.0", None),
        ("1.3.0", "1.5.0", "too old"),
        ("1.9.0", "2.0.0", "too old"),
        ("1.5.0", "1.4.0", "newer"),
        ("2.0.0", "1.9.0", "newer"),
    ],
)
def test_the_same_release_and_one_behind_fit(ours: str, leading: str | None, says: str | None) -> None:
    reason = refusal("analyzer", ours, leading)
    assert (reason is None) == (says is None)
    assert says is None or says in (reason or "")
