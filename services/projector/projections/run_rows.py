"""The tables of runs: how the rows of a batch are loaded into a ``Ledger`` and stored again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from services.projector.projections.base import Events, arrays, source, upsert
from services.projector.projections.run_ledger import Ledger, Outcome, Run, RunTrack, Scan, touched_tracks

if TYPE_CHECKING:
    from shared.postgres import Connection

TABLES = ("runs", "run_tracks", "run_scans", "run_minutes")

CREATE = """
CREATE TABLE runs (
    run_id uuid PRIMARY KEY,
    kind text NOT NULL,
    state text NOT NULL,
    profile text NOT NULL,
    scope text NOT NULL,
    server_ids uuid[] NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    discovered int NOT NULL,
    analysed int NOT NULL,
    skipped int NOT NULL,
    failed int NOT NULL,
    audio_ms bigint NOT NULL,
    stages_ms jsonb NOT NULL,
    skips jsonb NOT NULL,
    first_outcome_at timestamptz,
    last_outcome_at timestamptz,
    listing_done boolean NOT NULL,
    position bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE run_tracks (
    run_id uuid NOT NULL,
    track_id uuid NOT NULL,
    outcome text,
    reason text,
    detail text,
    permanent boolean,
    PRIMARY KEY (run_id, track_id)
) WITH (fillfactor = 90);
CREATE TABLE run_scans (
    run_id uuid NOT NULL,
    server_id uuid NOT NULL,
    state text NOT NULL,
    listed int NOT NULL,
    reason text,
    detail text,
    problem_count int NOT NULL,
    problems text[] NOT NULL,
    PRIMARY KEY (run_id, server_id)
);
CREATE TABLE run_minutes (
    run_id uuid NOT NULL,
    minute timestamptz NOT NULL,
    analysed int NOT NULL,
    PRIMARY KEY (run_id, minute)
)
"""

_RUN = tuple(Run.__slots__)
_SCAN = tuple(Scan.__slots__)
_OUTCOME = tuple(Outcome.__slots__)
_JSON = ("stages_ms", "skips")
_TRACK_KEY = {"run_id": "uuid", "track_id": "uuid"}
_TRACK = {**_TRACK_KEY, "outcome": "text", "reason": "text", "detail": "text", "permanent": "boolean"}


def _upsert_one(table: str, columns: tuple[str, ...], key: tuple[str, ...]) -> str:
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - constants
        f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"
    )


# The names in these statements are constants of this file.
_LOAD_RUNS = f"SELECT {', '.join(_RUN)} FROM runs WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_SCANS = f"SELECT run_id, server_id, {', '.join(_SCAN)} FROM run_scans WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_TRACKS = f"SELECT {', '.join(_TRACK)} FROM run_tracks JOIN {source(_TRACK_KEY)} USING (run_id, track_id)"  # noqa: S608
_STORE_RUN = _upsert_one("runs", _RUN, ("run_id",))
_STORE_SCAN = _upsert_one("run_scans", ("run_id", "server_id", *_SCAN), ("run_id", "server_id"))
_STORE_TRACKS = upsert("run_tracks", ["run_id", "track_id"], _TRACK)
_DROP_TRACKS = (
    f"DELETE FROM run_tracks USING {source(_TRACK_KEY)}"  # noqa: S608
    " WHERE run_tracks.run_id = new.run_id AND run_tracks.track_id = new.track_id"
)
_DROP_ENDED = "DELETE FROM run_tracks WHERE run_id = ANY($1::uuid[]) AND outcome IS DISTINCT FROM 'failed'"
_ADD_MINUTES = """
INSERT INTO run_minutes AS m (run_id, minute, analysed)
SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::int[])
ON CONFLICT (run_id, minute) DO UPDATE SET analysed = m.analysed + excluded.analysed
"""


async def load(connection: Connection, events: Events) -> Ledger:
    """The rows that ``events`` may change. ``AnalysisRunCompleted`` drops rows that are not loaded: see ``store``."""
    run_ids = list({event.message.run_id for event in events})
    ledger = Ledger()
    for row in await connection.fetch(_LOAD_RUNS, run_ids):
        ledger.runs[row["run_id"]] = _run(row)
    for row in await connection.fetch(_LOAD_SCANS, list(ledger.runs)) if ledger.runs else []:
        ledger.scans[row["run_id"], row["server_id"]] = Scan(**{name: row[name] for name in _SCAN})
    touched = [key for key in touched_tracks(events) if key[0] in ledger.runs]
    for row in await connection.fetch(_LOAD_TRACKS, *arrays(touched)) if touched else []:
        ledger.tracks[row["run_id"], row["track_id"]] = Outcome(**{name: row[name] for name in _OUTCOME})
    return ledger


def _run(row: Any) -> Run:
    values = {name: row[name] for name in _RUN}
    return Run(**{**values, **{name: json.loads(values[name]) for name in _JSON}})


async def store(connection: Connection, ledger: Ledger) -> None:
    """Write the ledger back, and drop what an ended run no longer needs."""
    if ledger.runs:
        await connection.executemany(_STORE_RUN, [_run_values(run) for run in ledger.runs.values()])
    if ledger.scans:
        scans = [(*key, *(getattr(scan, name) for name in _SCAN)) for key, scan in ledger.scans.items()]
        await connection.executemany(_STORE_SCAN, scans)
    await _store_tracks(connection, ledger)
    if ledger.ended:
        await connection.execute(_DROP_ENDED, list(ledger.ended))
    if ledger.minutes:
        await connection.execute(_ADD_MINUTES, *arrays([(*key, count) for key, count in ledger.minutes.items()]))


def _run_values(run: Run) -> list[Any]:
    return [json.dumps(getattr(run, name)) if name in _JSON else getattr(run, name) for name in _RUN]


async def _store_tracks(connection: Connection, ledger: Ledger) -> None:
    present: list[tuple[Any, ...]] = []
    absent: list[RunTrack] = []
    for key in ledger.changed_tracks:
        outcome = ledger.tracks[key]
        if outcome is None:
            absent.append(key)
        else:
            present.append((*key, *(getattr(outcome, name) for name in _OUTCOME)))
    if present:
        await connection.execute(_STORE_TRACKS, *arrays(present))
    if absent:
        await connection.execute(_DROP_TRACKS, *arrays(absent))
