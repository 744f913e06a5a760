"""SELECTs on tracks and their analyses."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

MOST_WORDS = 8

_COLUMNS = """
       t.track_id, t.server_id, t.item_id, t.title, t.artist, t.album, t.album_artist, t.genre, t.year, t.track_number,
       t.disc_number, t.duration_s, t.suffix, t.status, t.failure_reason, t.failure_detail,
       a.profile, a.feature_version, a.analysed_at, a.duration_s AS heard_s, a.tempo_bpm, a.tempo_confidence, a.key,
       a.scale, a.key_confidence, a.tuning_cents, a.loudness_lufs, a.energy, a.brightness, a.silence_s, a.silent,
       a.patches, a.decoder, a.audio_hash, a.tags, t.removed,
       i.source AS import_source, i.imported_at, i.tempo_bpm AS import_tempo_bpm, i.key AS import_key,
       i.scale AS import_scale, i.energy_rms AS import_energy_rms, i.tags AS import_tags"""

_SOUNDS = "LEFT JOIN track_analysis a USING (track_id) LEFT JOIN track_imports i USING (track_id)"
"""What Starling heard itself, and what another program had heard."""

# As on a shelf: artist, album, disc, track. No part is ever NULL, so that rows can be compared as a whole; the table
# has an index on just these expressions.
_SHELF = (
    "lower(coalesce(t.album_artist, t.artist, '')), lower(coalesce(t.album, '')), coalesce(t.disc_number, 0), "
    "coalesce(t.track_number, 0), lower(t.title), t.track_id"
)
_PLACE = f"SELECT {_SHELF} FROM tracks t WHERE t.track_id ="  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tracks. ``words`` must all occur in title, artist or album."""

    words: tuple[str, ...] = ()
    server_id: UUID | None = None
    status: str | None = None

    def condition(self) -> tuple[str, list[Any]]:
        """A WHERE clause on ``tracks t`` with its arguments, numbered from $1."""
        parts, arguments = ["NOT t.removed"], list[Any]()
        for column, operator, value in (
            *(("t.search", "LIKE", f"%{_escaped(word)}%") for word in self.words),
            ("t.server_id", "=", self.server_id),
            ("t.status", "=", self.status),
        ):
            if value is not None:
                arguments.append(value)
                parts.append(f"{column} {operator} ${len(arguments)}")
        return " AND ".join(parts), arguments


def words_of(query: str | None) -> tuple[str, ...]:
    """Lower case and without accents, as the search column also holds them."""
    bare = unicodedata.normalize("NFKD", (query or "").replace("\x00", "").lower())
    text = "".join(character for character in bare if not unicodedata.combining(character))
    return tuple(dict.fromkeys(text.split()))[:MOST_WORDS]


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def page(connection: Connection, wanted: Wanted, behind: UUID | None, most: int) -> list[Record]:
    """Tracks behind another one on the shelf, in order."""
    condition, arguments = wanted.condition()
    if behind is not None:
        arguments.append(behind)
        condition += f" AND ({_SHELF}) > ({_PLACE} ${len(arguments)})"
    # The page is cut from the bare table first; analyses are only looked up for what is on it.
    statement = f"""
        SELECT {_COLUMNS} FROM (
            SELECT * FROM tracks t WHERE {condition} ORDER BY {_SHELF} LIMIT ${len(arguments) + 1}
        ) t {_SOUNDS} ORDER BY {_SHELF}"""  # noqa: S608 - constants and $n only
    return await connection.fetch(statement, *arguments, most)


async def count(connection: Connection, wanted: Wanted) -> int:
    """How many there are."""
    condition, arguments = wanted.condition()
    return int(await connection.fetchval(f"SELECT count(*) FROM tracks t WHERE {condition}", *arguments))  # noqa: S608


_MANY = f"""
SELECT {_COLUMNS} FROM tracks t {_SOUNDS}
 WHERE t.track_id = ANY($1::uuid[]) AND (NOT t.removed OR $2)
"""  # noqa: S608 - constants


async def many(connection: Connection, track_ids: Sequence[UUID], *, gone: bool = False) -> dict[UUID, Record]:
    """Those of the tracks that are there; with ``gone`` also those that were."""
    return {row["track_id"]: row for row in await connection.fetch(_MANY, track_ids, gone)}


async def one(connection: Connection, track_id: UUID) -> Record | None:
    """One track."""
    return (await many(connection, [track_id])).get(track_id)


_ANALYSED_SINCE = f"""
SELECT a.position, {_COLUMNS} FROM track_analysis a JOIN tracks t USING (track_id)
  LEFT JOIN track_imports i USING (track_id)
 WHERE a.position > $1 AND a.position <= $2 AND NOT t.removed ORDER BY a.position DESC LIMIT $3
"""  # noqa: S608 - constants


async def analysed_between(connection: Connection, after: int, until: int, most: int) -> list[Record]:
    """The newest analyses of a stretch of the log, newest first."""
    return await connection.fetch(_ANALYSED_SINCE, after, until, most)


async def count_analysed_between(connection: Connection, after: int, until: int) -> int:
    """How many analyses there are in a stretch of the log."""
    return int(
        await connection.fetchval(
            "SELECT count(*) FROM track_analysis WHERE position > $1 AND position <= $2", after, until
        )
    )


async def totals(connection: Connection) -> Record:
    """``total``, ``analysed`` and ``failed`` over all libraries."""
    row = await connection.fetchrow(
        "SELECT count(*) AS total, count(*) FILTER (WHERE status = 'analysed') AS analysed,"
        " count(*) FILTER (WHERE status = 'failed') AS failed FROM tracks WHERE NOT removed"
    )
    assert row is not None
    return row


async def titles(connection: Connection, track_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Titles of tracks, removed ones too."""
    rows = await connection.fetch("SELECT track_id, title FROM tracks WHERE track_id = ANY($1::uuid[])", track_ids)
    return {row["track_id"]: row["title"] for row in rows}


async def plays(connection: Connection, track_id: UUID) -> Record | None:
    """How often a track was played: play_count, last_played_at, rating, favourite, imported_at."""
    return await connection.fetchrow(
        "SELECT play_count, last_played_at, rating, favourite, imported_at FROM track_plays WHERE track_id = $1",
        track_id,
    )
