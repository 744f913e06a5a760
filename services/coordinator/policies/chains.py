"""Policy: what was asked to follow, follows. An analysis that names a clustering is clustered when it is complete, and
playlists kept with ``sync`` go to the servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.commands import StartClustering, StartSync
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    ClusteringOptions,
    ClusteringRequested,
    Event,
    PlaylistsKept,
    SyncRequested,
)
from shared.messages import Envelope, Send, derived_id, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

name = "chains"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_chains (
    run_id uuid PRIMARY KEY,
    options jsonb NOT NULL
)
""",
)

handles: tuple[type[Event], ...] = (AnalysisRequested, AnalysisRunCompleted, PlaylistsKept)


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """Say what follows. An analysis that was cancelled or failed is followed by nothing."""
    units = []
    for envelope in events:
        message = envelope.message
        match message:
            case AnalysisRequested(then=ClusteringOptions() as options):
                await connection.execute(
                    "INSERT INTO coordinator_chains (run_id, options) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    message.run_id,
                    options.model_dump_json(),
                )
            case AnalysisRunCompleted():
                kept = await connection.fetchval(
                    "DELETE FROM coordinator_chains WHERE run_id = $1 RETURNING options", message.run_id
                )
                if kept and message.state == "completed":
                    options = ClusteringOptions.model_validate_json(kept)
                    units.append(clustering(derived_id(message.run_id, "then cluster"), options))
            case PlaylistsKept(sync=True):
                playlists = (*message.created, *message.refreshed, *message.unchanged)
                if playlists:
                    units.append(sync(derived_id(envelope.id, "then sync"), playlists))
    return units


def clustering(unit_id: UUID, options: ClusteringOptions, extra: Sequence[Event] = ()) -> Unit:
    """A clustering whose run and seed are derived from ``unit_id``, together with other events."""
    run_id, seed = derived_id("run", unit_id), derived_id("seed", unit_id).int % 2**63
    events = [ClusteringRequested(run_id=run_id, options=options, seed=seed), *extra]
    command = StartClustering(run_id=run_id, options=options, seed=seed)
    return unit(unit_id, events, [command])


def sync(
    unit_id: UUID, playlist_ids: Sequence[UUID], server_ids: Sequence[UUID] = (), extra: Sequence[Event] = ()
) -> Unit:
    """A sync whose run is derived from ``unit_id``, together with other events."""
    run_id, playlists, servers = derived_id("run", unit_id), tuple(playlist_ids), tuple(server_ids)
    events = [SyncRequested(run_id=run_id, playlist_ids=playlists, server_ids=servers), *extra]
    return unit(unit_id, events, [StartSync(run_id=run_id, playlist_ids=playlists, server_ids=servers)])


def unit(unit_id: UUID, events: Sequence[Event], commands: Sequence[Any]) -> Unit:
    """A unit whose messages have ids derived from its own, so that they are the same when it is decided again."""
    return Unit(
        unit_id,
        events=[wrap(event, id=derived_id(unit_id, "event", number)) for number, event in enumerate(events)],
        commands=[
            Send(wrap(command, id=derived_id(unit_id, "command", number)), high=True)
            for number, command in enumerate(commands)
        ],
    )
