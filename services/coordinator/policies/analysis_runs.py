"""Policy: an analysis run is over when every library is listed and every listed track has had its terminal event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from shared.events import (
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
    libraries int NOT NULL DEFAULT 0,
    listed_libraries int NOT NULL DEFAULT 0,
    failed_libraries int NOT NULL DEFAULT 0,
    discovered int NOT NULL DEFAULT 0,
    cancelled boolean NOT NULL DEFAULT false,
    completed boolean NOT NULL DEFAULT false
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_run_tracks (
    run_id uuid NOT NULL,
    track_id uuid NOT NULL,
    outcome text NOT NULL,
    PRIMARY KEY (run_id, track_id)
)
""",
)

_OUTCOMES: dict[type[Event], str] = {
    TrackAnalyzed: "analysed",
    TrackAnalysisSkipped: "skipped",
    TrackAnalysisFailed: "failed",
}
handles: tuple[type[Event], ...] = (
    AnalysisRunStarted,
    TracksDiscovered,
    LibraryScanCompleted,
    LibraryScanFailed,
    RunCancelled,
    *_OUTCOMES,
)

_ADD = """
INSERT INTO coordinator_runs AS r
    (run_id, libraries, listed_libraries, failed_libraries, discovered, cancelled)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (run_id) DO UPDATE SET
    libraries = r.libraries + excluded.libraries,
    listed_libraries = r.listed_libraries + excluded.listed_libraries,
    failed_libraries = r.failed_libraries + excluded.failed_libraries,
    discovered = r.discovered + excluded.discovered,
    cancelled = r.cancelled OR excluded.cancelled
"""

_TERMINAL = """
INSERT INTO coordinator_run_tracks (run_id, track_id, outcome)
SELECT o.run_id, o.track_id, o.outcome
  FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS o (run_id, track_id, outcome)
 WHERE NOT EXISTS (SELECT 1 FROM coordinator_runs r WHERE r.run_id = o.run_id AND r.completed)
ON CONFLICT DO NOTHING
"""

_OVER = """
SELECT r.run_id, r.cancelled, r.failed_libraries = r.libraries AS all_failed, r.discovered,
       count(t.track_id) FILTER (WHERE t.outcome = 'analysed') AS analysed,
       count(t.track_id) FILTER (WHERE t.outcome = 'skipped') AS skipped,
       count(t.track_id) FILTER (WHERE t.outcome = 'failed') AS failed
  FROM coordinator_runs r LEFT JOIN coordinator_run_tracks t USING (run_id)
 WHERE r.run_id = ANY($1::uuid[]) AND NOT r.completed AND r.libraries > 0 AND r.listed_libraries >= r.libraries
 GROUP BY r.run_id
HAVING count(t.track_id) >= r.discovered
"""


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """Count, and say which runs are over. Given the same events twice it says the same units."""
    touched = await _count(connection, events)
    over = await connection.fetch(_OVER, touched)
    units = [_completion(row) for row in over]
    ended = [row["run_id"] for row in over]
    await connection.execute("UPDATE coordinator_runs SET completed = true WHERE run_id = ANY($1::uuid[])", ended)
    await connection.execute("DELETE FROM coordinator_run_tracks WHERE run_id = ANY($1::uuid[])", ended)
    return units


async def _count(connection: Connection, events: Sequence[Envelope[Any]]) -> list[UUID]:
    """Add a batch to the rows; the runs it touched."""
    touched: dict[UUID, list[int]] = {}
    terminal: list[tuple[UUID, UUID, str]] = []
    for envelope in events:
        message = envelope.message
        row = touched.setdefault(message.run_id, [0, 0, 0, 0, 0])
        match message:
            case AnalysisRunStarted():
                row[0] += len(message.server_ids)
            case LibraryScanCompleted():
                row[1] += 1
            case LibraryScanFailed():
                row[1] += 1
                row[2] += 1
            case TracksDiscovered():
                row[3] += len(message.tracks) + len(message.unchanged)
            case RunCancelled():
                row[4] = 1
            case _:
                terminal.append((message.run_id, message.track_id, _OUTCOMES[type(message)]))
    await connection.executemany(_ADD, [(run, *row[:4], bool(row[4])) for run, row in touched.items() if any(row)])
    if terminal:
        runs, tracks, outcomes = zip(*terminal, strict=True)
        await connection.execute(_TERMINAL, runs, tracks, outcomes)
    return list(touched)


def _completion(row: Any) -> Unit:
    run_id: UUID = row["run_id"]
    state: Literal["completed", "cancelled", "failed"] = "failed" if row["all_failed"] else "completed"
    if row["cancelled"]:
        state = "cancelled"
    unit_id = derived_id(run_id, "completed")
    completed = AnalysisRunCompleted(
        run_id=run_id,
        state=state,
        discovered=row["discovered"],
        analysed=row["analysed"],
        skipped=row["skipped"],
        failed=row["failed"],
    )
    return Unit(unit_id, events=[wrap(completed, id=unit_id)], flags={run_id: None}, release=[run_id])
