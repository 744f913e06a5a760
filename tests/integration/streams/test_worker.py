"""The worker loop: the error policy, leases, cancel, pause, draining."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from prometheus_client import Gauge
from structlog.testing import capture_logs

from shared import telemetry
from shared.commands import AnalyzeTrack
from shared.errors import Backpressure, BadAudio, ChildCrashed, ServerUnavailable
from shared.events import RunCancelled, TrackAnalysisFailed, TrackAnalysisSkipped
from shared.messages import Outcome, Send, derived_id, encode, uuid7, wrap
from shared.settings import Settings
from shared.streams import LogEntry, Streams, Unit
from shared.worker import Context, Worker
from tests import given
from tests.waiting import until

Handle = Callable[[AnalyzeTrack, Context[None]], Awaitable[Outcome]]


async def _done(command: AnalyzeTrack, _: Context[None]) -> Outcome:
    skipped = TrackAnalysisSkipped(
        run_id=command.run_id, server_id=command.server_id, track_id=command.track_id, reason="done"
    )
    return Outcome(events=(wrap(skipped),))


async def _send(streams: Streams, *numbers: int) -> None:
    await streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.analyze_track(number))) for number in numbers]))


async def _events(streams: Streams, wire_type: str = "") -> list[LogEntry]:
    return [entry for entry in await streams.log.page(0, 1000) if wire_type in entry.raw.type]


class Bench:
    """Workers of the test, and the delayed commands moved as the coordinator would."""

    def __init__(self, streams: Streams, settings: Settings) -> None:
        self.streams = streams
        self.settings = settings

    @asynccontextmanager
    async def working(
        self, handle: Handle, *, consumer: str = "a", slots: int = 4, grace_s: float = 5.0
    ) -> AsyncIterator[asyncio.Event]:
        stop = asyncio.Event()
        worker: Worker[None] = Worker(
            "analyzer", {AnalyzeTrack: handle}, None, self.streams, self.settings, slots=slots, consumer=consumer
        )
        tasks = [asyncio.create_task(worker.run(stop, grace_s=grace_s)), asyncio.create_task(self._promote(stop))]
        try:
            yield stop
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _promote(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.streams.promote()
            await asyncio.sleep(0.01)

    async def idle(self) -> bool:
        backlog = await self.streams.backlog()
        return not any(backlog[name] for name in ("fetcher", "analyzer", "delayed"))


@pytest.fixture
async def bench(streams: Streams, stream_settings: Settings) -> Bench:
    return Bench(streams, stream_settings)


async def test_every_command_ends_in_exactly_one_outcome(bench: Bench) -> None:
    await _send(bench.streams, *range(50))

    async with bench.working(_done, consumer="a"), bench.working(_done, consumer="b"):
        await until(bench.idle, "all commands ended")

    subjects = [entry.raw.subject for entry in await _events(bench.streams)]
    assert sorted(subjects) == sorted(f"track:{given.track(number)}" for number in range(50))
    assert await bench.streams.pending() == 0


async def test_a_permanent_failure_becomes_the_event_of_the_commands_death(bench: Bench) -> None:
    async def corrupt(_: AnalyzeTrack, __: Context[None]) -> Outcome:
        raise BadAudio("corrupt", "1.ogg is cut off in the middle of its header.")

    await _send(bench.streams, 1)
    async with bench.working(corrupt):
        await until(bench.idle, "the command ended")

    (entry,) = await _events(bench.streams)
    event = TrackAnalysisFailed.model_validate_json(entry.raw.data)
    assert (event.reason, event.permanent) == ("corrupt", True)
    assert (await bench.streams.backlog())["dead"] == 0


async def test_a_transient_failure_is_tried_again_later_with_its_attempts_counted(bench: Bench) -> None:
    attempts: list[int] = []

    async def down_twice(command: AnalyzeTrack, ctx: Context[None]) -> Outcome:
        attempts.append(ctx.envelope.attempts)
        if len(attempts) < 3:
            raise ServerUnavailable("the server does not answer")
        return await _done(command, ctx)

    await _send(bench.streams, 1)
    async with bench.working(down_twice):
        await until(bench.idle, "the command ended")

    assert attempts == [0, 1, 2]
    assert [entry.raw.type for entry in await _events(bench.streams)] == ["track.analysis_skipped"]


async def test_waiting_for_room_is_not_an_attempt(bench: Bench) -> None:
    calls = 0

    async def full_for_a_while(command: AnalyzeTrack, ctx: Context[None]) -> Outcome:
        nonlocal calls
        calls += 1
        if calls < 12:
            raise Backpressure("the audio store is full", retry_after_s=0.001)
        return await _done(command, ctx)

    await _send(bench.streams, 1)
    async with bench.working(full_for_a_while):
        await until(bench.idle, "the command ended")

    assert [entry.raw.type for entry in await _events(bench.streams)] == ["track.analysis_skipped"]


async def test_a_track_whose_decoding_kills_the_child_three_times_is_given_up_with_its_reason(bench: Bench) -> None:
    async def crash_on_seven(command: AnalyzeTrack, ctx: Context[None]) -> Outcome:
        if command.track_id == given.track(7):
            raise ChildCrashed("the decoder was killed by signal 11")
        return await _done(command, ctx)

    await _send(bench.streams, *range(20))
    async with bench.working(crash_on_seven):
        await until(bench.idle, "all commands ended")

    assert len(await _events(bench.streams, "track.analysis_skipped")) == 19
    (failed,) = await _events(bench.streams, "track.analysis_failed")
    assert TrackAnalysisFailed.model_validate_json(failed.raw.data).reason == "decoder_crashed"
    (letter,) = await bench.streams.dead_letters(10)
    assert (letter.reason, letter.data["item_id"]) == ("decoder_crashed", "7.ogg")
    assert "ChildCrashed" in letter.traceback


async def test_a_bug_is_delivered_three_times_and_then_buried(bench: Bench) -> None:
    calls: list[str] = []

    async def bug(command: AnalyzeTrack, _: Context[None]) -> Outcome:
        calls.append(command.item_id)
        raise ZeroDivisionError

    await _send(bench.streams, 1)
    async with bench.working(bug):
        await until(bench.idle, "the command was buried")

    assert len(calls) == 3
    (letter,) = await bench.streams.dead_letters(10)
    assert letter.reason == "gave_up"
    assert {entry.raw.type for entry in await _events(bench.streams)} == {"track.analysis_failed", "command.failed"}


async def test_an_unreadable_command_is_buried_and_does_not_stop_the_others(bench: Bench) -> None:
    stream = bench.streams.keys.commands("analyzer")
    await bench.streams.client.xadd(stream, {"type": "track.analyze", "data": "{}"})
    future: dict[Any, Any] = {**encode(wrap(given.analyze_track(9))), "version": "9"}
    await bench.streams.client.xadd(stream, future)
    await _send(bench.streams, 1)

    async with bench.working(_done):
        await until(bench.idle, "all commands ended")

    assert len(await _events(bench.streams)) == 1
    assert {letter.reason for letter in await bench.streams.dead_letters(10)} == {"unreadable_command"}


async def test_commands_of_a_cancelled_run_end_as_skipped(bench: Bench) -> None:
    await _send(bench.streams, 1, 2)
    await bench.streams.log.append(
        Unit(uuid7(), events=[wrap(RunCancelled(run_id=given.RUN))], flags={given.RUN: "cancelled"})
    )

    async with bench.working(_done):
        await until(bench.idle, "all commands ended")

    skipped = [
        TrackAnalysisSkipped.model_validate_json(entry.raw.data).reason
        for entry in await _events(bench.streams, "skipped")
    ]
    assert skipped == ["cancelled", "cancelled"]


async def test_a_paused_run_rests_while_others_go_on(bench: Bench) -> None:
    other = derived_id("test", "other run")
    await bench.streams.log.append(Unit(uuid7(), flags={given.RUN: "paused"}))
    await _send(bench.streams, 1, 2)
    await bench.streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.analyze_track(3, run=other)))]))

    async def events_are(count: int) -> bool:
        return len(await _events(bench.streams)) == count

    async with bench.working(_done):
        await until(lambda: events_are(1), "the other run's command ended")
        await until(lambda: _delayed(bench, 2), "both commands are parked")
        await bench.streams.log.append(Unit(uuid7(), flags={given.RUN: None}, release=[given.RUN]))
        await until(lambda: events_are(3), "the resumed commands ended")


async def _delayed(bench: Bench, count: int) -> bool:
    return (await bench.streams.backlog())["delayed"] == count


async def test_stopping_hands_unfinished_work_to_the_next_worker_at_once(bench: Bench) -> None:
    begun = asyncio.Event()

    async def endless(_: AnalyzeTrack, __: Context[None]) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await _send(bench.streams, 1)
    async with bench.working(endless, consumer="a", grace_s=0.05):
        await begun.wait()
    assert await bench.streams.pending() == 1

    async with bench.working(_done, consumer="b"):
        await until(bench.idle, "the other worker ended the command")
    assert len(await _events(bench.streams)) == 1


async def test_a_worker_survives_a_server_that_forgets_everything(bench: Bench) -> None:
    async with bench.working(_done):
        await _send(bench.streams, 1)
        await until(bench.idle, "the first command ended")
        await bench.streams.client.flushall()
        await bench.streams.client.script_flush()
        await _send(bench.streams, 2)
        await until(bench.idle, "the second command ended")

    assert [entry.raw.subject for entry in await _events(bench.streams)] == [f"track:{given.track(2)}"]


async def test_every_delivery_leaves_one_line_in_the_log(bench: Bench) -> None:
    attempts = 0

    async def down_then_broken(_: AnalyzeTrack, __: Context[None]) -> Outcome:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ServerUnavailable("the server does not answer")
        raise ZeroDivisionError

    with capture_logs() as logs:
        await _send(bench.streams, 1)
        async with bench.working(down_then_broken):
            await until(bench.idle, "the command was buried")

    lines = [line for line in logs if line["event"] == "command"]
    assert [(line["result"], line["reason"], line["attempt"], line["delivery"]) for line in lines] == [
        ("retry", "server_unavailable", 1, 1),
        ("bug", None, 2, 1),
        ("bug", None, 2, 2),
        ("bug", None, 2, 3),
        ("buried", "gave_up", 2, 4),
    ]
    assert {(line["type"], line["run"], line["subject"]) for line in lines} == {
        ("track.analyze", str(given.RUN), f"track:{given.track(1)}")
    }


async def test_what_was_cut_off_leaves_a_line_too_and_its_slot_is_free(bench: Bench) -> None:
    begun = asyncio.Event()

    async def endless(_: AnalyzeTrack, __: Context[None]) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    busy = telemetry.SLOTS_BUSY.labels("analyzer")
    with capture_logs() as logs:
        await _send(bench.streams, 1)
        async with bench.working(endless, slots=3, grace_s=0.05):
            await begun.wait()
            assert (_value(telemetry.SLOTS.labels("analyzer")), _value(busy)) == (3, 1)
    assert (_value(telemetry.SLOTS.labels("analyzer")), _value(busy)) == (0, 0)
    assert [line["result"] for line in logs if line["event"] == "command"] == ["handed_back"]


def _value(gauge: Gauge) -> float:
    (metric,) = gauge.collect()
    return metric.samples[0].value
