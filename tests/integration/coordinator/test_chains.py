"""What follows what: analysis, then clustering; playlists kept, then sync."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pytest

from services.coordinator import outbox
from services.coordinator.policies import chains
from services.coordinator.reaction import create_tables
from shared import postgres
from shared.commands import StartClustering, StartSync
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    ClusteringOptions,
    ClusteringRequested,
    PlaylistsKept,
    SyncRequested,
)
from shared.messages import Envelope, derived_id, wrap
from shared.settings import Settings
from shared.streams import Unit
from tests import given

if TYPE_CHECKING:
    from shared.postgres import Connection

OPTIONS = ClusteringOptions(save=True, sync=True, playlists_max=7)
REQUESTED = wrap(AnalysisRequested(run_id=given.RUN, server_ids=(given.SERVER,), then=OPTIONS))


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    await create_tables(settings)
    opened = await postgres.open_connection(settings)
    yield opened
    await opened.close()


def _ended(state: Literal["completed", "cancelled", "failed"]) -> Envelope[Any]:
    return wrap(AnalysisRunCompleted(run_id=given.RUN, state=state, discovered=1, analysed=1, skipped=0, failed=0))


async def _decide(connection: Connection, *events: Envelope[Any]) -> list[Unit]:
    return await chains.decide(connection, events)


def _messages(unit: Unit) -> Sequence[Any]:
    return [event.message for event in unit.events] + [send.command.message for send in unit.commands]


async def test_a_complete_analysis_is_clustered_with_the_options_it_was_given(connection: Connection) -> None:
    assert await _decide(connection, REQUESTED) == []

    (unit,) = await _decide(connection, _ended("completed"))

    requested, command = _messages(unit)
    assert isinstance(requested, ClusteringRequested) and isinstance(command, StartClustering)
    assert requested.options == command.options == OPTIONS
    assert requested.run_id == command.run_id != given.RUN
    assert requested.seed == command.seed
    assert await _decide(connection, _ended("completed")) == []


@pytest.mark.parametrize("state", ["cancelled", "failed"])
async def test_an_analysis_that_did_not_complete_is_followed_by_nothing(
    connection: Connection, state: Literal["cancelled", "failed"]
) -> None:
    assert await _decide(connection, REQUESTED, _ended(state)) == []
    assert await _decide(connection, _ended("completed")) == []


async def test_an_analysis_that_asks_for_nothing_is_followed_by_nothing(connection: Connection) -> None:
    plain = wrap(AnalysisRequested(run_id=given.RUN, server_ids=(given.SERVER,)))
    assert await _decide(connection, plain, _ended("completed")) == []


async def test_kept_playlists_are_synced_but_locked_ones_are_left_as_they_are(connection: Connection) -> None:
    one, two, three, four = (derived_id("playlist", number) for number in range(4))
    kept = wrap(
        PlaylistsKept(run_id=given.RUN, created=(one,), refreshed=(two,), unchanged=(three,), locked=(four,), sync=True)
    )

    (unit,) = await _decide(connection, kept)

    requested, command = _messages(unit)
    assert isinstance(requested, SyncRequested) and isinstance(command, StartSync)
    assert requested.playlist_ids == command.playlist_ids == (one, two, three)
    assert requested.run_id == command.run_id


async def test_keeping_twice_syncs_twice_and_keeping_without_sync_never(connection: Connection) -> None:
    one = derived_id("playlist", 1)
    first, second = (wrap(PlaylistsKept(run_id=given.RUN, created=(one,), sync=True)) for _ in range(2))
    units = await _decide(connection, first, second)
    assert len({unit.id for unit in units}) == 2
    assert await _decide(connection, wrap(PlaylistsKept(run_id=given.RUN, created=(one,)))) == []
    assert await _decide(connection, wrap(PlaylistsKept(run_id=given.RUN, locked=(one,), sync=True))) == []


async def test_the_same_events_give_the_same_commands(connection: Connection) -> None:
    kept = wrap(PlaylistsKept(run_id=given.RUN, created=(derived_id("playlist", 1),), sync=True))
    first = await _decide(connection, REQUESTED, _ended("completed"), kept)
    second = await _decide(connection, REQUESTED, _ended("completed"), kept)

    def ids(units: list[Unit]) -> list[Any]:
        return [(unit.id, [event.id for event in unit.events], [send.command.id for send in unit.commands],
                 _messages(unit)) for unit in units]  # fmt: skip

    assert len(first) == 2
    assert ids(first) == ids(second)
    assert [outbox.from_json(unit.id, outbox.to_json(unit)).commands for unit in first] == [
        list(unit.commands) for unit in first
    ]
