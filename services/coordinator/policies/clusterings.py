"""Policy: a clustering is searched generation by generation, then composed, then kept if that was asked for.

The results of batches are collected in rows; when all batches of a generation have reported, the search decides what to
try next from the results alone (``shared.clustering.search``), so a repetition decides the same. ``give_up`` ends what
nobody works on any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.clustering import search
from shared.clustering.search import Plan, Result, Trial
from shared.commands import CANCELLED, Command, ComposePlaylists, EvaluateClusterings, KeepPlaylists
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
)
from shared.messages import Envelope, Failure, Send, derived_id, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

name = "clusterings"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_clusterings (
    run_id uuid PRIMARY KEY,
    state text NOT NULL,
    cancelled boolean NOT NULL DEFAULT false,
    options jsonb NOT NULL,
    seed bigint NOT NULL,
    tracks int NOT NULL DEFAULT 0,
    sampled int NOT NULL DEFAULT 0,
    algorithms text[] NOT NULL DEFAULT '{{}}',
    generation int NOT NULL DEFAULT 0,
    issued int NOT NULL DEFAULT 0,
    working int NOT NULL DEFAULT 1
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_clustering_batches (
    run_id uuid NOT NULL,
    generation int NOT NULL,
    batch int NOT NULL,
    evaluations jsonb NOT NULL,
    PRIMARY KEY (run_id, generation, batch)
)
""",
)
# state: preparing -> searching -> composing -> ended. working: commands that have not reported yet.

handles: tuple[type[Event], ...] = (
    ClusteringRequested,
    ClusteringStarted,
    ClusteringProgressed,
    ClusteringBatchFailed,
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringCancelled,
)

_LOST = Failure(
    "work_lost", "The work on it was lost together with the store it waited in. Start the clustering again."
)

_UPDATE = """
UPDATE coordinator_clusterings
   SET state = $2, cancelled = $3, tracks = $4, sampled = $5, algorithms = $6, generation = $7, issued = $8,
       working = $9
 WHERE run_id = $1
"""


@dataclass(slots=True)
class _Run:
    """A row of ``coordinator_clusterings``."""

    run_id: UUID
    state: str
    cancelled: bool
    options: ClusteringOptions
    seed: int
    tracks: int
    sampled: int
    algorithms: tuple[Any, ...]
    generation: int
    issued: int
    working: int

    @property
    def plan(self) -> Plan:
        return Plan(self.options, self.seed, self.tracks, self.sampled, self.algorithms)


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """One event after the other. Given the same events twice it says the same units."""
    units: list[Unit] = []
    for envelope in events:
        message = envelope.message
        if isinstance(message, ClusteringRequested):
            await _open(connection, message)
            continue
        run = await _load(connection, message.run_id)
        if run is not None:
            units += await _react(connection, run, envelope)
            await _store(connection, run)
    return units


async def _open(connection: Connection, message: ClusteringRequested) -> None:
    await connection.execute(
        "INSERT INTO coordinator_clusterings (run_id, state, options, seed) VALUES ($1, 'preparing', $2, $3)"
        " ON CONFLICT DO NOTHING",
        message.run_id,
        message.options.model_dump_json(),
        message.seed,
    )


async def _load(connection: Connection, run_id: UUID) -> _Run | None:
    row = await connection.fetchrow("SELECT * FROM coordinator_clusterings WHERE run_id = $1", run_id)
    if row is None:
        return None
    options = ClusteringOptions.model_validate_json(row["options"])
    return _Run(**{**dict(row), "options": options, "algorithms": tuple(row["algorithms"])})


async def _store(connection: Connection, run: _Run) -> None:
    await connection.execute(
        _UPDATE,
        run.run_id,
        run.state,
        run.cancelled,
        run.tracks,
        run.sampled,
        list(run.algorithms),
        run.generation,
        run.issued,
        run.working,
    )


async def _react(connection: Connection, run: _Run, envelope: Envelope[Any]) -> list[Unit]:
    if run.state == "ended":
        return _late(run, envelope)
    units: list[Unit] = []
    match envelope.message:
        case ClusteringStarted() as started if run.state == "preparing":
            units = _begin(run, started)
        case ClusteringProgressed() | ClusteringBatchFailed() as reported:
            units = await _collect(connection, run, reported)
        case ClusteringCompleted() if run.state == "composing":
            run.working = 0
            units = [*_kept(run), *await _end(connection, run, envelope)]
        case ClusteringFailed():
            run.working = 0
            units = await _end(connection, run, envelope)
        case ClusteringCancelled():
            run.cancelled = True
            units = [*_failed(run.run_id, CANCELLED), *await _end(connection, run, envelope)]
    return units


def _late(run: _Run, envelope: Envelope[Any]) -> list[Unit]:
    """What workers still had in hand when the run ended. It changes nothing but who is left."""
    match envelope.message:
        case ClusteringProgressed() | ClusteringBatchFailed():
            run.working = max(0, run.working - 1)
        case ClusteringStarted() | ClusteringCompleted():
            run.working = 0
        case ClusteringFailed() if envelope.id != _failure_id(run.run_id):
            run.working = 0
    return _lifted(run, envelope)


def _begin(run: _Run, message: ClusteringStarted) -> list[Unit]:
    run.tracks, run.sampled, run.algorithms = message.tracks, message.sampled, message.algorithms
    if message.data_id is None:
        return _compose(run, None)
    return _try_next(run, [])


def _try_next(run: _Run, results: Sequence[Result]) -> list[Unit]:
    """The next generation, or the end of the search."""
    trials = search.next_generation(run.plan, run.generation, run.issued, results)
    if not trials:
        return _compose(run, search.winner(run.plan, results) or _by_rule(run))
    batches = search.batches(run.plan, trials)
    run.state, run.working = "searching", len(batches)
    run.issued += len(trials)
    unit_id = derived_id(run.run_id, "generation", run.generation)
    sends = [_send(_batch(run, number, batch), run.generation, number) for number, batch in enumerate(batches)]
    return [Unit(unit_id, commands=sends)]


def _by_rule(run: _Run) -> Evaluation:
    """Nothing worked; the number says that it was never tried."""
    return Evaluation(number=run.issued, rung=run.plan.top, configuration=search.fallback(run.plan))


def _batch(run: _Run, number: int, trials: Sequence[Trial]) -> EvaluateClusterings:
    return EvaluateClusterings(
        run_id=run.run_id,
        options=run.options,
        seed=run.seed,
        data_id=search.data_id(run.run_id),
        generation=run.generation,
        batch=number,
        rung=trials[0].rung,
        first_number=trials[0].number,
        configurations=tuple(trial.configuration for trial in trials),
    )


def _compose(run: _Run, winner: Evaluation | None) -> list[Unit]:
    run.state, run.working = "composing", 1
    command = ComposePlaylists(
        run_id=run.run_id,
        options=run.options,
        seed=run.seed,
        data_id=search.data_id(run.run_id),
        winner=winner.model_copy(update={"seconds": 0.0}) if winner else None,
    )
    return [Unit(derived_id(run.run_id, "compose"), commands=[_send(command, "compose")])]


def _send(command: Command, *parts: object) -> Send:
    return Send(wrap(command, id=derived_id(command.run_id, command.wire_type, *parts)))


async def _collect(
    connection: Connection, run: _Run, message: ClusteringProgressed | ClusteringBatchFailed
) -> list[Unit]:
    """Note a batch; once all of its generation have reported, go on."""
    if run.state != "searching" or message.generation != run.generation:
        return []
    evaluations = message.evaluations if isinstance(message, ClusteringProgressed) else ()
    fresh = await connection.fetchval(
        "INSERT INTO coordinator_clustering_batches (run_id, generation, batch, evaluations) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING true",
        run.run_id,
        message.generation,
        message.batch,
        json.dumps([one.model_dump(mode="json", exclude_none=True) for one in evaluations]),
    )
    run.working -= 1 if fresh else 0
    if run.working > 0 or not fresh:
        return []
    run.generation += 1
    return _try_next(run, await _results(connection, run.run_id))


async def _results(connection: Connection, run_id: UUID) -> list[Result]:
    rows = await connection.fetch(
        "SELECT generation, evaluations FROM coordinator_clustering_batches WHERE run_id = $1",
        run_id,
    )
    found = [
        Result(row["generation"], Evaluation.model_validate(one))
        for row in rows
        for one in json.loads(row["evaluations"])
    ]
    return sorted(found, key=lambda result: result.evaluation.number)


def _kept(run: _Run) -> list[Unit]:
    if not run.options.save:
        return []
    command = KeepPlaylists(run_id=run.run_id, sync=run.options.sync)
    return [Unit(derived_id(run.run_id, "keep"), commands=[_send(command, "keep")])]


async def _end(connection: Connection, run: _Run, envelope: Envelope[Any]) -> list[Unit]:
    run.state = "ended"
    await connection.execute("DELETE FROM coordinator_clustering_batches WHERE run_id = $1", run.run_id)
    return _lifted(run, envelope)


def _lifted(run: _Run, envelope: Envelope[Any]) -> list[Unit]:
    """The flag that tells workers to stop is lifted once nobody is left whom it could stop."""
    if run.working > 0:
        return []
    unit_id = derived_id(run.run_id, "over", envelope.id)
    return [Unit(unit_id, flags={run.run_id: None}, release=[run.run_id])]


def _failure_id(run_id: UUID) -> UUID:
    return derived_id(run_id, "failed")


def _failed(run_id: UUID, failure: Failure) -> list[Unit]:
    unit_id = _failure_id(run_id)
    failed = ClusteringFailed(run_id=run_id, reason=failure.reason, detail=failure.detail)
    return [Unit(unit_id, events=[wrap(failed, id=unit_id)])]


async def give_up(connection: Connection) -> list[Unit]:
    """End every clustering that is not over, by name. To be called only when no command is left anywhere."""
    rows = await connection.fetch("SELECT run_id FROM coordinator_clusterings WHERE state <> 'ended' ORDER BY run_id")
    return [unit for row in rows for unit in _failed(row["run_id"], _LOST)]
