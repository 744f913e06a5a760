"""How events change what is known of runs: pure bookkeeping on the rows that a batch touches."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.projector.projections.base import place, text
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    AnalysisRunStarted,
    Event,
    LibraryScanCompleted,
    LibraryScanFailed,
    LibraryScanStarted,
    RunCancelled,
    RunPaused,
    RunResumed,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
    TrackAnalyzed,
    TracksDiscovered,
)
from shared.messages import Envelope

MINUTE_S = 10
"""Width of a row of ``run_minutes``, in seconds."""
MOST_PROBLEMS = 20
"""How many of a listing's problems are kept word for word; the rest are counted."""
_LONGEST_STAGE_MS = 1 << 40
_ACTIVE = ("requested", "running", "paused")


@dataclass(slots=True)
class Run:
    """One row of ``runs``."""

    run_id: UUID
    kind: str
    state: str
    profile: str
    scope: str
    server_ids: list[UUID]
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    discovered: int = 0
    analysed: int = 0
    skipped: int = 0
    failed: int = 0
    audio_ms: int = 0
    stages_ms: dict[str, int] = field(default_factory=dict)
    skips: dict[str, int] = field(default_factory=dict)
    first_outcome_at: datetime | None = None
    last_outcome_at: datetime | None = None
    listing_done: bool = False
    position: int = 0


@dataclass(slots=True)
class Scan:
    """One row of ``run_scans``: the listing of one library within a run."""

    state: str = "running"
    listed: int = 0
    reason: str | None = None
    detail: str | None = None
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of ``run_tracks``; ``outcome`` is None until the track has had its terminal event."""

    outcome: str | None = None
    reason: str | None = None
    detail: str | None = None
    permanent: bool | None = None


WAITING = Outcome()
RunTrack = tuple[UUID, UUID]


@dataclass(slots=True)
class Ledger:
    """The rows a batch touches; ``tracks`` holds None for a row that is not there (any more)."""

    runs: dict[UUID, Run] = field(default_factory=dict)
    scans: dict[tuple[UUID, UUID], Scan] = field(default_factory=dict)
    tracks: dict[RunTrack, Outcome | None] = field(default_factory=dict)
    changed_tracks: set[RunTrack] = field(default_factory=set)
    minutes: dict[tuple[UUID, datetime], int] = field(default_factory=dict)
    ended: set[UUID] = field(default_factory=set)

    def enter(self, event: Envelope[Any]) -> None:
        """Book one event."""
        message = event.message
        run = self.runs.get(message.run_id)
        if run is None:
            if type(message) not in _BEGINNINGS:
                return
            run = self.runs[message.run_id] = _asked_for(message, event.occurred_at)
        ENTRIES[type(message)](self, run, event)
        run.position = place(event)

    def set_track(self, key: RunTrack, outcome: Outcome | None) -> None:
        """Replace a row of ``run_tracks``; None takes it away."""
        self.tracks[key] = outcome
        self.changed_tracks.add(key)


def _asked_for(message: AnalysisRequested | AnalysisRunStarted, when: datetime) -> Run:
    return Run(
        run_id=message.run_id,
        kind="analysis",
        state="requested",
        profile=message.profile,
        scope=message.scope,
        server_ids=list(message.server_ids),
        requested_at=when,
    )


def _requested(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    """That the run is in the ledger is all there is to say."""


def _started(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    run.started_at = run.started_at or event.occurred_at
    run.state = "running" if run.state == "requested" else run.state


def _paused(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    run.state = "paused" if run.state in _ACTIVE else run.state


def _resumed(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    if run.state == "paused":
        run.state = "running" if run.started_at else "requested"


def _cancelled(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    run.state = "cancelled" if run.state in _ACTIVE else run.state


def _discovered(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    if run.ended_at:
        return
    message: TracksDiscovered = event.message
    ids = [track.track_id for track in message.tracks] + list(message.unchanged)
    scan = ledger.scans.setdefault((run.run_id, message.server_id), Scan())
    scan.listed += len(ids)
    scan.problem_count += len(message.problems)
    room = MOST_PROBLEMS - len(scan.problems)
    scan.problems += [text(problem) for problem in message.problems[:room]]
    for track_id in ids:
        key = (run.run_id, track_id)
        if ledger.tracks.get(key) is None:
            ledger.set_track(key, WAITING)
            run.discovered += 1


def _scan_started(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    ledger.scans.setdefault((run.run_id, event.message.server_id), Scan())


def _scan_completed(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    message: LibraryScanCompleted = event.message
    scan = ledger.scans.setdefault((run.run_id, message.server_id), Scan())
    scan.state, scan.listed = "completed", message.total
    scan.reason, scan.detail = ("incomplete" if message.incomplete else None), None
    run.listing_done = _is_listed(ledger, run)


def _scan_failed(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    message: LibraryScanFailed = event.message
    scan = ledger.scans.setdefault((run.run_id, message.server_id), Scan())
    scan.state, scan.reason, scan.detail = "failed", text(message.reason), text(message.detail)
    run.listing_done = _is_listed(ledger, run)


def _is_listed(ledger: Ledger, run: Run) -> bool:
    scans = [ledger.scans.get((run.run_id, server_id)) for server_id in run.server_ids]
    return all(scan is not None and scan.state != "running" for scan in scans)


def _analysed(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    message: TrackAnalyzed = event.message
    if _end_track(ledger, run, event, Outcome("analysed")):
        _add_work(run, message)
        minute = (run.run_id, _minute(event.occurred_at))
        ledger.minutes[minute] = ledger.minutes.get(minute, 0) + 1


def _skipped(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    _end_track(ledger, run, event, Outcome("skipped", text(event.message.reason)))


def _failed(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    message: TrackAnalysisFailed = event.message
    failure = Outcome("failed", text(message.reason), text(message.detail), message.permanent)
    _end_track(ledger, run, event, failure)


def _end_track(ledger: Ledger, run: Run, event: Envelope[Any], after: Outcome) -> bool:
    """Count a terminal event; False when it has no say: the run is over and the track was not among its failures."""
    key = (run.run_id, event.message.track_id)
    before = ledger.tracks.get(key)
    if before is None:
        if run.ended_at:
            return False
        run.discovered += 1
    else:
        _count(run, before, -1)
    _count(run, after, +1)
    ledger.set_track(key, None if run.ended_at and after.outcome != "failed" else after)
    run.first_outcome_at = min(event.occurred_at, run.first_outcome_at or event.occurred_at)
    run.last_outcome_at = max(event.occurred_at, run.last_outcome_at or event.occurred_at)
    return True


def _count(run: Run, outcome: Outcome, by: int) -> None:
    if outcome.outcome == "analysed":
        run.analysed += by
    elif outcome.outcome == "failed":
        run.failed += by
    elif outcome.outcome == "skipped":
        run.skipped += by
        reason = outcome.reason or ""
        run.skips[reason] = run.skips.get(reason, 0) + by
        if not run.skips[reason]:
            del run.skips[reason]


def _ended(ledger: Ledger, run: Run, event: Envelope[Any]) -> None:
    run.state = event.message.state
    run.ended_at = run.ended_at or event.occurred_at
    ledger.ended.add(run.run_id)
    for key, outcome in ledger.tracks.items():
        if key[0] == run.run_id and outcome is not None and outcome.outcome != "failed":
            ledger.set_track(key, None)


def _add_work(run: Run, message: TrackAnalyzed) -> None:
    run.audio_ms += _milliseconds(message.duration_s)
    for stage, seconds in message.stages_s.items():
        name = text(stage)
        run.stages_ms[name] = run.stages_ms.get(name, 0) + _milliseconds(seconds)


def _milliseconds(seconds: float) -> int:
    """Whole milliseconds: their sums do not depend on the order of adding."""
    return round(seconds * 1000) if 0 <= seconds * 1000 < _LONGEST_STAGE_MS else 0


def _minute(when: datetime) -> datetime:
    seconds = int(when.timestamp()) // MINUTE_S * MINUTE_S
    return datetime.fromtimestamp(seconds, UTC)


ENTRIES: dict[type[Event], Callable[[Ledger, Run, Envelope[Any]], None]] = {
    AnalysisRequested: _requested,
    AnalysisRunStarted: _started,
    RunPaused: _paused,
    RunResumed: _resumed,
    RunCancelled: _cancelled,
    LibraryScanStarted: _scan_started,
    TracksDiscovered: _discovered,
    LibraryScanCompleted: _scan_completed,
    LibraryScanFailed: _scan_failed,
    TrackAnalyzed: _analysed,
    TrackAnalysisSkipped: _skipped,
    TrackAnalysisFailed: _failed,
    AnalysisRunCompleted: _ended,
}
"""How each event is booked."""
_BEGINNINGS = frozenset([AnalysisRequested, AnalysisRunStarted])
_TERMINAL = frozenset([TrackAnalyzed, TrackAnalysisSkipped, TrackAnalysisFailed])


def touched_tracks(events: Iterable[Envelope[Any]]) -> set[RunTrack]:
    """The rows of ``run_tracks`` that a batch may change."""
    found: set[RunTrack] = set()
    for event in events:
        message = event.message
        if type(message) in _TERMINAL:
            found.add((message.run_id, message.track_id))
        elif type(message) is TracksDiscovered:
            found.update((message.run_id, track.track_id) for track in message.tracks)
            found.update((message.run_id, track_id) for track_id in message.unchanged)
    return found
