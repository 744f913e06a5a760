"""``playlists``: each as it is now. ``playlist_versions``: each as it was after every decision about it.

A decision counts when its number follows the row's version (the first is 1); any other was made on an older playlist,
or was told before. A deleted playlist keeps its row and its tracks, so that it can be brought back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, document, large, place, text
from shared.events import Event, PlaylistDeleted, PlaylistLocked, PlaylistRenamed, PlaylistSaved
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_CONTENT = (
    "name", "recipe", "seed", "track_ids", "pinned", "excluded", "excluded_artists", "locked", "deleted", "action",
    "run_id",
)  # fmt: skip
_PLAYLIST = ("playlist_id", "version", *_CONTENT, "created_at", "changed_at", "position")
_VERSION = ("playlist_id", "version", *_CONTENT, "restored", "at", "added", "removed", "position")
_CREATE = """
CREATE TABLE playlists (
    playlist_id uuid PRIMARY KEY,
    version int NOT NULL,
    name text NOT NULL,
    recipe jsonb NOT NULL,
    seed bigint NOT NULL,
    track_ids uuid[] NOT NULL,
    pinned uuid[] NOT NULL,
    excluded uuid[] NOT NULL,
    excluded_artists text[] NOT NULL,
    locked boolean NOT NULL,
    deleted boolean NOT NULL,
    action text NOT NULL,
    run_id uuid,
    created_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    position bigint NOT NULL
);
CREATE TABLE playlist_versions (
    playlist_id uuid NOT NULL,
    version int NOT NULL,
    name text NOT NULL,
    recipe jsonb NOT NULL,
    seed bigint NOT NULL,
    track_ids uuid[] NOT NULL,
    pinned uuid[] NOT NULL,
    excluded uuid[] NOT NULL,
    excluded_artists text[] NOT NULL,
    locked boolean NOT NULL,
    deleted boolean NOT NULL,
    action text NOT NULL,
    run_id uuid,
    restored int,
    at timestamptz NOT NULL,
    added int NOT NULL,
    removed int NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (playlist_id, version)
)
"""


def _insert(table: str, columns: Sequence[str]) -> str:
    """One row at a time: lists of ids do not travel as arrays of arrays."""
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"  # noqa: S608 - constants


_LOAD = f"SELECT {', '.join(_PLAYLIST)} FROM playlists WHERE playlist_id = ANY($1::uuid[])"  # noqa: S608 - constants
_STORE = (
    f"{_insert('playlists', _PLAYLIST)} ON CONFLICT (playlist_id) DO UPDATE SET "
    f"{', '.join(f'{name} = excluded.{name}' for name in _PLAYLIST[1:])}"
)
_STORE_VERSION = f"{_insert('playlist_versions', _VERSION)} ON CONFLICT DO NOTHING"

Row = dict[str, Any]
Rows = dict[UUID, Row]


async def _apply(connection: Connection, events: Events) -> None:
    touched = list({event.message.playlist_id for event in events})
    rows: Rows = {row["playlist_id"]: dict(row) for row in await connection.fetch(_LOAD, touched)}
    versions: list[Row] = []
    changed: set[UUID] = set()
    for event in events:
        message = event.message
        before = rows.get(message.playlist_id)
        change = _FOLDS[type(message)](message, before)
        if change is None or message.number != (before["version"] if before else 0) + 1:
            continue
        row = rows[message.playlist_id] = _next(event, before, change)
        versions.append(row | _difference(row, before) | {"restored": change.get("restored"), "at": event.occurred_at})
        changed.add(message.playlist_id)
    if changed:
        await connection.executemany(_STORE, [_values(rows[key], _PLAYLIST) for key in changed])
        await connection.executemany(_STORE_VERSION, [_values(row, _VERSION) for row in versions])


def _next(event: Envelope[Any], before: Row | None, change: Row) -> Row:
    return {
        **(before or {"playlist_id": event.message.playlist_id, "created_at": event.occurred_at}),
        **change,
        "version": event.message.number,
        "changed_at": event.occurred_at,
        "position": place(event),
    }


def _difference(row: Row, before: Row | None) -> Row:
    """How many tracks came and went."""
    new, old = set(row["track_ids"]), set(before["track_ids"] if before else ())
    return {"added": len(new - old), "removed": len(old - new)}


def _values(row: Row, columns: Sequence[str]) -> list[Any]:
    return [row[name] for name in columns]


def _saved(message: PlaylistSaved, before: Row | None) -> Row:
    return {
        "name": text(message.name),
        "recipe": document(message.recipe.model_dump(mode="json")),
        "seed": large(message.seed) or 0,
        "track_ids": list(message.track_ids),
        "pinned": list(message.pinned),
        "excluded": list(message.excluded),
        "excluded_artists": [text(name) for name in message.excluded_artists],
        "locked": message.locked,
        "deleted": False,
        "action": message.action,
        "run_id": message.run_id,
        "restored": message.restored,
    }


def _renamed(message: PlaylistRenamed, before: Row | None) -> Row | None:
    return before and {"name": text(message.name), "action": "renamed", "run_id": None}


def _locked(message: PlaylistLocked, before: Row | None) -> Row | None:
    return before and {"locked": message.locked, "action": "locked" if message.locked else "unlocked", "run_id": None}


def _deleted(message: PlaylistDeleted, before: Row | None) -> Row | None:
    return before and {"deleted": True, "action": "deleted", "run_id": None}


_FOLDS: dict[type[Event], Callable[[Any, Row | None], Row | None]] = {
    PlaylistSaved: _saved,
    PlaylistRenamed: _renamed,
    PlaylistLocked: _locked,
    PlaylistDeleted: _deleted,
}
"""What an event changes in the row; None where there is none to change."""

PLAYLISTS = Projection(
    name="playlists",
    version=1,
    handles=frozenset(_FOLDS),
    tables=("playlists", "playlist_versions"),
    create=_CREATE,
    apply=_apply,
    indexes=(
        "CREATE INDEX playlists_listed ON playlists (lower(name), playlist_id) WHERE NOT deleted",
        "CREATE INDEX playlists_changed ON playlists (position)",
    ),
)
