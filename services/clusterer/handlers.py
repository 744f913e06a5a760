"""What the clusterer does with its commands; the dict at the foot says which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import structlog

from services.clusterer import keeping, language_model, store
from services.clusterer.answers import Composed
from services.clusterer.child import Children, Stopped
from services.clusterer.composition import Composition
from services.clusterer.store import Facts
from shared.clustering import search
from shared.commands import Command, ComposePlaylists, EvaluateClusterings, KeepPlaylists, StartClustering
from shared.errors import StoreUnavailable
from shared.events import ClusteringCompleted, ClusteringProgressed, ClusteringStarted, Event, PlaylistsProposed
from shared.messages import Outcome, wrap
from shared.settings import Settings
from shared.worker import Context, Handler

if TYPE_CHECKING:
    from shared.postgres import Pool

log = structlog.get_logger(__name__)
_PROPOSED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Means:
    """Everything a clusterer handler may ask for. One per process."""

    settings: Settings
    pool: Pool
    children: Children


def _outcome(*events: Event) -> Outcome:
    return Outcome(events=tuple(wrap(event) for event in events))


async def start_clustering(command: StartClustering, ctx: Context[Means]) -> Outcome:
    """Prepare the library as it is now. The coordinator takes it from there."""
    try:
        facts: Facts = await ctx.deps.children.do(command, ctx.cancelled)
    except Stopped:
        return _outcome(*command.cancelled())
    options = command.options
    started = ClusteringStarted(
        run_id=command.run_id,
        tracks=facts.tracks,
        without_embedding=facts.without_embedding,
        sampled=facts.sampled,
        warnings=facts.warnings,
    )
    if facts.searchable:
        search_of = {
            "data_id": search.data_id(command.run_id),
            "generation_size": search.planned_generation(options),
            "algorithms": search.suitable(options, facts.tracks),
        }
        started = started.model_copy(update=search_of)
    return _outcome(started)


async def evaluate_clusterings(command: EvaluateClusterings, ctx: Context[Means]) -> Outcome:
    """Try a batch of configurations."""
    try:
        evaluations = await ctx.deps.children.do(command, ctx.cancelled)
    except Stopped:
        return _outcome(*command.cancelled())
    return _outcome(
        ClusteringProgressed(
            run_id=command.run_id, generation=command.generation, batch=command.batch, evaluations=evaluations
        )
    )


async def compose_playlists(command: ComposePlaylists, ctx: Context[Means]) -> Outcome:
    """Cluster the whole library as the winner says, and propose playlists."""
    try:
        composed: Composed = await ctx.deps.children.do(command, ctx.cancelled)
    except Stopped:
        return _outcome(*command.cancelled())
    made = composed.composition
    if command.options.language_model:
        made = await _renamed(made, command, ctx)
    proposed = [
        PlaylistsProposed(run_id=command.run_id, proposals=made.proposals[start : start + _PROPOSED_AT_ONCE])
        for start in range(0, len(made.proposals), _PROPOSED_AT_ONCE)
    ]
    completed = ClusteringCompleted(
        run_id=command.run_id,
        winner=composed.winner,
        playlists=len(made.proposals),
        tracks=composed.tracks,
        tracks_used=made.tracks_used,
        notes=made.notes,
    )
    return _outcome(*proposed, completed)


async def _renamed(made: Composition, command: ComposePlaylists, ctx: Context[Means]) -> Composition:
    """With names of the language model, as far as it has any."""
    named, note = await language_model.rename(ctx.deps.settings, made.proposals, made.examples, command.seed)
    return replace(made, proposals=named, notes=(*made.notes, *([note] if note else ())))


async def keep_playlists(command: KeepPlaylists, ctx: Context[Means]) -> Outcome:
    """Make proposals the listener's playlists."""
    return await keeping.keep(command, ctx.deps.pool)


async def let_go(command: Command, ctx: Context[Means]) -> None:
    """Once a run needs its prepared data no more, drop it; what this misses is swept after days."""
    run_id = command.run
    if run_id is None or isinstance(command, KeepPlaylists):
        return
    try:
        if isinstance(command, ComposePlaylists) or await ctx.cancelled():
            await store.forget(ctx.deps.pool, search.data_id(run_id))
    except StoreUnavailable as error:
        log.warning("prepared_data_left", run=str(run_id), error=error.detail)


HANDLERS: Mapping[type[Any], Handler[Means]] = {
    StartClustering: start_clustering,
    EvaluateClusterings: evaluate_clusterings,
    ComposePlaylists: compose_playlists,
    KeepPlaylists: keep_playlists,
}
