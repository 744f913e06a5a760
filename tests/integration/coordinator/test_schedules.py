"""Schedules: what is due starts once, what was missed starts once, late, and nothing else starts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.coordinator.__main__ import main
from services.coordinator.reaction import Coordinator, create_tables
from services.coordinator.scheduler import Scheduler
from shared import postgres
from shared.commands import COMMANDS, ImportPlays, StartAnalysis, StartClustering, StartSync
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    ClusteringOptions,
    ClusteringRequested,
    ScheduleFired,
    ScheduleKind,
    ScheduleParameters,
    ScheduleRemoved,
    ScheduleSet,
    ServerAdded,
    SyncRequested,
)
from shared.follower import Follower
from shared.messages import decode_raw, derived_id, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.upcasts import read
from tests import given
from tests.waiting import until
from tests.world import World, world

SET_AT = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
SCHEDULE = derived_id("test", "schedule")
OTHER = derived_id("test", "other server")


class Clockwork:
    """A coordinator that is turned by hand, with a clock that is set by hand."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.now = SET_AT
        self.follower = Follower("coordinator", here.settings, here.streams, Coordinator(here.streams, here.pool))
        self.scheduler = self.restarted()

    def restarted(self) -> Scheduler:
        self.scheduler = Scheduler(self.here.streams, self.here.pool, self.follower, lambda: self.now)
        return self.scheduler

    async def caught_up(self) -> None:
        await self.here.projected()
        while batch := await self.here.streams.log.page(self.follower.position, 500):
            await self.follower.step(self.here.connection, batch)

    async def set(
        self, kind: ScheduleKind = "sync", cron: str = "@hourly", *, enabled: bool = True, **given_: Any
    ) -> None:
        event = ScheduleSet(
            schedule_id=SCHEDULE,
            name="Test",
            kind=kind,
            cron=cron,
            enabled=enabled,
            parameters=ScheduleParameters(**given_),
        )
        await self.here.streams.log.append(Unit(uuid7(), events=[replace(wrap(event), occurred_at=self.now)]))
        await self.caught_up()

    async def at(self, later: timedelta) -> int:
        """Let time pass and look; how many schedules fired."""
        self.now = SET_AT + later
        fired = await self.scheduler.look()
        await self.caught_up()
        return fired

    async def fired(self) -> list[ScheduleFired]:
        return await self.here.events(ScheduleFired)

    async def commands(self) -> list[Any]:
        client, keys = self.here.streams.client, self.here.streams.keys
        entries: list[Any] = []
        for stream in keys.all_work_streams():
            entries += await client.xrange(stream) or []
        return [read(COMMANDS, decode_raw(fields)).message for _, fields in entries]


@pytest.fixture
async def clockwork(settings: Settings) -> AsyncIterator[Clockwork]:
    await create_tables(settings)
    async with world(settings) as here:
        yield Clockwork(here)


async def _add_servers(clockwork: Clockwork, *servers: UUID) -> None:
    await clockwork.here.happened(
        *(
            ServerAdded(server_id=server, server_type="folder", name=f"Music {number}", path=f"/music/{number}")
            for number, server in enumerate(servers)
        )
    )
    await clockwork.caught_up()


async def test_a_schedule_fires_when_it_is_due_and_once(clockwork: Clockwork) -> None:
    await clockwork.set()
    assert await clockwork.at(timedelta(minutes=29)) == 0
    assert await clockwork.at(timedelta(minutes=30)) == 1
    assert await clockwork.at(timedelta(minutes=31)) == 0
    assert await clockwork.at(timedelta(minutes=90)) == 1
    first, second = await clockwork.fired()
    assert first.due_at == SET_AT + timedelta(minutes=30)
    assert second.due_at == SET_AT + timedelta(minutes=90)
    assert not first.late and first.run_id != second.run_id
    assert [command.run_id for command in await clockwork.commands()] == [first.run_id, second.run_id]


async def test_a_time_that_was_looked_at_twice_before_anybody_noticed_is_kept_once(clockwork: Clockwork) -> None:
    await clockwork.set()
    clockwork.now = SET_AT + timedelta(minutes=30)
    assert await clockwork.scheduler.look() == 1
    assert await clockwork.scheduler.look() == 0
    await clockwork.caught_up()
    assert len(await clockwork.fired()) == len(await clockwork.commands()) == 1


async def test_times_that_were_missed_are_made_up_for_once(clockwork: Clockwork) -> None:
    await clockwork.set()
    assert await clockwork.at(timedelta(days=20)) == 1
    assert await clockwork.at(timedelta(days=20, seconds=5)) == 0
    (fired,) = await clockwork.fired()
    assert fired.late
    assert await clockwork.at(timedelta(days=20, minutes=30)) == 1
    assert not (await clockwork.fired())[1].late


async def test_after_a_restart_nothing_fires_before_everything_is_known(clockwork: Clockwork) -> None:
    """The firing may stand in the log already, unread; a day later its id is no longer remembered."""
    await clockwork.set()
    clockwork.now = SET_AT + timedelta(minutes=30)
    assert await clockwork.scheduler.look() == 1
    streams = clockwork.here.streams
    unit_id = derived_id("schedule", SCHEDULE, clockwork.now.isoformat())
    await streams.client.delete(streams.keys.seen(unit_id))

    clockwork.restarted()
    assert await clockwork.scheduler.look() == 0
    await clockwork.caught_up()
    assert await clockwork.scheduler.look() == 0
    assert len(await clockwork.fired()) == 1


async def test_a_disabled_and_a_removed_schedule_do_not_fire(clockwork: Clockwork) -> None:
    await clockwork.set(enabled=False)
    assert await clockwork.at(timedelta(days=1)) == 0
    await clockwork.set()
    assert await clockwork.at(timedelta(days=1, minutes=1)) == 0, "times before it was enabled do not count"
    await clockwork.here.happened(ScheduleRemoved(schedule_id=SCHEDULE))
    await clockwork.caught_up()
    assert await clockwork.at(timedelta(days=3)) == 0


async def test_a_changed_schedule_is_kept_as_it_is_now(clockwork: Clockwork) -> None:
    await clockwork.set()
    await clockwork.set(cron="0 12 * * *")
    assert await clockwork.at(timedelta(minutes=45)) == 0
    assert await clockwork.at(timedelta(minutes=90)) == 1


async def test_what_each_kind_starts(clockwork: Clockwork) -> None:
    playlist = derived_id("playlist")
    await _add_servers(clockwork, given.SERVER, OTHER)
    options = ClusteringOptions(playlists_max=3)
    kinds: list[tuple[ScheduleKind, type[Any], type[Any] | None, int]] = [
        ("sync", StartSync, SyncRequested, 1),
        ("clustering", StartClustering, ClusteringRequested, 1),
        ("listening", ImportPlays, None, 2),
        ("analysis", StartAnalysis, AnalysisRequested, 1),
    ]
    for hours, (kind, command_type, event_type, count) in enumerate(kinds):
        clockwork.now = SET_AT + timedelta(hours=hours)
        await clockwork.set(kind, playlist_ids=(playlist,), clustering=options)
        assert await clockwork.at(timedelta(hours=hours, minutes=30)) == 1
        run_id = (await clockwork.fired())[-1].run_id
        commands = [command for command in await clockwork.commands() if isinstance(command, command_type)]
        assert len(commands) == count, kind
        assert {command.run_id for command in commands} == {run_id}
        if event_type:
            assert [event.run_id for event in await clockwork.here.events(event_type)] == [run_id]
    starts = {type(command): command for command in await clockwork.commands()}
    assert starts[StartSync].playlist_ids == (playlist,)
    assert starts[StartClustering].options == options
    assert starts[StartAnalysis].server_ids == (given.SERVER, OTHER)


async def test_a_refresh_is_an_analysis_then_a_clustering_that_is_kept_and_synced(clockwork: Clockwork) -> None:
    await _add_servers(clockwork, given.SERVER, OTHER)
    await clockwork.set("refresh", server_ids=(OTHER,), clustering=ClusteringOptions(playlists_max=3))
    assert await clockwork.at(timedelta(minutes=30)) == 1
    (requested,) = await clockwork.here.events(AnalysisRequested)
    assert requested.server_ids == (OTHER,)
    completed = AnalysisRunCompleted(
        run_id=requested.run_id, state="completed", discovered=0, analysed=0, skipped=0, failed=0
    )
    await clockwork.here.happened(completed)
    await clockwork.caught_up()
    (clustering,) = await clockwork.here.events(ClusteringRequested)
    options = clustering.options
    assert (options.save, options.sync, options.playlists_max, options.server_ids) == (True, True, 3, (OTHER,))


async def test_a_library_that_is_being_analysed_is_not_analysed_twice(clockwork: Clockwork) -> None:
    await _add_servers(clockwork, given.SERVER, OTHER)
    await clockwork.here.happened(AnalysisRequested(run_id=given.RUN, server_ids=(given.SERVER,)))
    await clockwork.set("analysis")
    assert await clockwork.at(timedelta(minutes=30)) == 1
    (fired,) = await clockwork.fired()
    assert fired.run_id is not None and "Music 0" in (fired.problem or "")
    assert (await clockwork.here.events(AnalysisRequested))[-1].server_ids == (OTHER,)

    assert await clockwork.at(timedelta(minutes=90)) == 1
    nothing = (await clockwork.fired())[-1]
    assert nothing.run_id is None
    assert "Music 0, Music 1" in (nothing.problem or "")


async def test_without_a_library_there_is_nothing_to_analyse_and_the_firing_says_so(clockwork: Clockwork) -> None:
    await clockwork.set("refresh")
    assert await clockwork.at(timedelta(minutes=30)) == 1
    (fired,) = await clockwork.fired()
    assert fired.run_id is None
    assert "no library" in (fired.problem or "")


async def test_an_analysis_that_somebody_starts_at_the_same_moment_wins(clockwork: Clockwork) -> None:
    """The gateway's unit stands in the log, but the read models do not know it yet."""
    await _add_servers(clockwork, given.SERVER)
    await clockwork.set("analysis")
    requested = AnalysisRequested(run_id=given.RUN, server_ids=(given.SERVER,))
    expect = {f"analysis:{given.SERVER}:0": 0}
    await clockwork.here.streams.log.append(Unit(uuid7(), events=[wrap(requested)], expect=expect))

    assert await clockwork.at(timedelta(minutes=30)) == 0
    assert await clockwork.at(timedelta(minutes=30, seconds=1)) == 1
    (fired,) = await clockwork.fired()
    assert fired.run_id is None
    assert await clockwork.commands() == []


async def test_the_process_keeps_schedules(settings: Settings) -> None:
    """End to end through the coordinator's own loops, with a real clock."""
    streams = Streams(settings)
    stop = asyncio.Event()
    task = asyncio.create_task(main(settings, stop))
    event = ScheduleSet(schedule_id=SCHEDULE, name="Test", kind="sync", cron="* * * * *")
    missed = replace(wrap(event), occurred_at=datetime.now(UTC) - timedelta(hours=1))
    await streams.log.append(Unit(uuid7(), events=[missed]))

    async def fired() -> bool:
        return any(entry.raw.type == ScheduleFired.wire_type for entry in await streams.log.page(0, 10))

    await until(fired, "the missed time was made up for")
    stop.set()
    await task
    pool = await postgres.open_pool(settings)
    assert await pool.fetchval("SELECT count(*) FROM coordinator_schedules WHERE kept_until > now() - interval '1 min'")
    pool.terminate()
    await streams.close()
