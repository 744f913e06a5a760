"""The policy that leads a clustering: given what clusterers report, then the next batches, however often it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from services.coordinator.policies import clusterings
from services.coordinator.reaction import create_tables
from shared import postgres
from shared.clustering import search
from shared.commands import ComposePlaylists, EvaluateClusterings, KeepPlaylists
from shared.events import (
    ClusteringBatchFailed,
    ClusteringCancelled,
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringOptions,
    ClusteringProgressed,
    ClusteringRequested,
    ClusteringStarted,
    Evaluation,
    Event,
    Score,
)
from shared.messages import derived_id, wrap
from shared.settings import Settings
from shared.streams import Unit
from tests import given

if TYPE_CHECKING:
    from shared.postgres import Connection

OPTIONS = ClusteringOptions(evaluations=24, save=True, sync=True)
REQUESTED = ClusteringRequested(run_id=given.RUN, options=OPTIONS, seed=3)
STARTED = ClusteringStarted(
    run_id=given.RUN,
    tracks=300,
    without_embedding=0,
    sampled=300,
    data_id=search.data_id(given.RUN),
    generation_size=8,
    algorithms=("kmeans", "gmm"),
)
COMPLETED = ClusteringCompleted(run_id=given.RUN, playlists=3, tracks=300, tracks_used=90)


@pytest.fixture
async def connection(settings: Settings) -> AsyncIterator[Connection]:
    await create_tables(settings)
    opened = await postgres.open_connection(settings)
    yield opened
    await opened.close()


async def _told(connection: Connection, *events: Event) -> list[Unit]:
    """What the policy decides; ids of events are their contents, so that telling again is telling the same."""
    return await clusterings.decide(
        connection, [wrap(event, id=derived_id("told", event.model_dump_json())) for event in events]
    )


def _commands(units: Sequence[Unit]) -> list[Any]:
    return [send.command.message for unit in units for send in unit.commands]


def _progressed(command: EvaluateClusterings, total: float | None = 0.5) -> ClusteringProgressed:
    parts = dict.fromkeys(("separation", "purity", "diversity", "coverage", "sizes", "silhouette"), 0.5)
    score = Score(total=total, **parts, clusters=5, unassigned=0) if total is not None else None
    evaluations = [
        Evaluation(number=number, rung=command.rung, configuration=configuration, score=score)
        for number, configuration in enumerate(command.configurations, command.first_number)
    ]
    return ClusteringProgressed(
        run_id=given.RUN, generation=command.generation, batch=command.batch, evaluations=tuple(evaluations)
    )


async def _searched(connection: Connection, *, total: float | None = 0.5) -> tuple[list[EvaluateClusterings], Any]:
    """Answer every batch until something else is ordered."""
    commands = _commands(await _told(connection, REQUESTED, STARTED))
    asked: list[EvaluateClusterings] = []
    while commands and isinstance(commands[0], EvaluateClusterings):
        asked += commands
        commands = _commands(await _told(connection, *(_progressed(command, total) for command in commands)))
    (last,) = commands
    return asked, last


async def test_it_searches_composes_and_keeps(connection: Connection) -> None:
    asked, compose = await _searched(connection)
    numbers = [
        number for one in asked for number in range(one.first_number, one.first_number + len(one.configurations))
    ]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) <= OPTIONS.evaluations
    assert isinstance(compose, ComposePlaylists)
    assert compose.winner is not None and compose.winner.score is not None
    (keep,) = _commands(await _told(connection, COMPLETED))
    assert keep == KeepPlaylists(run_id=given.RUN, sync=True)


async def test_the_next_generation_waits_for_every_batch(connection: Connection) -> None:
    (first,) = _commands(await _told(connection, REQUESTED, STARTED))
    following = _commands(await _told(connection, _progressed(first)))
    assert {command.generation for command in following} == {1}
    assert _commands(await _told(connection, *(_progressed(command) for command in following[1:]))) == []
    assert _commands(await _told(connection, _progressed(following[0])))[0].generation == 2


async def test_told_twice_it_orders_nothing_new(connection: Connection) -> None:
    (first,) = _commands(await _told(connection, REQUESTED, STARTED))
    once = await _told(connection, _progressed(first))
    again = await _told(connection, REQUESTED, STARTED, _progressed(first))
    assert once != [] and again == []


async def test_told_anew_it_orders_the_same(connection: Connection, settings: Settings) -> None:
    once = await _told(connection, REQUESTED, STARTED)
    await connection.execute("TRUNCATE coordinator_clusterings, coordinator_clustering_batches")
    again = await _told(connection, REQUESTED, STARTED)
    assert [unit.id for unit in once] == [unit.id for unit in again]
    assert [send.command.id for unit in once for send in unit.commands] == [
        send.command.id for unit in again for send in unit.commands
    ]
    assert _commands(once) == _commands(again)


async def test_a_lost_batch_does_not_hold_up_the_rest(connection: Connection) -> None:
    (first,) = _commands(await _told(connection, REQUESTED, STARTED))
    lost = ClusteringBatchFailed(run_id=given.RUN, generation=0, batch=first.batch, reason="crashed", detail="it did")
    assert _commands(await _told(connection, lost))[0].generation == 1


async def test_when_no_configuration_works_a_rule_is_composed(connection: Connection) -> None:
    _, compose = await _searched(connection, total=None)
    assert isinstance(compose, ComposePlaylists)
    assert compose.winner is not None and compose.winner.score is None
    assert compose.winner.configuration.algorithm == "kmeans"


async def test_a_library_too_small_to_search_is_composed_at_once(connection: Connection) -> None:
    small = ClusteringStarted(run_id=given.RUN, tracks=3, without_embedding=0, sampled=3)
    (compose,) = _commands(await _told(connection, REQUESTED, small))
    assert isinstance(compose, ComposePlaylists) and compose.winner is None


async def test_cancelling_ends_it_at_once_and_lifts_the_flag_when_the_last_batch_is_back(
    connection: Connection,
) -> None:
    (first,) = _commands(await _told(connection, REQUESTED, STARTED))
    (failed,) = await _told(connection, ClusteringCancelled(run_id=given.RUN))
    assert [event.message.reason for event in failed.events] == ["cancelled"]
    assert failed.flags == {}
    assert await clusterings.decide(connection, failed.events) == []
    (lifted,) = await _told(connection, _progressed(first))
    assert (lifted.flags, list(lifted.commands)) == ({given.RUN: None}, [])


async def test_a_failed_start_is_the_end(connection: Connection) -> None:
    failed = ClusteringFailed(run_id=given.RUN, reason="no_tracks", detail="There are none.")
    assert _commands(await _told(connection, REQUESTED, failed)) == []
    assert _commands(await _told(connection, STARTED)) == []
    assert await clusterings.give_up(connection) == []


async def test_what_nobody_works_on_is_ended_by_name(connection: Connection) -> None:
    await _told(connection, REQUESTED, STARTED)
    (unit,) = await clusterings.give_up(connection)
    assert [event.message.reason for event in unit.events] == ["work_lost"]
    await clusterings.decide(connection, unit.events)
    assert await clusterings.give_up(connection) == []
