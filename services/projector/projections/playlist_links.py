"""``playlist_links``: where a playlist stands on media servers, one row per playlist, server and account.

``state`` is what came of the last attempt; ``number``, ``remote_id`` and ``written`` tell what the server holds, so a
failure leaves them as they were. What is said without an account is about the link that there is: a command that died
did not get as far as to know it. A server that was removed keeps its links; readers leave them out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, arrays, place, source, text, upsert, whole
from shared.events import Event, PlaylistSynced, PlaylistSyncFailed, PlaylistSyncSkipped, RemotePlaylistRemoved
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_KEY = {"playlist_id": "uuid", "server_id": "uuid", "account": "text"}
_COLUMNS = {
    **_KEY,
    "remote_id": "text",
    "remote_name": "text",
    "number": "int",
    "state": "text",
    "written": "int",
    "missing": "int",
    "reason": "text",
    "detail": "text",
    "restored": "boolean",
    "synced_at": "timestamptz",
    "at": "timestamptz",
    "run_id": "uuid",
    "position": "bigint",
}
_CREATE = """
CREATE TABLE playlist_links (
    playlist_id uuid NOT NULL,
    server_id uuid NOT NULL,
    account text NOT NULL,
    remote_id text,
    remote_name text,
    number int,
    state text NOT NULL,
    written int NOT NULL,
    missing int NOT NULL,
    reason text,
    detail text,
    restored boolean,
    synced_at timestamptz,
    at timestamptz NOT NULL,
    run_id uuid NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (playlist_id, server_id, account)
)
"""
_LOAD = f"SELECT {', '.join(_COLUMNS)} FROM playlist_links WHERE playlist_id = ANY($1::uuid[])"  # noqa: S608 - constants
_STORE = upsert("playlist_links", list(_KEY), _COLUMNS)
_DROP = (
    f"DELETE FROM playlist_links AS l USING {source(_KEY)}"  # noqa: S608 - constants
    " WHERE (l.playlist_id, l.server_id, l.account) = (new.playlist_id, new.server_id, new.account)"
)

Key = tuple[UUID, UUID, str]
Row = dict[str, Any]
Rows = dict[Key, Row]


async def _apply(connection: Connection, events: Events) -> None:
    touched = list({event.message.playlist_id for event in events})
    rows: Rows = {_key(row): dict(row) for row in await connection.fetch(_LOAD, touched)}
    before = set(rows)
    changed: set[Key] = set()
    for event in events:
        changed |= _enter(rows, event)
    stored = [tuple(rows[key][name] for name in _COLUMNS) for key in changed if key in rows]
    dropped = [key for key in before if key not in rows]
    if dropped:
        await connection.execute(_DROP, *arrays(dropped))
    if stored:
        await connection.execute(_STORE, *arrays(stored))


def _key(row: Any) -> Key:
    return row["playlist_id"], row["server_id"], row["account"]


def _enter(rows: Rows, event: Envelope[Any]) -> set[Key]:
    """Change the row that the event is about; the keys that have changed."""
    message = event.message
    key = _about(rows, (message.playlist_id, message.server_id, text(message.account)))
    row = rows.get(key)
    if row and row["position"] >= place(event):
        return set()
    change = _FOLDS[type(message)](message, row)
    if change is None:
        return set()
    now = {"at": event.occurred_at, "run_id": message.run_id, "position": place(event)}
    rows[key] = {**(row or _new(key)), "reason": None, "detail": None, "restored": None, **change, **now}
    if type(message) is PlaylistSynced:
        rows[key]["synced_at"] = event.occurred_at
        nameless = (*key[:2], "")
        if key[2] and nameless in rows and rows[nameless]["remote_id"] is None:
            del rows[nameless]
    return {key}


def _about(rows: Rows, key: Key) -> Key:
    if key[2] or key in rows:
        return key
    named = [(row["position"], other) for other, row in rows.items() if other[:2] == key[:2]]
    return max(named)[1] if named else key


def _new(key: Key) -> Row:
    row: Row = dict.fromkeys(_COLUMNS)
    return row | dict(zip(_KEY, key, strict=True)) | {"written": 0, "missing": 0}


def _synced(message: PlaylistSynced, row: Row | None) -> Row:
    return {
        "state": "synced",
        "remote_id": text(message.remote_id, None),
        "remote_name": text(message.remote_name),
        "number": whole(message.number),
        "written": whole(message.written) or 0,
        "missing": whole(message.missing) or 0,
    }


def _skipped(message: PlaylistSyncSkipped, row: Row | None) -> Row | None:
    """What was called off before it began says nothing about the server."""
    if message.reason in ("cancelled", "playlist_deleted"):
        return None
    state = "deleted_on_server" if message.reason == "deleted_on_server" else "skipped"
    change = {"state": state, "reason": text(message.reason)}
    return change if message.remote_id is None else change | {"remote_id": text(message.remote_id, None)}


def _failed(message: PlaylistSyncFailed, row: Row | None) -> Row:
    return {
        "state": "failed",
        "reason": text(message.reason),
        "detail": text(message.detail),
        "restored": message.restored,
    }


def _removed(message: RemotePlaylistRemoved, row: Row | None) -> Row | None:
    return row and {"state": "removed", "remote_id": None, "remote_name": None, "number": None, "written": 0}


_FOLDS: dict[type[Event], Callable[[Any, Row | None], Row | None]] = {
    PlaylistSynced: _synced,
    PlaylistSyncSkipped: _skipped,
    PlaylistSyncFailed: _failed,
    RemotePlaylistRemoved: _removed,
}
"""What an event changes in the row; None when nothing."""

PLAYLIST_LINKS = Projection(
    name="playlist_links",
    version=1,
    handles=frozenset(_FOLDS),
    tables=("playlist_links",),
    create=_CREATE,
    apply=_apply,
    indexes=("CREATE INDEX playlist_links_changed ON playlist_links (position)",),
)
