"""How events change what is known of clusterings: pure bookkeeping on the rows that a batch touches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.projector.projections.base import large, place, real, text, whole
from shared.events import (
    ClusteringCancelled,
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringProgressed,
    ClusteringRequested,
    ClusteringStarted,
    Evaluation,
    Event,
    KeepingFailed,
    PlaylistsKept,
    PlaylistsProposed,
    Proposal,
)
from shared.messages import Envelope

KEPT = ("created", "refreshed", "unchanged", "locked")


@dataclass(slots=True)
class Clustering:
    """One row of ``clusterings``."""

    run_id: UUID
    state: str
    options: dict[str, Any]
    seed: int
    requested_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tracks: int | None = None
    without_embedding: int | None = None
    sampled: int | None = None
    generation_size: int | None = None
    algorithms: list[str] = field(default_factory=list)
    evaluated: int = 0
    generation: int | None = None
    best: dict[str, Any] | None = None
    winner: dict[str, Any] | None = None
    playlists: int | None = None
    tracks_used: int | None = None
    reason: str | None = None
    detail: str | None = None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    kept_at: datetime | None = None
    kept: dict[str, Any] | None = None
    keeping_problem: str | None = None
    position: int = 0


@dataclass(slots=True)
class AlgorithmRow:
    """One row of ``clustering_algorithms``: what one algorithm has come to so far."""

    evaluated: int = 0
    best: dict[str, Any] | None = None


@dataclass(slots=True)
class GenerationRow:
    """One row of ``clustering_generations``; ``best`` is the highest score at ``rung``, its highest."""

    evaluated: int = 0
    rung: int = 0
    best: float | None = None


@dataclass(slots=True)
class Ledger:
    """The rows a batch touches. ``batches``: which batches of configurations have been counted."""

    runs: dict[UUID, Clustering] = field(default_factory=dict)
    algorithms: dict[tuple[UUID, str], AlgorithmRow] = field(default_factory=dict)
    generations: dict[tuple[UUID, int], GenerationRow] = field(default_factory=dict)
    batches: set[tuple[UUID, int, int]] = field(default_factory=set)
    proposals: dict[tuple[UUID, int], Proposal] = field(default_factory=dict)

    def enter(self, event: Envelope[Any]) -> None:
        """Book one event."""
        message = event.message
        if type(message) is ClusteringRequested:
            self.runs.setdefault(message.run_id, _asked_for(event))
            return
        run = self.runs.get(message.run_id)
        if run and run.position < place(event):
            ENTRIES[type(message)](self, run, event)
            run.position = place(event)


def _asked_for(event: Envelope[ClusteringRequested]) -> Clustering:
    message = event.message
    options = message.options.model_dump(mode="json")
    seed = large(message.seed) or 0
    return Clustering(message.run_id, "requested", options, seed, event.occurred_at, position=place(event))


def _started(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: ClusteringStarted = event.message
    if run.ended_at or run.started_at:
        return
    run.state, run.started_at = "running", event.occurred_at
    run.tracks, run.sampled = whole(message.tracks), whole(message.sampled)
    run.without_embedding, run.generation_size = whole(message.without_embedding), whole(message.generation_size)
    run.algorithms = list(message.algorithms)
    run.warnings = [text(warning) for warning in message.warnings]


def _progressed(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: ClusteringProgressed = event.message
    batch = (run.run_id, message.generation, message.batch)
    generation = whole(message.generation)
    if run.ended_at or batch in ledger.batches or generation is None:
        return
    ledger.batches.add(batch)
    run.generation = max(generation, run.generation or 0)
    row = ledger.generations.setdefault((run.run_id, generation), GenerationRow())
    for evaluation in message.evaluations:
        _count(ledger, run, row, evaluation)


def _count(ledger: Ledger, run: Clustering, generation: GenerationRow, evaluation: Evaluation) -> None:
    algorithm = ledger.algorithms.setdefault((run.run_id, evaluation.configuration.algorithm), AlgorithmRow())
    for row in (run, generation, algorithm):
        row.evaluated += 1
    new = evaluation.model_dump(mode="json")
    run.best, algorithm.best = better(run.best, new), better(algorithm.best, new)
    total = real(evaluation.score.total) if evaluation.score else None
    if total is not None and (evaluation.rung, total) > (generation.rung, generation.best or -1.0):
        generation.rung, generation.best = evaluation.rung, total


def better(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any] | None:
    """The evaluation that was tried on more of the sample, then the one with the higher score, then the earlier."""
    if not _has_score(new):
        return old
    return new if old is None or _rank(new) > _rank(old) else old


def _has_score(evaluation: dict[str, Any]) -> bool:
    return evaluation["score"] is not None and real(evaluation["score"]["total"]) is not None


def _rank(evaluation: dict[str, Any]) -> tuple[int, float, int]:
    return evaluation["rung"], evaluation["score"]["total"], -evaluation["number"]


def _proposed(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: PlaylistsProposed = event.message
    if run.ended_at:
        return
    run.state = "composing"
    for proposal in message.proposals:
        ledger.proposals[run.run_id, proposal.number] = proposal


def _completed(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: ClusteringCompleted = event.message
    if run.ended_at:
        return
    run.state, run.ended_at = "completed", event.occurred_at
    run.winner = message.winner.model_dump(mode="json") if message.winner else None
    run.playlists, run.tracks_used = whole(message.playlists), whole(message.tracks_used)
    run.notes = [text(note) for note in message.notes]


def _failed(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: ClusteringFailed = event.message
    if run.ended_at:
        return
    run.state = "cancelled" if message.reason == "cancelled" else "failed"
    run.ended_at, run.reason, run.detail = event.occurred_at, text(message.reason), text(message.detail)


def _cancelled(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    """What was asked for is the end: nothing that still comes counts."""
    if not run.ended_at:
        run.state, run.ended_at, run.reason = "cancelled", event.occurred_at, "cancelled"


def _kept(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    """Kept in several portions, each playlist is listed under what happened to it last."""
    message: PlaylistsKept = event.message
    now = {name: [str(playlist) for playlist in getattr(message, name)] for name in KEPT}
    told = {playlist for ids in now.values() for playlist in ids}
    before = run.kept or {name: [] for name in KEPT}
    run.kept = {name: [playlist for playlist in before[name] if playlist not in told] + now[name] for name in KEPT}
    run.kept_at, run.keeping_problem = event.occurred_at, None


def _not_kept(ledger: Ledger, run: Clustering, event: Envelope[Any]) -> None:
    message: KeepingFailed = event.message
    run.keeping_problem = text(message.detail)


ENTRIES: dict[type[Event], Callable[[Ledger, Clustering, Envelope[Any]], None]] = {
    ClusteringStarted: _started,
    ClusteringProgressed: _progressed,
    PlaylistsProposed: _proposed,
    ClusteringCompleted: _completed,
    ClusteringFailed: _failed,
    ClusteringCancelled: _cancelled,
    PlaylistsKept: _kept,
    KeepingFailed: _not_kept,
}
"""How each event is booked in a clustering that was asked for."""
