"""The analysed library as arrays: what a clustering reads of the read models.

Rows come through a server-side cursor and go straight into arrays that were allocated for them, so 100,000 tracks cost
about 250 MB and never a Python object per value while they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import numpy as np
import numpy.typing as npt

from shared import postgres
from shared.embedding import EMBEDDING_SIZE, SPACE, TAG_COUNT
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
ObjectArray = npt.NDArray[np.object_]
BytesArray = npt.NDArray[np.uint8]

KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
SCALES = ("", "minor", "major")
_CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Library:
    """``n`` analysed tracks in the order of their ids. All fields are arrays of length ``n``."""

    track_ids: ObjectArray
    """``UUID``."""
    server_id: ObjectArray
    """``UUID``."""
    audio_hash: ObjectArray
    """``str``; two tracks with the same one are the same recording, bit for bit."""
    title: ObjectArray
    """``str``, never empty of type, may be an empty string."""
    artist: ObjectArray
    """``str | None``, as in ``album`` and ``genre``."""
    album: ObjectArray
    genre: ObjectArray
    year: IntArray
    """0 is unknown."""
    duration_s: FloatArray
    """NaN is unknown, as in all floats below."""
    tempo_bpm: FloatArray
    energy: FloatArray
    """0..1."""
    brightness: FloatArray
    """0..1."""
    loudness: FloatArray
    """LUFS."""
    key: IntArray
    """0 (C) to 11 (B), -1 is unknown."""
    scale: IntArray
    """1 major, 0 minor, -1 unknown."""
    vectors: FloatArray
    """[n, 400], unit length."""
    tags: FloatArray
    """[n, 100], probabilities in the order of ``shared.embedding.TAGS``."""

    def __len__(self) -> int:
        return len(self.track_ids)

    def take(self, rows: npt.NDArray[Any]) -> Library:
        """The same with only ``rows`` (indices or a mask)."""
        return replace(self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Reading:
    """A library as it was read, and how many tracks of it cannot take part."""

    library: Library
    without_embedding: int
    unusable: int
    """Of those: analysed, but with an embedding that is not finite or has no direction."""


_FROM = """
  FROM tracks t
  JOIN track_analysis a ON a.track_id = t.track_id AND a.space = $1 AND a.tags IS NOT NULL
  JOIN track_vectors v ON v.track_id = t.track_id AND v.space = $1 AND NOT v.removed
 WHERE NOT t.removed AND (cardinality($2::uuid[]) = 0 OR t.server_id = ANY($2::uuid[]))
"""
_ROWS = f"""
SELECT t.track_id, t.server_id, a.audio_hash, t.title, t.artist, t.album, t.genre, t.year,
       coalesce(a.duration_s, t.duration_s) AS duration_s, a.tempo_bpm, a.energy, a.brightness, a.loudness_lufs,
       a.key, a.scale, v.vector, a.tags
{_FROM} ORDER BY t.track_id
"""
_COUNT = f"SELECT count(*) {_FROM}"
_TOTAL = """
SELECT count(*) FROM tracks t
 WHERE NOT t.removed AND (cardinality($1::uuid[]) = 0 OR t.server_id = ANY($1::uuid[]))
"""


async def read(settings: Settings, server_ids: Sequence[UUID]) -> Reading:
    """The analysed tracks of ``server_ids`` (none named: of all), as they are at one moment.

    Raises ``StoreUnavailable``, also while the projector has not created its tables.
    """
    connection = await postgres.open_connection(settings)
    try:
        async with postgres.translated_reading(), connection.transaction(isolation="repeatable_read", readonly=True):
            return await _read(connection, list(server_ids))
    finally:
        connection.terminate()


async def _read(connection: Connection, servers: list[UUID]) -> Reading:
    total: int = await connection.fetchval(_TOTAL, servers)
    count: int = await connection.fetchval(_COUNT, SPACE, servers)
    library = _empty(count)
    cursor = await connection.cursor(_ROWS, SPACE, servers)
    words: dict[str, str] = {}
    start = 0
    while rows := await cursor.fetch(_CHUNK):
        _fill(library, start, rows, words)
        start += len(rows)
    usable = _made_unit(library)
    if not usable.all():
        library = library.take(usable)
    return Reading(library, total - len(library), count - len(library))


def _empty(count: int) -> Library:
    def objects() -> ObjectArray:
        return np.empty(count, np.object_)

    def floats() -> FloatArray:
        return np.full(count, np.nan, np.float32)

    def integers(unknown: int) -> IntArray:
        return np.full(count, unknown, np.int32)

    return Library(
        track_ids=objects(),
        server_id=objects(),
        audio_hash=objects(),
        title=objects(),
        artist=objects(),
        album=objects(),
        genre=objects(),
        year=integers(0),
        duration_s=floats(),
        tempo_bpm=floats(),
        energy=floats(),
        brightness=floats(),
        loudness=floats(),
        key=integers(-1),
        scale=integers(-1),
        vectors=np.zeros((count, EMBEDDING_SIZE), np.float32),
        tags=np.zeros((count, TAG_COUNT), np.float32),
    )


def _fill(library: Library, start: int, rows: Sequence[asyncpg.Record], words: dict[str, str]) -> None:
    """Rows into the arrays from ``start``. Equal words are kept once: a library has few artists and fewer genres."""
    stop = start + len(rows)
    for name in ("track_ids", "server_id"):
        column = "track_id" if name == "track_ids" else name
        getattr(library, name)[start:stop] = [UUID(bytes=row[column].bytes) for row in rows]
    library.title[start:stop] = [row["title"] for row in rows]
    for name in ("audio_hash", "artist", "album", "genre"):
        values = [row[name] for row in rows]
        getattr(library, name)[start:stop] = [
            None if value is None else words.setdefault(value, value) for value in values
        ]
    library.year[start:stop] = [row["year"] or 0 for row in rows]
    for name in ("duration_s", "tempo_bpm", "energy", "brightness"):
        getattr(library, name)[start:stop] = _numbers(rows, name)
    library.loudness[start:stop] = _numbers(rows, "loudness_lufs")
    library.key[start:stop] = [KEYS.index(row["key"]) if row["key"] in KEYS else -1 for row in rows]
    library.scale[start:stop] = [SCALES.index(row["scale"]) - 1 if row["scale"] in SCALES else -1 for row in rows]
    library.vectors[start:stop] = _halves(rows, "vector", EMBEDDING_SIZE)
    library.tags[start:stop] = _halves(rows, "tags", TAG_COUNT)


def _numbers(rows: Sequence[asyncpg.Record], name: str) -> list[float]:
    return [np.nan if row[name] is None else row[name] for row in rows]


def _halves(rows: Sequence[asyncpg.Record], name: str, size: int) -> FloatArray:
    """Half floats of all rows [rows, size]; one of another length becomes NaN, and its track is left out."""
    broken = np.full(size, np.nan, "<f2").tobytes()
    joined = b"".join(row[name] if len(row[name]) == 2 * size else broken for row in rows)
    return np.frombuffer(joined, "<f2").reshape(len(rows), size).astype(np.float32)


def _made_unit(library: Library) -> npt.NDArray[np.bool_]:
    """Bring the vectors to unit length in place; which tracks can be used (a mask)."""
    norms = np.sqrt(np.einsum("ij,ij->i", library.vectors, library.vectors))
    usable = np.isfinite(norms) & (norms > 1e-6) & np.isfinite(library.tags).all(axis=1)
    library.vectors[usable] /= norms[usable, None]
    return np.asarray(usable, np.bool_)
