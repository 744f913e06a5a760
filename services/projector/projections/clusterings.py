"""``clusterings`` and what belongs to them: per algorithm, per generation, and the playlists that they propose.

A batch of configurations counts once (``clustering_batches``), whatever is told twice. The first end counts: what comes
after it changes nothing, except that its playlists are kept. What is said about a clustering that was never asked for
changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from services.projector.projections.base import Events, Projection, arrays, document, source, text, upsert, whole
from services.projector.projections.clustering_ledger import (
    ENTRIES,
    AlgorithmRow,
    Clustering,
    GenerationRow,
    Ledger,
)
from shared.events import ClusteringProgressed, ClusteringRequested, Proposal

if TYPE_CHECKING:
    from shared.postgres import Connection

_CREATE = """
CREATE TABLE clusterings (
    run_id uuid PRIMARY KEY,
    state text NOT NULL,
    options jsonb NOT NULL,
    seed bigint NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    tracks int,
    without_embedding int,
    sampled int,
    generation_size int,
    algorithms jsonb NOT NULL,
    evaluated int NOT NULL,
    generation int,
    best jsonb,
    winner jsonb,
    playlists int,
    tracks_used int,
    reason text,
    detail text,
    warnings jsonb NOT NULL,
    notes jsonb NOT NULL,
    kept_at timestamptz,
    kept jsonb,
    keeping_problem text,
    position bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE clustering_algorithms (
    run_id uuid NOT NULL,
    algorithm text NOT NULL,
    evaluated int NOT NULL,
    best jsonb,
    PRIMARY KEY (run_id, algorithm)
);
CREATE TABLE clustering_generations (
    run_id uuid NOT NULL,
    generation int NOT NULL,
    evaluated int NOT NULL,
    rung int NOT NULL,
    best real,
    PRIMARY KEY (run_id, generation)
);
CREATE TABLE clustering_batches (
    run_id uuid NOT NULL,
    generation int NOT NULL,
    batch int NOT NULL,
    PRIMARY KEY (run_id, generation, batch)
);
CREATE TABLE clustering_proposals (
    run_id uuid NOT NULL,
    number int NOT NULL,
    name text NOT NULL,
    named_by text NOT NULL,
    facts jsonb NOT NULL,
    track_ids uuid[] NOT NULL,
    PRIMARY KEY (run_id, number)
)
"""
_RUN = {
    "run_id": "uuid",
    "state": "text",
    "options": "jsonb",
    "seed": "bigint",
    "requested_at": "timestamptz",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "tracks": "int",
    "without_embedding": "int",
    "sampled": "int",
    "generation_size": "int",
    "algorithms": "jsonb",
    "evaluated": "int",
    "generation": "int",
    "best": "jsonb",
    "winner": "jsonb",
    "playlists": "int",
    "tracks_used": "int",
    "reason": "text",
    "detail": "text",
    "warnings": "jsonb",
    "notes": "jsonb",
    "kept_at": "timestamptz",
    "kept": "jsonb",
    "keeping_problem": "text",
    "position": "bigint",
}
_ALGORITHM = {"run_id": "uuid", "algorithm": "text", "evaluated": "int", "best": "jsonb"}
_GENERATION = {"run_id": "uuid", "generation": "int", "evaluated": "int", "rung": "int", "best": "real"}
_BATCH = {"run_id": "uuid", "generation": "int", "batch": "int"}

# The names in these statements are constants of this file.
_LOAD = f"SELECT {', '.join(_RUN)} FROM clusterings WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_ALGORITHMS = f"SELECT {', '.join(_ALGORITHM)} FROM clustering_algorithms WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_GENERATIONS = f"SELECT {', '.join(_GENERATION)} FROM clustering_generations WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_BATCHES = (
    f"SELECT run_id, generation, batch FROM clustering_batches JOIN {source(_BATCH)}"  # noqa: S608
    " USING (run_id, generation, batch)"
)
_STORE = upsert("clusterings", ["run_id"], _RUN)
_STORE_ALGORITHMS = upsert("clustering_algorithms", ["run_id", "algorithm"], _ALGORITHM)
_STORE_GENERATIONS = upsert("clustering_generations", ["run_id", "generation"], _GENERATION)
_STORE_BATCHES = (
    f"INSERT INTO clustering_batches (run_id, generation, batch) SELECT * FROM {source(_BATCH)} ON CONFLICT DO NOTHING"  # noqa: S608
)
_STORE_PROPOSAL = """
INSERT INTO clustering_proposals (run_id, number, name, named_by, facts, track_ids) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (run_id, number) DO UPDATE
   SET name = excluded.name, named_by = excluded.named_by, facts = excluded.facts, track_ids = excluded.track_ids
"""


async def _apply(connection: Connection, events: Events) -> None:
    ledger = await _load(connection, events)
    for event in events:
        ledger.enter(event)
    await _store(connection, ledger)


async def _load(connection: Connection, events: Events) -> Ledger:
    ledger = Ledger()
    for row in await connection.fetch(_LOAD, list({event.message.run_id for event in events})):
        ledger.runs[row["run_id"]] = Clustering(**_read(row, _RUN))
    searching = list({event.message.run_id for event in events if type(event.message) is ClusteringProgressed})
    if not searching:
        return ledger
    for row in await connection.fetch(_LOAD_ALGORITHMS, searching):
        values = _read(row, _ALGORITHM)
        ledger.algorithms[row["run_id"], row["algorithm"]] = AlgorithmRow(values["evaluated"], values["best"])
    for row in await connection.fetch(_LOAD_GENERATIONS, searching):
        ledger.generations[row["run_id"], row["generation"]] = GenerationRow(row["evaluated"], row["rung"], row["best"])
    for row in await connection.fetch(_LOAD_BATCHES, *arrays(_batches(events))):
        ledger.batches.add((row["run_id"], row["generation"], row["batch"]))
    return ledger


def _batches(events: Events) -> list[tuple[Any, ...]]:
    messages = [event.message for event in events if type(event.message) is ClusteringProgressed]
    return [(message.run_id, whole(message.generation), whole(message.batch)) for message in messages]


def _read(row: Any, columns: Mapping[str, str]) -> dict[str, Any]:
    """A row with its ``jsonb`` parsed."""
    return {
        name: json.loads(row[name]) if kind == "jsonb" and row[name] is not None else row[name]
        for name, kind in columns.items()
    }


def _values(row: Any, columns: Mapping[str, str]) -> tuple[Any, ...]:
    """The opposite of ``_read``."""
    values = ((getattr(row, name), kind) for name, kind in columns.items())
    return tuple(document(value) if kind == "jsonb" and value is not None else value for value, kind in values)


async def _store(connection: Connection, ledger: Ledger) -> None:
    if ledger.runs:
        await connection.execute(_STORE, *arrays([_values(run, _RUN) for run in ledger.runs.values()]))
    if ledger.algorithms:
        rows = [(*key, row.evaluated, row.best and document(row.best)) for key, row in ledger.algorithms.items()]
        await connection.execute(_STORE_ALGORITHMS, *arrays(rows))
    if ledger.generations:
        found = [(*key, row.evaluated, row.rung, row.best) for key, row in ledger.generations.items()]
        await connection.execute(_STORE_GENERATIONS, *arrays(found))
    if ledger.batches:
        await connection.execute(_STORE_BATCHES, *arrays(list(ledger.batches)))
    if ledger.proposals:
        await connection.executemany(_STORE_PROPOSAL, [_proposal(*item) for item in ledger.proposals.items()])


def _proposal(key: tuple[Any, int], proposal: Proposal) -> tuple[Any, ...]:
    facts = document(proposal.facts.model_dump(mode="json"))
    return (*key, text(proposal.name), proposal.named_by, facts, list(proposal.track_ids))


CLUSTERINGS = Projection(
    name="clusterings",
    version=1,
    handles=frozenset([ClusteringRequested, *ENTRIES]),
    tables=(
        "clusterings",
        "clustering_algorithms",
        "clustering_generations",
        "clustering_batches",
        "clustering_proposals",
    ),
    create=_CREATE,
    apply=_apply,
    indexes=(
        "CREATE INDEX clusterings_newest ON clusterings (requested_at DESC, run_id DESC)",
        "CREATE INDEX clusterings_changed ON clusterings (position)",
    ),
)
