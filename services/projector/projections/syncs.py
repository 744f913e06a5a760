"""``syncs``: every writing of playlists to servers. ``sync_targets``: what came of each playlist on each server.

A target counts once, under its last outcome: targets = synced + skipped + failed + those without one yet. What is
said about a sync that was never asked for, or about something that is not among its targets, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, arrays, place, source, text, upsert
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
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_SYNC = {
    "run_id": "uuid",
    "state": "text",
    "requested_at": "timestamptz",
    "started_at": "timestamptz",
    "ended_at": "timestamptz",
    "targets": "int",
    "synced": "int",
    "skipped": "int",
    "failed": "int",
    "reason": "text",
    "detail": "text",
    "position": "bigint",
}
_KEY = {"run_id": "uuid", "playlist_id": "uuid", "server_id": "uuid"}
_TARGET = {**_KEY, "outcome": "text", "action": "text", "reason": "text", "detail": "text", "restored": "boolean"}
_CREATE = """
CREATE TABLE syncs (
    run_id uuid PRIMARY KEY,
    state text NOT NULL,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    targets int NOT NULL,
    synced int NOT NULL,
    skipped int NOT NULL,
    failed int NOT NULL,
    reason text,
    detail text,
    position bigint NOT NULL
);
CREATE TABLE sync_targets (
    run_id uuid NOT NULL,
    playlist_id uuid NOT NULL,
    server_id uuid NOT NULL,
    outcome text,
    action text,
    reason text,
    detail text,
    restored boolean,
    PRIMARY KEY (run_id, playlist_id, server_id)
)
"""
# The names in these statements are constants of this file.
_LOAD = f"SELECT {', '.join(_SYNC)} FROM syncs WHERE run_id = ANY($1::uuid[])"  # noqa: S608
_LOAD_TARGETS = (
    f"SELECT {', '.join(_TARGET)} FROM sync_targets"  # noqa: S608
    f" JOIN {source(_KEY)} USING (run_id, playlist_id, server_id)"
)
_STORE = upsert("syncs", ["run_id"], _SYNC)
_STORE_TARGETS = upsert("sync_targets", list(_KEY), _TARGET)

Key = tuple[UUID, UUID, UUID]
Row = dict[str, Any]


@dataclass(slots=True)
class _Ledger:
    """The rows a batch touches."""

    syncs: dict[UUID, Row] = field(default_factory=dict)
    targets: dict[Key, Row] = field(default_factory=dict)


async def _apply(connection: Connection, events: Events) -> None:
    ledger = await _load(connection, events)
    for event in events:
        sync = ledger.syncs.get(event.message.run_id)
        if type(event.message) is SyncRequested:
            ledger.syncs.setdefault(event.message.run_id, _asked_for(event))
        elif sync and sync["position"] < place(event):
            _FOLDS[type(event.message)](ledger, sync, event)
            sync["position"] = place(event)
    if ledger.syncs:
        await connection.execute(_STORE, *arrays([tuple(row.values()) for row in ledger.syncs.values()]))
    if ledger.targets:
        await connection.execute(_STORE_TARGETS, *arrays([tuple(row.values()) for row in ledger.targets.values()]))


async def _load(connection: Connection, events: Events) -> _Ledger:
    ledger = _Ledger()
    for row in await connection.fetch(_LOAD, list({event.message.run_id for event in events})):
        ledger.syncs[row["run_id"]] = dict(row)
    keys = list({_key(event) for event in events if type(event.message) in _OUTCOMES})
    for row in await connection.fetch(_LOAD_TARGETS, *arrays(keys)) if keys else []:
        ledger.targets[row["run_id"], row["playlist_id"], row["server_id"]] = dict(row)
    return ledger


def _key(event: Envelope[Any]) -> Key:
    return event.message.run_id, event.message.playlist_id, event.message.server_id


def _asked_for(event: Envelope[Any]) -> Row:
    first = {"run_id": event.message.run_id, "state": "requested", "requested_at": event.occurred_at}
    counts = {"targets": 0, "synced": 0, "skipped": 0, "failed": 0, "position": place(event)}
    return dict.fromkeys(_SYNC) | first | counts


def _started(ledger: _Ledger, sync: Row, event: Envelope[Any]) -> None:
    message: SyncStarted = event.message
    if sync["started_at"] or sync["ended_at"]:
        return
    sync["started_at"] = event.occurred_at
    sync["state"] = "running" if sync["state"] == "requested" else sync["state"]
    for target in message.targets:
        key = (message.run_id, target.playlist_id, target.server_id)
        ledger.targets.setdefault(key, dict.fromkeys(_TARGET) | dict(zip(_KEY, key, strict=True)))
    sync["targets"] = len({(target.playlist_id, target.server_id) for target in message.targets})


def _outcome(ledger: _Ledger, sync: Row, event: Envelope[Any]) -> None:
    target = ledger.targets.get(_key(event))
    if target is None:
        return
    if target["outcome"]:
        sync[target["outcome"]] -= 1
    target |= _OUTCOMES[type(event.message)](event.message)
    sync[target["outcome"]] += 1


def _synced(message: PlaylistSynced) -> Row:
    return {"outcome": "synced", "action": message.action, "reason": None, "detail": None, "restored": None}


def _skipped(message: PlaylistSyncSkipped) -> Row:
    return {"outcome": "skipped", "action": None, "reason": text(message.reason), "detail": None, "restored": None}


def _failed(message: PlaylistSyncFailed) -> Row:
    reason, detail = text(message.reason), text(message.detail)
    return {"outcome": "failed", "action": None, "reason": reason, "detail": detail, "restored": message.restored}


def _cancelled(ledger: _Ledger, sync: Row, event: Envelope[Any]) -> None:
    if not sync["ended_at"]:
        sync["state"] = "cancelled"


def _completed(ledger: _Ledger, sync: Row, event: Envelope[Any]) -> None:
    message: SyncCompleted = event.message
    if not sync["ended_at"]:
        sync |= {"state": message.state, "ended_at": event.occurred_at}


def _not_begun(ledger: _Ledger, sync: Row, event: Envelope[Any]) -> None:
    message: SyncFailed = event.message
    if not sync["ended_at"]:
        state = "cancelled" if message.reason == "cancelled" else "failed"
        sync |= {"state": state, "ended_at": event.occurred_at}
        sync |= {"reason": text(message.reason), "detail": text(message.detail)}


_OUTCOMES: dict[type[Event], Callable[[Any], Row]] = {
    PlaylistSynced: _synced,
    PlaylistSyncSkipped: _skipped,
    PlaylistSyncFailed: _failed,
}
_FOLDS: dict[type[Event], Callable[[_Ledger, Row, Envelope[Any]], None]] = {
    SyncStarted: _started,
    **dict.fromkeys(_OUTCOMES, _outcome),
    SyncCancelled: _cancelled,
    SyncCompleted: _completed,
    SyncFailed: _not_begun,
}

SYNCS = Projection(
    name="syncs",
    version=1,
    handles=frozenset([SyncRequested, *_FOLDS]),
    tables=("syncs", "sync_targets"),
    create=_CREATE,
    apply=_apply,
    indexes=(
        "CREATE INDEX syncs_newest ON syncs (requested_at DESC, run_id DESC)",
        "CREATE INDEX syncs_changed ON syncs (position)",
    ),
)
