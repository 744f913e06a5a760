"""Out of one Starling and into another: the same library, and nothing is done twice."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from services.cli.backup.contents import KEPT_TABLES, LEFT_OUT
from services.clusterer import store as clusterer_store
from services.coordinator import outbox
from services.coordinator.reaction import Coordinator
from services.coordinator.scheduler import Scheduler
from services.coordinator.stranded import Stranded
from services.projector.compare import compare
from services.syncer.journal import Journal
from shared import positions, secrets
from shared.commands import StartSync
from shared.events import (
    AnalysisRequested,
    RunPaused,
    ScheduleFired,
    ScheduleSet,
    ServerAdded,
    ServerChanged,
    SyncRequested,
)
from shared.follower import Follower
from shared.messages import Send, derived_id, encode, uuid7, wrap
from shared.streams import Unit
from tests import given
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import PASSPHRASE, PLAYLIST, House, header_of, samples


async def test_everything_is_there_again_and_goes_on(home: House, move: Move) -> None:
    secret = await home.lived_in()
    before = await home.contents()
    until = await home.position("projector")
    assert len(before["playlist_links"]) == 1 and len(before["coordinator_schedules"]) == 1
    content = await home.exported(PASSPHRASE)

    async with move() as new:
        restored = await new.imported(content, PASSPHRASE)
        assert await new.contents() == before
        assert await compare(new.settings) == []
        assert (restored.secrets, restored.unreadable) == (1, 0)
        assert await secrets.load(new.pool, new.settings, secret) == "open sesame"
        entry = await Journal(new.connection, PLAYLIST, given.SERVER, "ann", uuid7()).load()
        assert entry is not None and (entry.state, entry.remote_id, entry.items) == ("writing", "17", ("1", "Ω\"'"))

        await new.really_coordinated()
        assert await new.streams.log.length() == 0, "nothing is decided about the past"
        assert not any((await new.streams.backlog()).values())

        await new.happened(ServerChanged(server_id=given.SERVER, name="After"))
        assert await new.streams.log.last() > until
        await new.everything()
        assert await new.rows("SELECT name FROM servers WHERE server_id = $1", given.SERVER) == [{"name": "After"}]
        assert await compare(new.settings) == []
        assert len((await new.contents())["event_log"]) == len(before["event_log"]) + 1


async def test_every_event_ever_written_is_in_the_header_and_comes_through(home: House, move: Move) -> None:
    await home.appended(*samples())
    await home.everything()
    content = await home.exported()
    assert set(header_of(content).events) == {sample["type"] for sample in samples()}
    async with move() as new:
        await new.imported(content)
        assert await compare(new.settings) == []


async def test_what_nobody_could_read_comes_through_as_it_was(home: House, move: Move) -> None:
    odd: list[dict[Any, Any]] = [
        {"a stray": b"\xff entry"},
        {**samples()[0], "data": b"\xff\x00 no text", "blob": bytes(range(256))},
        {**samples()[0], "data": b'{"$raw": "x\\u0000", "n": 1.00000000000000000001}'},
        {**samples()[0], "data": b'{"n": 1.00000000000000000001}', "type": "from.the_future"},
    ]
    await home.appended(*odd)
    content, tail = await home.exported(), (await home.streams.log.page(0, 10))
    await home.everything()
    before = (await home.contents())["event_log"]
    assert await home.exported() != content, "a header with another position of the coordinator"
    async with move() as new:
        await new.imported(content)
        assert (await new.contents())["event_log"] == before
        assert len(before) == len(tail) == 4


async def test_what_the_projector_has_not_read_yet_goes_along(home: House, move: Move) -> None:
    await home.lived_in(50)
    schedule = ScheduleSet(schedule_id=uuid7(), name="Late", kind="sync", cron="@daily")
    await home.happened(schedule)
    await home.coordinated()
    await home.happened(RunPaused(run_id=given.RUN))
    last = await home.streams.log.last()
    assert await home.position("projector") < await home.position("coordinator") < last
    content = await home.exported(PASSPHRASE)
    await home.everything()
    async with move() as new:
        await new.imported(content, PASSPHRASE)
        assert await new.position("projector") == last
        await new.really_coordinated()
        old_contents, new_contents = await home.contents(), await new.contents()
        assert new_contents == old_contents
        assert len(await new.rows("SELECT * FROM schedules WHERE schedule_id = $1", schedule.schedule_id)) == 1


async def test_a_decision_is_carried_out_once_whether_it_had_been_appended_or_not(home: House, move: Move) -> None:
    run = derived_id("test", "sync")
    units = []
    for name in ("appended", "not yet"):
        asked = wrap(SyncRequested(run_id=run), id=derived_id(name))
        command = wrap(StartSync(run_id=run), id=derived_id(name, "command"))
        units.append(Unit(derived_id(name, "unit"), events=[asked], commands=[Send(command)]))
    await home.streams.log.append(units[0])
    await home.everything()
    await outbox.put(home.connection, 1, units)
    content = await home.exported()
    async with move() as new:
        await new.imported(content)
        await new.really_coordinated(appended=1)
        assert [entry.raw.id for entry in await new.streams.log.page(0, 10)] == [derived_id("not yet")]
        assert (await new.streams.backlog())["syncer"] == 1


async def test_a_schedule_that_was_kept_is_not_kept_again(home: House, move: Move) -> None:
    """The coordinator had appended that it fired, and was exported before it read that itself."""
    schedule = ScheduleSet(schedule_id=uuid7(), name="Hourly", kind="sync", cron="@hourly")
    set_at = datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    due = set_at.replace(hour=11, minute=0)
    await home.streams.log.append(Unit(uuid7(), events=[replace(wrap(schedule), occurred_at=set_at)]))
    await home.everything()
    fired = ScheduleFired(schedule_id=schedule.schedule_id, due_at=due, kind="sync", run_id=uuid7(), late=False)
    await home.streams.log.append(Unit(uuid7(), events=[replace(wrap(fired), occurred_at=due)]))
    content = await home.exported()
    async with move() as new:
        await new.imported(content)
        follower = Follower("coordinator", new.settings, new.streams, Coordinator(new.streams, new.pool))
        scheduler = Scheduler(new.streams, new.pool, follower, lambda: due + timedelta(minutes=5))
        follower.position = await new.position("coordinator")
        assert await scheduler.look() == 0, "it waits until all of the past is known"
        await new.really_coordinated()
        follower.position = await new.position("coordinator")
        assert await scheduler.look() == 0
        next_hour = Scheduler(new.streams, new.pool, follower, lambda: due + timedelta(minutes=65))
        assert await next_hour.look() == 1


async def test_work_that_was_under_way_ends_by_name(home: House, move: Move) -> None:
    await home.happened(AnalysisRequested(run_id=given.RUN, server_ids=(given.SERVER,), profile="fast", scope="needed"))
    await home.everything()
    content = await home.exported()
    async with move() as new:
        await new.imported(content)
        await new.really_coordinated()
        follower = Follower("coordinator", new.settings, new.streams, Coordinator(new.streams, new.pool))
        follower.position = await new.position("coordinator")
        stranded = Stranded(new.streams, new.pool, follower)
        assert (await stranded.look(), await stranded.look()) == (0, 1)
        await new.everything()
        (run,) = await new.rows("SELECT state FROM runs WHERE run_id = $1", given.RUN)
        assert run["state"] == "failed"


async def test_a_clock_that_was_ahead_puts_nothing_out_of_order(home: House, move: Move) -> None:
    tomorrow = positions.pack(f"{round(time.time() * 1000) + 86_400_000}-7")
    fields: dict[Any, Any] = dict(encode(wrap(ServerAdded(server_id=given.SERVER, server_type="folder", name="Old"))))
    await home.streams.client.xadd(home.streams.keys.events, fields, id=positions.text(tomorrow))
    await home.everything()
    content = await home.exported()
    async with move() as new:
        await new.imported(content)
        await new.happened(ServerChanged(server_id=given.SERVER, name="New"))
        assert await new.streams.log.last() == tomorrow + 1
        await new.everything()
        assert await new.rows("SELECT name FROM servers") == [{"name": "New"}]


async def test_an_export_is_of_one_moment_whatever_happens_meanwhile(home: House, move: Move) -> None:
    await home.lived_in(100)
    exports: list[bytes] = []

    async def go_on() -> None:
        for seed in range(2, 9):
            await home.grow(60, seed)
            await home.everything()

    async def keep_exporting(work: asyncio.Task[None]) -> None:
        while not work.done():
            exports.append(await home.exported())

    work = asyncio.create_task(go_on())
    await asyncio.gather(work, keep_exporting(work))
    counts = {header_of(content).count for content in exports}
    assert len(counts) > 2, "the exports met a library that grew"
    async with move() as new:
        await new.imported(exports[len(exports) // 2])
        assert await compare(new.settings) == []


async def test_an_empty_starling_can_be_moved(home: House, move: Move) -> None:
    content = await home.exported()
    async with move() as new:
        await new.imported(content)
        await new.lived_in(20)
        assert await compare(new.settings) == []


async def test_every_table_that_is_kept_is_exported_or_has_a_reason(home: House) -> None:
    await clusterer_store.create_tables(home.settings)
    rows = await home.rows("SELECT tablename FROM pg_tables WHERE schemaname = $1", home.settings.kept_schema)
    assert {row["tablename"] for row in rows} == {*KEPT_TABLES, *LEFT_OUT}
    assert not set(KEPT_TABLES) & set(LEFT_OUT)
