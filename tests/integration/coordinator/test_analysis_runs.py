"""The policy that ends a run: given events, then one AnalysisRunCompleted, however they arrive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import pytest

from services.coordinator import outbox
from services.coordinator.policies import analysis_runs
from services.coordinator.reaction import Coordinator, create_tables
from services.coordinator.stranded import Stranded
from shared import postgres
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    AnalysisRunStarted,
    Event,
    LibraryScanCompleted,
    LibraryScanFailed,
    LibraryTrack,
    RunCancelled,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
    TracksDiscovered,
)
from shared.follower import Follower
from shared.messages import Send, derived_id, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests import given
from tests.waiting import until

if TYPE_CHECKING:
    from shared.postgres import Connection


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    await create_tables(settings)
    opened = await postgres.open_connection(settings)
    yield opened
    await opened.close()


def _discovered(*numbers: int) -> TracksDiscovered:
    tracks = tuple(
        LibraryTrack(
            track_id=given.track(number), item_id=f"{number}", content_version="1", meta_version="1", title=f"{number}"
        )
        for number in numbers
    )
    return TracksDiscovered(run_id=given.RUN, server_id=given.SERVER, tracks=tracks)


def _skipped(number: int) -> TrackAnalysisSkipped:
    return TrackAnalysisSkipped(
        run_id=given.RUN, server_id=given.SERVER, track_id=given.track(number), reason="unchanged"
    )


def _failed(number: int) -> TrackAnalysisFailed:
    return TrackAnalysisFailed(
        run_id=given.RUN, server_id=given.SERVER, track_id=given.track(number), reason="corrupt", detail="it is"
    )


STARTED = AnalysisRunStarted(run_id=given.RUN, server_ids=(given.SERVER,))


def _listed(total: int) -> LibraryScanCompleted:
    return LibraryScanCompleted(run_id=given.RUN, server_id=given.SERVER, total=total)


WHOLE_RUN: list[Event] = [
    STARTED,
    _discovered(1, 2),
    _discovered(3, 4),
    _listed(4),
    *map(_skipped, (1, 2, 3)),
    _failed(4),
]


async def _decide(connection: Connection, events: Sequence[Event]) -> list[AnalysisRunCompleted]:
    units = await analysis_runs.decide(connection, [wrap(event) for event in events])
    return [event.message for unit in units for event in unit.events]


@pytest.mark.parametrize("seed", range(5))
async def test_a_run_ends_once_with_its_totals_however_its_events_are_ordered_and_cut(
    connection: Connection, seed: int
) -> None:
    chance = random.Random(seed)
    events = WHOLE_RUN.copy()
    chance.shuffle(events)
    ended = []
    while events:
        size = chance.randint(1, 4)
        ended += await _decide(connection, events[:size])
        del events[:size]

    (completed,) = ended
    assert completed.state == "completed"
    assert (completed.discovered, completed.analysed, completed.skipped, completed.failed) == (4, 0, 3, 1)


async def test_a_second_terminal_event_of_a_track_is_not_counted(connection: Connection) -> None:
    assert await _decide(connection, [STARTED, _discovered(1, 2), _listed(2), _failed(1), _skipped(1)]) == []

    (completed,) = await _decide(connection, [_skipped(2)])
    assert (completed.skipped, completed.failed) == (1, 1)
    assert await _decide(connection, [_skipped(1), _skipped(2)]) == []


async def test_a_run_without_a_usable_library_ends_as_failed(connection: Connection) -> None:
    broken = LibraryScanFailed(run_id=given.RUN, server_id=given.SERVER, reason="folder_missing", detail="gone")

    (completed,) = await _decide(connection, [STARTED, broken])

    assert completed.state == "failed"


async def test_a_cancelled_run_says_so_when_everything_in_hand_has_ended(connection: Connection) -> None:
    assert await _decide(connection, [STARTED, _discovered(1), RunCancelled(run_id=given.RUN)]) == []

    (completed,) = await _decide(connection, [_listed(1), _skipped(1)])

    assert completed.state == "cancelled"


async def test_a_run_whose_commands_were_lost_ends_by_name_instead_of_hanging(settings: Settings) -> None:
    await create_tables(settings)
    streams = Streams(settings)
    pool = await postgres.open_pool(settings)
    stop = asyncio.Event()
    follower = Follower("coordinator", settings, streams, Coordinator(streams, pool))
    task = asyncio.create_task(follower.run(stop))
    other = derived_id("never started")
    requested = AnalysisRequested(run_id=other, server_ids=(given.SERVER,))
    for event in (STARTED, _discovered(1, 2), _skipped(1), requested):
        await streams.log.append(Unit(uuid7(), events=[wrap(event)]))
    stranded = Stranded(streams, pool, follower)

    async def noticed() -> bool:
        return await stranded.look() > 0

    await until(noticed, "the loss was noticed")

    async def both_ended() -> bool:
        entries = await streams.log.page(0, 100)
        return [entry.raw.type for entry in entries].count("analysis.run_completed") == 2

    await until(both_ended, "both runs ended")
    reasons = [
        TrackAnalysisFailed.model_validate_json(entry.raw.data).reason
        for entry in await streams.log.page(0, 100)
        if entry.raw.type == "track.analysis_failed"
    ]
    assert reasons == ["work_lost"]
    assert await stranded.look() == await stranded.look() == 0
    stop.set()
    await task
    pool.terminate()
    await streams.close()


async def test_a_run_with_work_left_is_not_given_up(settings: Settings) -> None:
    await create_tables(settings)
    streams = Streams(settings)
    pool = await postgres.open_pool(settings)
    await streams.log.append(
        Unit(uuid7(), events=[wrap(STARTED)], commands=[Send(wrap(given.fetch_audio()), delay_s=3600)])
    )
    follower = Follower("coordinator", settings, streams, Coordinator(streams, pool))
    follower.position = await streams.log.last()
    stranded = Stranded(streams, pool, follower)

    assert [await stranded.look() for _ in range(3)] == [0, 0, 0]

    await pool.close()
    await streams.close()


async def test_an_empty_library_is_a_finished_run(connection: Connection) -> None:
    (completed,) = await _decide(connection, [STARTED, _listed(0)])
    assert (completed.state, completed.discovered) == ("completed", 0)


async def test_a_decision_survives_a_crash_between_the_commit_and_the_append(
    settings: Settings, connection: Connection
) -> None:
    """The outbox holds it, and appending it twice is appending it once."""
    streams = Streams(settings)
    units = await analysis_runs.decide(connection, [wrap(event) for event in WHOLE_RUN])
    await outbox.put(connection, 1, units)
    await outbox.put(connection, 1, units)
    await streams.log.append(units[0])

    assert await outbox.publish(connection, streams.log) == 1

    assert [entry.raw.type for entry in await streams.log.page(0, 10)] == ["analysis.run_completed"]
    assert await outbox.publish(connection, streams.log) == 0
    await streams.close()


def test_a_unit_survives_the_outbox() -> None:
    unit = Unit(
        derived_id("u"),
        events=[wrap(STARTED)],
        commands=[Send(wrap(given.fetch_audio()), high=True, delay_s=1.5)],
        flags={given.RUN: None, derived_id("other"): "paused"},
        release=[given.RUN],
    )
    assert outbox.from_json(unit.id, outbox.to_json(unit)) == unit


async def test_the_coordinator_follows_the_log_and_of_two_only_one_decides(settings: Settings) -> None:
    await create_tables(settings)
    streams = Streams(settings)
    pool = await postgres.open_pool(settings)
    stop = asyncio.Event()
    followers = [Follower("coordinator", settings, streams, Coordinator(streams, pool)) for _ in range(2)]
    tasks = [asyncio.create_task(follower.run(stop)) for follower in followers]
    for event in WHOLE_RUN:
        await streams.log.append(Unit(uuid7(), events=[wrap(event)]))

    async def ended() -> bool:
        return any(entry.raw.type == "analysis.run_completed" for entry in await streams.log.page(0, 100))

    await until(ended, "the run was ended")
    assert [follower.active for follower in followers].count(True) == 1
    last = await streams.log.last()

    async def all_read() -> bool:
        return any(follower.position == last for follower in followers)

    await until(all_read, "the coordinator read its own event")
    types = [entry.raw.type for entry in await streams.log.page(0, 100)]
    assert types.count("analysis.run_completed") == 1
    stop.set()
    await asyncio.gather(*tasks)
    pool.terminate()
    await streams.close()
