"""Policy: a sync is over when every playlist has had its terminal event on every server it goes to.

A cancelled sync ends the same way: commands that have not begun end as skipped. ``give_up`` is for the day when
commands were lost with the store they waited in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from shared.events import (
    Event,
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncRequested,
    SyncStarted,
)
from shared.messages import Envelope, derived_id, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

name = "syncs"

TABLES = (
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_syncs (
    run_id uuid PRIMARY KEY,
    started boolean NOT NULL DEFAULT false,
    cancelled boolean NOT NULL DEFAULT false,
    ended boolean NOT NULL DEFAULT false
)
""",
    """
CREATE TABLE IF NOT EXISTS {schema}.coordinator_sync_targets (
    run_id uuid NOT NULL,
    playlist_id uuid NOT NULL,
    server_id uuid NOT NULL,
    outcome text,
    PRIMARY KEY (run_id, playlist_id, server_id)
)
""",
)

_OUTCOMES: dict[type[Event], str] = {
    PlaylistSynced: "synced",
    PlaylistSyncSkipped: "skipped",
    PlaylistSyncFailed: "failed",
}
handles: tuple[type[Event], ...] = (SyncRequested, SyncStarted, SyncCancelled, SyncFailed, *_OUTCOMES)

_OPEN = "INSERT INTO coordinator_syncs (run_id) VALUES ($1) ON CONFLICT DO NOTHING"
_START = """
INSERT INTO coordinator_syncs AS s (run_id, started) VALUES ($1, true)
ON CONFLICT (run_id) DO UPDATE SET started = true WHERE NOT s.ended
RETURNING run_id
"""
_TARGETS = """
INSERT INTO coordinator_sync_targets (run_id, playlist_id, server_id)
SELECT $1, playlist_id, server_id FROM unnest($2::uuid[], $3::uuid[]) AS n (playlist_id, server_id)
ON CONFLICT DO NOTHING
"""
_OUTCOME = """
UPDATE coordinator_sync_targets SET outcome = $4
 WHERE run_id = $1 AND playlist_id = $2 AND server_id = $3 AND outcome IS NULL
"""
_OVER = """
SELECT s.run_id, s.cancelled FROM coordinator_syncs s
 WHERE s.run_id = ANY($1::uuid[]) AND s.started AND NOT s.ended
   AND NOT EXISTS (SELECT 1 FROM coordinator_sync_targets t WHERE t.run_id = s.run_id AND t.outcome IS NULL)
"""
_TOTALS = """
SELECT count(*) FILTER (WHERE outcome = 'synced') AS synced,
       count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
       count(*) FILTER (WHERE outcome = 'failed') AS failed
  FROM coordinator_sync_targets WHERE run_id = $1
"""
_LOST = "The work on it was lost together with the store it waited in. Start the sync again."


async def decide(connection: Connection, events: Sequence[Envelope[Any]]) -> list[Unit]:
    """Count, and say which syncs are over."""
    units = []
    for envelope in events:
        message = envelope.message
        await _count(connection, message)
        if isinstance(message, SyncFailed):
            units.append(Unit(derived_id(message.run_id, "not begun"), flags={message.run_id: None}))
    for row in await connection.fetch(_OVER, list({event.message.run_id for event in events})):
        totals = await connection.fetchrow(_TOTALS, row["run_id"])
        units.append(_completion(row["run_id"], dict(totals or {}), cancelled=row["cancelled"]))
        await _end(connection, row["run_id"])
    return units


async def _count(connection: Connection, message: Any) -> None:
    """Add one event to the rows. What is said about a target that no sync has named is not counted."""
    match message:
        case SyncRequested():
            await connection.execute(_OPEN, message.run_id)
        case SyncStarted():
            if await connection.fetchval(_START, message.run_id):
                playlists = [target.playlist_id for target in message.targets]
                servers = [target.server_id for target in message.targets]
                await connection.execute(_TARGETS, message.run_id, playlists, servers)
        case SyncCancelled():
            await connection.execute("UPDATE coordinator_syncs SET cancelled = true WHERE run_id = $1", message.run_id)
        case SyncFailed():
            await _end(connection, message.run_id)
        case _:
            outcome = _OUTCOMES[type(message)]
            await connection.execute(_OUTCOME, message.run_id, message.playlist_id, message.server_id, outcome)


async def _end(connection: Connection, run_id: UUID) -> None:
    await connection.execute("UPDATE coordinator_syncs SET ended = true WHERE run_id = $1", run_id)
    await connection.execute("DELETE FROM coordinator_sync_targets WHERE run_id = $1", run_id)


def _completion(run_id: UUID, totals: dict[str, int], *, cancelled: bool) -> Unit:
    state: Literal["completed", "cancelled", "failed"] = "completed"
    if cancelled:
        state = "cancelled"
    elif totals["failed"] and not totals["synced"] and not totals["skipped"]:
        state = "failed"
    unit_id = derived_id(run_id, "sync completed")
    return Unit(
        unit_id,
        events=[wrap(SyncCompleted(run_id=run_id, state=state, **totals), id=unit_id)],
        flags={run_id: None},
        release=[run_id],
    )


async def give_up(connection: Connection) -> list[Unit]:
    """End what is open in every sync, by name. To be called only when no command is left anywhere."""
    units = []
    for row in await connection.fetch("SELECT run_id FROM coordinator_syncs WHERE NOT started AND NOT ended"):
        unit_id = derived_id(row["run_id"], "lost")
        lost = SyncFailed(run_id=row["run_id"], reason="work_lost", detail=_LOST)
        units.append(Unit(unit_id, events=[wrap(lost, id=unit_id)]))
    rows = await connection.fetch(
        "SELECT run_id, playlist_id, server_id FROM coordinator_sync_targets WHERE outcome IS NULL LIMIT 10000"
    )
    for row in rows:
        unit_id = derived_id(*row, "lost")
        failed = PlaylistSyncFailed(reason="work_lost", detail=_LOST, **dict(row))
        units.append(Unit(unit_id, events=[wrap(failed, id=unit_id)]))
    return units
