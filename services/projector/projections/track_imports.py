"""``track_imports``: what another program had found out about a track, the newest of each.

It is shown where there is no row in ``track_analysis``. ``digest`` and ``source_item_id`` let an import that is
repeated see what it has done already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import (
    Events,
    Projection,
    arrays,
    document,
    place,
    real,
    text,
    text_or_none,
    upsert,
)
from shared.events import TrackAnalysisImported
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_COLUMNS = {
    "track_id": "uuid",
    "server_id": "uuid",
    "source": "text",
    "source_version": "text",
    "source_item_id": "text",
    "digest": "text",
    "space": "text",
    "tempo_bpm": "real",
    "key": "text",
    "scale": "text",
    "energy_rms": "real",
    "tags": "jsonb",
    "imported_at": "timestamptz",
    "position": "bigint",
}
_CREATE = """
CREATE TABLE track_imports (
    track_id uuid PRIMARY KEY,
    server_id uuid NOT NULL,
    source text NOT NULL,
    source_version text NOT NULL,
    source_item_id text NOT NULL,
    digest text NOT NULL,
    space text,
    tempo_bpm real,
    key text,
    scale text,
    energy_rms real,
    tags jsonb NOT NULL,
    imported_at timestamptz NOT NULL,
    position bigint NOT NULL
)
"""
_STORE = upsert("track_imports", ["track_id"], _COLUMNS)


async def _apply(connection: Connection, events: Events) -> None:
    newest: dict[UUID, Envelope[Any]] = {event.message.track_id: event for event in events}
    await connection.execute(_STORE, *arrays([_row(event) for event in newest.values()]))


def _row(event: Envelope[Any]) -> tuple[Any, ...]:
    """The values of ``_COLUMNS``."""
    message: TrackAnalysisImported = event.message
    return (
        message.track_id,
        message.server_id,
        message.source,
        text(message.source_version),
        text(message.source_item_id, None),
        text(message.digest),
        text_or_none(message.space),
        real(message.tempo_bpm),
        text_or_none(message.key),
        message.scale,
        real(message.energy_rms),
        document(message.tags),
        event.occurred_at,
        place(event),
    )


TRACK_IMPORTS = Projection(
    name="track_imports",
    version=1,
    handles=frozenset([TrackAnalysisImported]),
    tables=("track_imports",),
    create=_CREATE,
    apply=_apply,
)
