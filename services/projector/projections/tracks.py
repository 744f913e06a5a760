"""``tracks``: every track of every library, as its server describes it, and where its analysis stands.

``status`` is about the bytes that the library holds now: ``analysed`` when they are, ``failed`` when they could not
be, else ``discovered``. A track that changed keeps its old analysis (another table) until the new one arrives.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.projector.projections.base import (
    Events,
    Projection,
    arrays,
    large,
    real,
    short,
    short_or_none,
    source,
    text,
    text_or_none,
    upsert,
    whole,
)
from shared.events import (
    Event,
    LibraryTrack,
    ServerRemoved,
    TrackAnalysisFailed,
    TrackAnalyzed,
    TracksDiscovered,
    TracksRemoved,
)
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_STATE = {
    "content_version": "text",
    "status": "text",
    "analysed_content_version": "text",
    "failure_reason": "text",
    "failure_detail": "text",
    "failure_permanent": "boolean",
    "failed_content_version": "text",
    "removed": "boolean",
    "discovered_at": "timestamptz",
}
_DESCRIPTION = {
    "server_id": "uuid",
    "item_id": "text",
    "meta_version": "text",
    "title": "text",
    "artist": "text",
    "album": "text",
    "album_artist": "text",
    "genre": "text",
    "year": "int",
    "track_number": "int",
    "disc_number": "int",
    "duration_s": "real",
    "size_bytes": "bigint",
    "suffix": "text",
    "search": "text",
}
_ID = {"track_id": "uuid"}

_CREATE = """
CREATE TABLE tracks (
    track_id uuid PRIMARY KEY,
    server_id uuid NOT NULL,
    item_id text NOT NULL,
    content_version text NOT NULL,
    meta_version text NOT NULL,
    title text NOT NULL,
    artist text,
    album text,
    album_artist text,
    genre text,
    year int,
    track_number int,
    disc_number int,
    duration_s real,
    size_bytes bigint,
    suffix text,
    discovered_at timestamptz NOT NULL,
    removed boolean NOT NULL DEFAULT false,
    status text NOT NULL,
    failure_reason text,
    failure_detail text,
    failure_permanent boolean,
    failed_content_version text,
    analysed_content_version text,
    search text NOT NULL
) WITH (fillfactor = 80);
CREATE TABLE tracks_closed_servers (server_id uuid PRIMARY KEY)
"""
_SHELF = (
    "lower(coalesce(album_artist, artist, '')), lower(coalesce(album, '')), coalesce(disc_number, 0), "
    "coalesce(track_number, 0), lower(title), track_id"
)
"""The order in which the library is listed: by artist, album, disc and track."""
_LOAD = f"SELECT track_id, {', '.join(_STATE)} FROM tracks WHERE track_id = ANY($1::uuid[])"  # noqa: S608 - constants
_STORE = upsert("tracks", ["track_id"], _ID | _STATE | _DESCRIPTION)
_UPDATE = (
    f"UPDATE tracks SET {', '.join(f'{name} = new.{name}' for name in _STATE)}"  # noqa: S608 - constants
    f" FROM {source(_ID | _STATE)} WHERE tracks.track_id = new.track_id"
)
_LOAD_CLOSED = "SELECT server_id FROM tracks_closed_servers WHERE server_id = ANY($1::uuid[])"
_CLOSE = "INSERT INTO tracks_closed_servers (server_id) VALUES ($1) ON CONFLICT DO NOTHING"
_REMOVE = "UPDATE tracks SET removed = true WHERE server_id = $1 AND NOT removed"


@dataclass(slots=True)
class _Track:
    """The columns of ``_STATE``, and the newest description if it is to be stored."""

    content_version: str
    status: str
    discovered_at: datetime
    analysed_content_version: str | None = None
    failure_reason: str | None = None
    failure_detail: str | None = None
    failure_permanent: bool | None = None
    failed_content_version: str | None = None
    removed: bool = False
    described: tuple[UUID, LibraryTrack] | None = field(default=None, repr=False)
    changed: bool = False

    def forget_failure(self) -> None:
        self.failure_reason = self.failure_detail = self.failure_permanent = self.failed_content_version = None


Tracks = dict[UUID, _Track]


async def _apply(connection: Connection, events: Events) -> None:
    """The removal of a library touches rows no event names, so it is a statement of its own between two batches."""
    batch: list[Envelope[Any]] = []
    for event in events:
        if type(event.message) is ServerRemoved:
            await _apply_batch(connection, batch)
            batch = []
            await connection.execute(_CLOSE, event.message.server_id)
            await connection.execute(_REMOVE, event.message.server_id)
        else:
            batch.append(event)
    await _apply_batch(connection, batch)


async def _apply_batch(connection: Connection, events: Events) -> None:
    touched = list({track_id for event in events for track_id in _touched(event.message)})
    if not touched:
        return
    tracks: Tracks = {
        row["track_id"]: _Track(**{name: row[name] for name in _STATE})
        for row in await connection.fetch(_LOAD, touched)
    }
    closed = await _closed(connection, events)
    for event in events:
        if event.message.server_id not in closed:
            _FOLDS[type(event.message)](tracks, event)
    await _store(connection, tracks)


def _touched(message: Any) -> list[UUID]:
    kind = type(message)
    if kind is TracksDiscovered:
        return [track.track_id for track in message.tracks] + list(message.unchanged)
    return list(message.track_ids) if kind is TracksRemoved else [message.track_id]


async def _closed(connection: Connection, events: Events) -> set[UUID]:
    """Libraries of the batch that were removed: what is still said about them changes nothing."""
    named = list({event.message.server_id for event in events})
    return {row["server_id"] for row in await connection.fetch(_LOAD_CLOSED, named)}


def _discovered(tracks: Tracks, event: Envelope[Any]) -> None:
    message: TracksDiscovered = event.message
    for track in message.tracks:
        _describe(tracks, track, message.server_id, event.occurred_at)
    _set_removed(tracks, message.unchanged, removed=False)


def _removed(tracks: Tracks, event: Envelope[Any]) -> None:
    _set_removed(tracks, event.message.track_ids, removed=True)


def _describe(tracks: Tracks, track: LibraryTrack, server_id: UUID, when: datetime) -> None:
    content = text(track.content_version, None)
    row = tracks.get(track.track_id)
    if row is None:
        row = tracks[track.track_id] = _Track(content, "discovered", when)
    elif row.content_version != content:
        row.content_version = content
        row.status = "analysed" if row.analysed_content_version == content else "discovered"
        row.forget_failure()
    row.removed = False
    row.described = (server_id, track)
    row.changed = True


def _set_removed(tracks: Tracks, track_ids: tuple[UUID, ...], *, removed: bool) -> None:
    for track_id in track_ids:
        row = tracks.get(track_id)
        if row and row.removed != removed:
            row.removed = removed
            row.changed = True


def _analysed(tracks: Tracks, event: Envelope[Any]) -> None:
    row = tracks.get(event.message.track_id)
    if row is None:
        return
    content = text(event.message.content_version, None)
    row.analysed_content_version = content
    if content == row.content_version:
        row.status = "analysed"
        row.forget_failure()
    row.changed = True


def _failed(tracks: Tracks, event: Envelope[Any]) -> None:
    """A failure counts unless it is about bytes that were replaced meanwhile, or that were analysed before."""
    message: TrackAnalysisFailed = event.message
    row = tracks.get(message.track_id)
    if row is None:
        return
    content = row.content_version if message.content_version is None else text(message.content_version, None)
    if content == row.analysed_content_version or content != row.content_version:
        return
    row.status = "failed"
    row.failure_reason = text(message.reason)
    row.failure_detail = text(message.detail)
    row.failure_permanent = message.permanent
    row.failed_content_version = content
    row.changed = True


async def _store(connection: Connection, tracks: Tracks) -> None:
    changed = [(track_id, row) for track_id, row in tracks.items() if row.changed]
    described = [(track_id, *_state(row), *_description(*row.described)) for track_id, row in changed if row.described]
    others = [(track_id, *_state(row)) for track_id, row in changed if not row.described]
    if described:
        await connection.execute(_STORE, *arrays(described))
    if others:
        await connection.execute(_UPDATE, *arrays(others))


def _state(row: _Track) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in _STATE)


def _description(server_id: UUID, track: LibraryTrack) -> tuple[Any, ...]:
    """The values of ``_DESCRIPTION``."""
    return (
        server_id,
        text(track.item_id, None),
        text(track.meta_version, None),
        short(track.title),
        short_or_none(track.artist),
        short_or_none(track.album),
        short_or_none(track.album_artist),
        text_or_none(track.genre),
        whole(track.year),
        whole(track.track_number),
        whole(track.disc_number),
        real(track.duration_s),
        large(track.size_bytes),
        text_or_none(track.suffix),
        searchable(track.title, track.artist, track.album),
    )


def searchable(*parts: str | None) -> str:
    """What a search looks through: lower case, and once more without accents where there are any."""
    full = " ".join(short(part) for part in parts if part).lower()
    if full.isascii():
        return full
    bare = "".join(char for char in unicodedata.normalize("NFKD", full) if not unicodedata.combining(char))
    return full if bare == full else f"{full} {bare}"


_FOLDS: dict[type[Event], Callable[[Tracks, Envelope[Any]], None]] = {
    TracksDiscovered: _discovered,
    TracksRemoved: _removed,
    TrackAnalyzed: _analysed,
    TrackAnalysisFailed: _failed,
}

TRACKS = Projection(
    name="tracks",
    version=1,
    handles=frozenset([*_FOLDS, ServerRemoved]),
    tables=("tracks", "tracks_closed_servers"),
    create=_CREATE,
    apply=_apply,
    indexes=(
        "CREATE INDEX tracks_server ON tracks (server_id) WHERE NOT removed",
        f"CREATE INDEX tracks_shelf ON tracks ({_SHELF}) WHERE NOT removed",
        "CREATE INDEX tracks_search ON tracks USING gin (search {trigrams})",
    ),
)
