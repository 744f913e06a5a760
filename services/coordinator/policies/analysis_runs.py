"""Policy: an analysis run is over when every library is listed and every listed track has had its terminal event.

``give_up`` is for the day when commands were lost with the store they waited in: a run that nobody works on any more is
ended by name instead of hanging for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    AnalysisRunStarted,
    Event,
    LibraryScanCompleted,
    LibraryScanFailed,
    RunCancelled,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
    TrackAnalyzed,
    TracksDiscovered,
)
from shared.messages import Envelope, derived_id, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

name = "analysis_runs"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_runs (
    run_id uuid PRIMARY KEY,
    cancelled boolean NOT NULL DEFAULT false,
    completed boolean NOT NULL DEFAULT false
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_run_libraries (
    run_id uuid NOT NULL,
    server_id uuid NOT NULL,
    state text NOT NULL DEFAULT 'open',
    total int NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, server_id)
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_run_tracks (
    run_id uuid NOT NULL,
    track_id uuid NOT NULL,
    server_id uuid NOT NULL,
    outcome text,
    PRIMARY KEY (run_id, track_id)
)
""",
    """
CREATE INDEX IF NOT EXISTS coordinator_run_tracks_open
    ON {schema}.coordinator_run_tracks (run_id) WHERE outcome IS NULL
""",
)

_OUTCOMES: dict[type[Event], str] = {
    TrackAnalyzed: "analysed",
    TrackAnalysisSkipped: "skipped",
    TrackAnalysisFailed: "failed",
}
handles: tuple[type[Event], ...] = (
    AnalysisRequested,
    AnalysisRunStarted,
    TracksDiscovered,
    LibraryScanCompleted,
    LibraryScanFailed,
    RunCancelled,
    *_OUTCOMES,
)

_RUNS = """
INSERT INTO coordinator_runs AS r (run_id, cancelled)
SELECT run_id, cancelled FROM unnest($1::uuid[], $2::boolean[]) AS n (run_id, cancelled)
ON CONFLICT (run_id) DO UPDATE SET cancelled = r.cancelled OR excluded.cancelled
"""

_LIBRARIES = """
INSERT INTO coordinator_run_libraries AS l (run_id, server_id, state, total)
SELECT run_id, server_id, state, total
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[]) AS n (run_id, server_id, state, total)
ON CONFLICT (run_id, server_id) DO UPDATE SET state = excluded.state, total = excluded.total
 WHERE l.state = 'open'
"""

_TRACKS = """
INSERT INTO coordinator_run_tracks AS t (run_id, track_id, server_id, outcome)
SELECT n.run_id, n.track_id, n.server_id, n.outcome
  FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS n (run_id, track_id, server_id, outcome)
 WHERE NOT EXISTS (SELECT 1 FROM coordinator_runs r WHERE r.run_id = n.run_id AND r.completed)
ON CONFLICT (run_id, track_id) DO UPDATE SET outcome = excluded.outcome
 WHERE t.outcome IS NULL AND excluded.outcome IS NOT NULL
"""

_OVER = """
SELECT r.run_id, r.cancelled, l.all_failed, l.total
  FROM coordinator_runs r
  JOIN LATERAL (SELECT bool_and(state = 'failed') AS all_failed, bool_or(state = 'open') AS any_open,
                       coalesce(sum(total), 0) AS total
                  FROM coordinator_run_libraries WHERE run_id = r.run_id) l ON true
 WHERE r.run_id = ANY($1::uuid[]) AND NOT r.completed AND l.any_open IS FALSE
   AND NOT EXISTS (SELECT 1 FROM coordinator_run_tracks t WHERE t.run_id = r.run_id AND t.outcome IS NULL)
"""

_TOTALS = """
SELECT count(*) AS discovered,
       count(*) FILTER (WHERE outcome = 'analysed') AS analysed,
       count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
       count(*) FILTER (WHERE outcome = 'failed') AS failed
  FROM coordinator_run_tracks WHERE run_id = $1
"""

_LOST = "The work on it was lost together with the store it waited in. Start the analysis again."


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """Count, and say which runs are over. Given the same events twice it says the same units."""
    touched = await _count(connection, events)
    units = []
    for row in await connection.fetch(_OVER, touched):
        totals = await connection.fetchrow(_TOTALS, row["run_id"])
        if totals is not None and totals["discovered"] >= row["total"]:
            units.append(_completion(row, dict(totals)))
            await _close(connection, row["run_id"])
    return units


async def _close(connection: Connection, run_id: UUID) -> None:
    await connection.execute("UPDATE coordinator_runs SET completed = true WHERE run_id = $1", run_id)
    for table in ("coordinator_run_tracks", "coordinator_run_libraries"):
        await connection.execute(f"DELETE FROM {table} WHERE run_id = $1", run_id)  # noqa: S608 - names above


async def _count(connection: Connection, events: Sequence[Envelope[Any]]) -> list[UUID]:
    """Add a batch to the rows; the runs it touched."""
    runs: dict[UUID, bool] = {}
    libraries: dict[tuple[UUID, UUID], tuple[str, int]] = {}
    tracks: dict[tuple[UUID, UUID], tuple[UUID, str | None]] = {}
    for envelope in events:
        message = envelope.message
        runs[message.run_id] = runs.get(message.run_id, False) or isinstance(message, RunCancelled)
        _note_libraries(libraries, message)
        _note_tracks(tracks, message)
    await connection.execute(_RUNS, list(runs), list(runs.values()))
    await connection.execute(
        _LIBRARIES,
        [run for run, _ in libraries],
        [server for _, server in libraries],
        [state for state, _ in libraries.values()],
        [total for _, total in libraries.values()],
    )
    await connection.execute(
        _TRACKS,
        [run for run, _ in tracks],
        [track for _, track in tracks],
        [server for server, _ in tracks.values()],
        [outcome for _, outcome in tracks.values()],
    )
    return list(runs)


def _note_libraries(libraries: dict[tuple[UUID, UUID], tuple[str, int]], message: Event) -> None:
    match message:
        case AnalysisRequested() | AnalysisRunStarted():
            for server_id in message.server_ids:
                libraries.setdefault((message.run_id, server_id), ("open", 0))
        case LibraryScanCompleted():
            libraries[message.run_id, message.server_id] = ("completed", message.total)
        case LibraryScanFailed():
            libraries[message.run_id, message.server_id] = ("failed", 0)


def _note_tracks(tracks: dict[tuple[UUID, UUID], tuple[UUID, str | None]], message: Event) -> None:
    """The first terminal event of a track in a run counts; a later one comes from a retry."""
    match message:
        case TracksDiscovered():
            for track_id in (*(track.track_id for track in message.tracks), *message.unchanged):
                tracks.setdefault((message.run_id, track_id), (message.server_id, None))
        case TrackAnalyzed() | TrackAnalysisSkipped() | TrackAnalysisFailed():
            held = tracks.get((message.run_id, message.track_id))
            if held is None or held[1] is None:
                tracks[message.run_id, message.track_id] = (message.server_id, _OUTCOMES[type(message)])


def _completion(row: Any, totals: dict[str, int]) -> Unit:
    run_id: UUID = row["run_id"]
    state: Literal["completed", "cancelled", "failed"] = "failed" if row["all_failed"] else "completed"
    if row["cancelled"]:
        state = "cancelled"
    unit_id = derived_id(run_id, "completed")
    completed = AnalysisRunCompleted(run_id=run_id, state=state, **totals)
    return Unit(unit_id, events=[wrap(completed, id=unit_id)], flags={run_id: None}, release=[run_id])


async def give_up(connection: Connection) -> list[Unit]:
    """End what is open in every run, by name. To be called only when no command is left anywhere."""
    units = []
    for row in await connection.fetch("SELECT run_id, server_id FROM coordinator_run_libraries WHERE state = 'open'"):
        lost_scan = LibraryScanFailed(reason="work_lost", detail=_LOST, **dict(row))
        units.append(_lost_unit(lost_scan, row["server_id"]))
    rows = await connection.fetch(
        "SELECT run_id, server_id, track_id FROM coordinator_run_tracks WHERE outcome IS NULL LIMIT 10000"
    )
    for row in rows:
        lost_track = TrackAnalysisFailed(reason="work_lost", detail=_LOST, **dict(row))
        units.append(_lost_unit(lost_track, row["track_id"]))
    return units


def _lost_unit(event: LibraryScanFailed | TrackAnalysisFailed, about: UUID) -> Unit:
    unit_id = derived_id(event.run_id, about, "lost")
    return Unit(unit_id, events=[wrap(event, id=unit_id)])
