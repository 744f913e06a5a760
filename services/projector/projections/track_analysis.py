"""``track_analysis``: how a track sounds, the newest analysis of each.

``tag_stats``: per tag the number of analysed tracks, the sum of their probabilities and the sum of the squares, from
which readers make z-scores. Probabilities are rounded to 1/16384 first: then every sum is exact in a double up to 33
million tracks, and the same in whatever order it was made. What was analysed once counts until it is analysed anew,
whether its library is still connected or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from services.projector.projections.base import (
    Events,
    Projection,
    arrays,
    place,
    real,
    text,
    text_or_none,
    upsert,
    whole,
)
from shared.embedding import EMBEDDING_SIZE, TAG_COUNT
from shared.events import TrackAnalyzed
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

_COLUMNS = {
    "track_id": "uuid",
    "server_id": "uuid",
    "content_version": "text",
    "profile": "text",
    "feature_version": "int",
    "space": "text",
    "audio_hash": "text",
    "duration_s": "real",
    "tempo_bpm": "real",
    "tempo_confidence": "real",
    "key": "text",
    "scale": "text",
    "key_confidence": "real",
    "tuning_cents": "real",
    "loudness_lufs": "real",
    "energy": "real",
    "brightness": "real",
    "silence_s": "real",
    "silent": "boolean",
    "patches": "int",
    "decoder": "text",
    "tags": "bytea",
    "analysed_at": "timestamptz",
    "run_id": "uuid",
    "position": "bigint",
}
_CREATE = """
CREATE TABLE track_analysis (
    track_id uuid PRIMARY KEY,
    server_id uuid NOT NULL,
    content_version text NOT NULL,
    profile text NOT NULL,
    feature_version int,
    space text NOT NULL,
    audio_hash text NOT NULL,
    duration_s real,
    tempo_bpm real,
    tempo_confidence real,
    key text,
    scale text,
    key_confidence real,
    tuning_cents real,
    loudness_lufs real,
    energy real,
    brightness real,
    silence_s real,
    silent boolean NOT NULL,
    patches int,
    decoder text NOT NULL,
    tags bytea,
    analysed_at timestamptz NOT NULL,
    run_id uuid NOT NULL,
    position bigint NOT NULL
);
CREATE TABLE tag_stats (
    tag smallint PRIMARY KEY,
    n bigint NOT NULL,
    total double precision NOT NULL,
    squares double precision NOT NULL
)
"""
_STORE = upsert("track_analysis", ["track_id"], _COLUMNS)
_OLD_TAGS = "SELECT tags FROM track_analysis WHERE track_id = ANY($1::uuid[]) AND tags IS NOT NULL"
_COUNT = """
INSERT INTO tag_stats AS s (tag, n, total, squares)
SELECT new.tag, $2, new.total, new.squares
  FROM unnest($1::smallint[], $3::float8[], $4::float8[]) AS new (tag, total, squares)
ON CONFLICT (tag) DO UPDATE
   SET n = s.n + excluded.n, total = s.total + excluded.total, squares = s.squares + excluded.squares
"""
_QUANTUM = 16384
_TAG_BYTES = slice(2 * EMBEDDING_SIZE, 2 * (EMBEDDING_SIZE + TAG_COUNT))

Sums = npt.NDArray[np.float64]


async def _apply(connection: Connection, events: Events) -> None:
    newest: dict[UUID, Envelope[Any]] = {event.message.track_id: event for event in events}
    tags = _tags([event.blob for event in newest.values()])
    old = [row["tags"] for row in await connection.fetch(_OLD_TAGS, list(newest))]
    await _count_tags(connection, [item for item in tags if item], old)
    rows = [_row(event, item) for event, item in zip(newest.values(), tags, strict=True)]
    await connection.execute(_STORE, *arrays(rows))


def _row(event: Envelope[Any], tags: bytes | None) -> tuple[Any, ...]:
    """The values of ``_COLUMNS``."""
    message: TrackAnalyzed = event.message
    return (
        message.track_id,
        message.server_id,
        text(message.content_version, None),
        message.profile,
        whole(message.feature_version),
        text(message.space, None),
        text(message.audio_hash),
        real(message.duration_s),
        real(message.tempo_bpm),
        real(message.tempo_confidence),
        text_or_none(message.key),
        message.scale,
        real(message.key_confidence),
        real(message.tuning_cents),
        real(message.loudness_lufs),
        real(message.energy),
        real(message.brightness),
        real(message.silence_s),
        message.silent,
        whole(message.patches),
        text(message.decoder),
        tags,
        event.occurred_at,
        message.run_id,
        place(event),
    )


def _tags(blobs: list[bytes | None]) -> list[bytes | None]:
    """For each blob its 100 half floats, or None when it has no proper ones."""
    whole_blobs = [blob if blob is not None and len(blob) == _TAG_BYTES.stop else None for blob in blobs]
    tags = [blob[_TAG_BYTES] if blob else bytes(2 * TAG_COUNT) for blob in whole_blobs]
    finite = np.isfinite(np.frombuffer(b"".join(tags), "<f2").reshape(-1, TAG_COUNT)).all(axis=1).tolist()
    return [item if blob and good else None for item, blob, good in zip(tags, whole_blobs, finite, strict=True)]


async def _count_tags(connection: Connection, new: list[bytes], old: list[bytes]) -> None:
    """Add what is new to the sums, and take away what it replaces."""
    if not (new or old):
        return
    total, squares = (np.subtract(*pair) for pair in zip(_sums(new), _sums(old), strict=True))
    await connection.execute(_COUNT, range(TAG_COUNT), len(new) - len(old), total.tolist(), squares.tolist())


def _sums(rows: list[bytes]) -> tuple[Sums, Sums]:
    """Sum and sum of squares per tag, both multiples of a power of two, hence exact."""
    probabilities = np.frombuffer(b"".join(rows), "<f2").astype(np.float64).reshape(-1, TAG_COUNT)
    rounded = np.rint(probabilities * _QUANTUM) / _QUANTUM
    return rounded.sum(axis=0), np.square(rounded).sum(axis=0)


TRACK_ANALYSIS = Projection(
    name="track_analysis",
    version=1,
    handles=frozenset([TrackAnalyzed]),
    tables=("track_analysis", "tag_stats"),
    create=_CREATE,
    apply=_apply,
    indexes=("CREATE INDEX track_analysis_newest ON track_analysis (position)",),
)
