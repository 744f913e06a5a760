"""``track_plays``: how often a track was played, when last, and what its listener thinks of it, as its server says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import Events, Projection, arrays, place, real, upsert, whole
from shared.events import PlaysImported

if TYPE_CHECKING:
    from shared.postgres import Connection

_COLUMNS = {
    "track_id": "uuid",
    "server_id": "uuid",
    "play_count": "int",
    "last_played_at": "timestamptz",
    "rating": "real",
    "favourite": "boolean",
    "imported_at": "timestamptz",
    "position": "bigint",
}
_CREATE = """
CREATE TABLE track_plays (
    track_id uuid PRIMARY KEY,
    server_id uuid NOT NULL,
    play_count int NOT NULL,
    last_played_at timestamptz,
    rating real,
    favourite boolean NOT NULL,
    imported_at timestamptz NOT NULL,
    position bigint NOT NULL
)
"""
_MOST_PLAYS = (1 << 31) - 1
_STORE = f"{upsert('track_plays', ['track_id'], _COLUMNS)} WHERE track_plays.position < excluded.position"


async def _apply(connection: Connection, events: Events) -> None:
    newest: dict[UUID, tuple[Any, ...]] = {}
    for event in events:
        message: PlaysImported = event.message
        for plays in message.plays:
            count = _MOST_PLAYS if whole(plays.play_count) is None else plays.play_count
            newest[plays.track_id] = (
                plays.track_id,
                message.server_id,
                count,
                plays.last_played_at,
                real(plays.rating),
                plays.favourite,
                event.occurred_at,
                place(event),
            )
    if newest:
        await connection.execute(_STORE, *arrays(list(newest.values())))


TRACK_PLAYS = Projection(
    name="track_plays",
    version=1,
    handles=frozenset([PlaysImported]),
    tables=("track_plays",),
    create=_CREATE,
    apply=_apply,
)
