"""``servers``: the connected libraries, and how their last listing went.

``version`` counts the decisions about a server; the gateway's appends rest on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, document, text, text_or_none, upsert
from shared.events import Event, LibraryScanCompleted, LibraryScanFailed, ServerAdded, ServerChanged, ServerRemoved
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_INCOMPLETE = "A part of the library could not be listed, so nothing was removed."

_COLUMNS = {
    "server_id": "uuid",
    "server_type": "text",
    "name": "text",
    "path": "text",
    "url": "text",
    "username": "text",
    "secret_id": "uuid",
    "login": "text",
    "libraries": "jsonb",
    "added_at": "timestamptz",
    "version": "int",
    "removed": "boolean",
    "last_scan_at": "timestamptz",
    "last_scan_problem": "text",
}
_CREATE = """
CREATE TABLE servers (
    server_id uuid PRIMARY KEY,
    server_type text NOT NULL,
    name text NOT NULL,
    path text,
    url text,
    username text,
    secret_id uuid,
    login text NOT NULL,
    libraries jsonb,
    added_at timestamptz NOT NULL,
    version int NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    last_scan_at timestamptz,
    last_scan_problem text
)
"""
_LOAD = f"SELECT {', '.join(_COLUMNS)} FROM servers WHERE server_id = ANY($1::uuid[])"  # noqa: S608 - constants
_STORE = upsert("servers", ["server_id"], _COLUMNS)

Rows = dict[UUID, dict[str, Any]]


async def _apply(connection: Connection, events: Events) -> None:
    touched = list({event.message.server_id for event in events})
    rows: Rows = {row["server_id"]: dict(row) for row in await connection.fetch(_LOAD, touched)}
    for event in events:
        _FOLDS[type(event.message)](rows, event)
    if rows:
        columns = [[row[name] for row in rows.values()] for name in _COLUMNS]
        await connection.execute(_STORE, *columns)


def _added(rows: Rows, event: Envelope[Any]) -> None:
    message: ServerAdded = event.message
    before = rows.get(message.server_id)
    rows[message.server_id] = {
        **_address(message),
        "server_id": message.server_id,
        "server_type": message.server_type,
        "added_at": event.occurred_at,
        "version": before["version"] + 1 if before else 1,
        "removed": False,
        "last_scan_at": None,
        "last_scan_problem": None,
    }


def _changed(rows: Rows, event: Envelope[Any]) -> None:
    row = rows.get(event.message.server_id)
    if row:
        row |= {**_address(event.message), "version": row["version"] + 1}


def _removed(rows: Rows, event: Envelope[Any]) -> None:
    row = rows.get(event.message.server_id)
    if row:
        row |= {"removed": True, "version": row["version"] + 1}


def _scanned(rows: Rows, event: Envelope[Any]) -> None:
    row = rows.get(event.message.server_id)
    if row:
        problem = _INCOMPLETE if event.message.incomplete else None
        row |= {"last_scan_at": event.occurred_at, "last_scan_problem": problem}


def _not_scanned(rows: Rows, event: Envelope[Any]) -> None:
    row = rows.get(event.message.server_id)
    if row and event.message.reason != "cancelled":
        row |= {"last_scan_at": event.occurred_at, "last_scan_problem": text(event.message.detail)}


def _address(message: ServerAdded | ServerChanged) -> dict[str, Any]:
    return {
        "name": text(message.name),
        "path": None if message.path is None else text(message.path, None),
        "url": None if message.url is None else text(message.url, None),
        "username": text_or_none(message.username),
        "secret_id": message.secret_id,
        "login": message.login,
        "libraries": None if message.libraries is None else document(message.libraries),
    }


_FOLDS: dict[type[Event], Callable[[Rows, Envelope[Any]], None]] = {
    ServerAdded: _added,
    ServerChanged: _changed,
    ServerRemoved: _removed,
    LibraryScanCompleted: _scanned,
    LibraryScanFailed: _not_scanned,
}
SERVERS = Projection(
    name="servers",
    version=1,
    handles=frozenset(_FOLDS),
    tables=("servers",),
    create=_CREATE,
    apply=_apply,
)
