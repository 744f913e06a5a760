"""The policy that ends a sync: given events, then one SyncCompleted whose totals add up."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from services.coordinator.policies import syncs
from services.coordinator.reaction import create_tables
from shared import postgres
from shared.events import (
    Event,
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncRequested,
    SyncStarted,
    SyncTarget,
)
from shared.messages import derived_id, wrap
from shared.settings import Settings
from shared.streams import Unit
from tests import given

if TYPE_CHECKING:
    from shared.postgres import Connection


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    await create_tables(settings)
    opened = await postgres.open_connection(settings)
    yield opened
    await opened.close()


def _playlist(number: int) -> UUID:
    return derived_id("playlist", number)


def _about(number: int) -> dict[str, Any]:
    return {"run_id": given.RUN, "playlist_id": _playlist(number), "server_id": given.SERVER}


def _synced(number: int) -> PlaylistSynced:
    return PlaylistSynced(**_about(number), number=1, remote_id="r", remote_name="n", action="created", written=1)


def _skipped(number: int) -> PlaylistSyncSkipped:
    return PlaylistSyncSkipped(**_about(number), reason="no_tracks")


def _failed(number: int) -> PlaylistSyncFailed:
    return PlaylistSyncFailed(**_about(number), reason="refused", detail="no", restored=True)


def _started(count: int) -> SyncStarted:
    targets = (SyncTarget(playlist_id=_playlist(number), server_id=given.SERVER) for number in range(count))
    return SyncStarted(run_id=given.RUN, targets=tuple(targets))


REQUESTED = SyncRequested(run_id=given.RUN)


async def _units(connection: Connection, events: Sequence[Event]) -> list[Unit]:
    return await syncs.decide(connection, [wrap(event) for event in events])


async def _decide(connection: Connection, events: Sequence[Event]) -> list[SyncCompleted]:
    return [event.message for unit in await _units(connection, events) for event in unit.events]


@pytest.mark.parametrize("seed", range(3))
async def test_a_sync_ends_once_with_its_totals_however_its_events_are_cut(connection: Connection, seed: int) -> None:
    chance = random.Random(seed)
    outcomes: list[Event] = [_synced(0), _synced(1), _skipped(2), _failed(3)]
    chance.shuffle(outcomes)
    events = [REQUESTED, _started(4), *outcomes, _failed(0)]
    ended = []
    while events:
        size = chance.randint(1, 3)
        ended += await _decide(connection, events[:size])
        del events[:size]

    (completed,) = ended
    assert completed.state == "completed"
    assert (completed.synced, completed.skipped, completed.failed) == (2, 1, 1)


async def test_a_sync_with_nothing_to_do_is_over_at_once(connection: Connection) -> None:
    (completed,) = await _decide(connection, [REQUESTED, _started(0)])
    assert (completed.state, completed.synced + completed.skipped + completed.failed) == ("completed", 0)


async def test_a_sync_of_which_nothing_worked_has_failed(connection: Connection) -> None:
    (completed,) = await _decide(connection, [REQUESTED, _started(2), _failed(0), _failed(1)])
    assert completed.state == "failed"


async def test_a_cancelled_sync_says_so_when_everything_in_hand_has_ended(connection: Connection) -> None:
    assert await _decide(connection, [REQUESTED, _started(2), _synced(0), SyncCancelled(run_id=given.RUN)]) == []
    (unit,) = await _units(connection, [_skipped(1)])
    assert unit.flags == {given.RUN: None}
    assert unit.events[0].message.state == "cancelled"


async def test_a_sync_that_could_not_begin_is_over_and_its_flag_is_lifted(connection: Connection) -> None:
    broken = SyncFailed(run_id=given.RUN, reason="cancelled", detail="it was")
    (unit,) = await _units(connection, [REQUESTED, broken])
    assert (list(unit.events), unit.flags) == ([], {given.RUN: None})
    assert await _decide(connection, [_started(1), _synced(0)]) == []
    assert await syncs.give_up(connection) == []


async def test_what_is_said_about_another_run_changes_nothing(connection: Connection) -> None:
    assert await _decide(connection, [_failed(0), _synced(1)]) == []
    assert await _decide(connection, [REQUESTED, _started(1)]) == []
    assert len(await _decide(connection, [_synced(5), _synced(0)])) == 1


async def test_a_sync_whose_commands_were_lost_ends_by_name(connection: Connection) -> None:
    never_begun = SyncRequested(run_id=derived_id("other"))
    assert await _decide(connection, [REQUESTED, never_begun, _started(2), _synced(0)]) == []

    lost = [event.message for unit in await syncs.give_up(connection) for event in unit.events]

    assert {type(event) for event in lost} == {SyncFailed, PlaylistSyncFailed}
    assert {event.reason for event in lost} == {"work_lost"}
    (completed,) = await _decide(connection, lost)
    assert (completed.synced, completed.failed) == (1, 1)
    assert await syncs.give_up(connection) == []


async def test_the_same_events_give_the_same_unit(settings: Settings, connection: Connection) -> None:
    """After a crash between the decision and its commit everything is decided again."""
    transaction = connection.transaction()
    await transaction.start()
    first = await _units(connection, [REQUESTED, _started(1), _synced(0)])
    await transaction.rollback()
    second = await _units(connection, [REQUESTED, _started(1), _synced(0)])
    assert [unit.id for unit in first] == [unit.id for unit in second]
    assert [unit.events[0].id for unit in first] == [unit.events[0].id for unit in second]
