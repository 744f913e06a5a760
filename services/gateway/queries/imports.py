"""SELECTs for taking over what another program had found out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

LENGTH_TOLERANCE_S = 3.0

# The artist may be that of the track or of the album: other programs keep one name for both.
_BY_NAMES = """
SELECT w.place, min(t.track_id::text)::uuid AS track_id
  FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::float8[])
       AS w (place, title, artist, album, duration_s)
  JOIN tracks t ON lower(t.title) = lower(w.title) AND t.server_id = $1 AND NOT t.removed
   AND lower(w.artist) IN (lower(t.artist), lower(t.album_artist))
   AND (w.album IS NULL OR t.album IS NULL OR lower(t.album) = lower(w.album))
   AND (w.duration_s IS NULL OR t.duration_s IS NULL OR abs(t.duration_s - w.duration_s) <= $7)
 GROUP BY w.place HAVING count(*) = 1
"""


async def present(connection: Connection, server_id: UUID, track_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the tracks that the library has."""
    rows = await connection.fetch(
        "SELECT track_id FROM tracks WHERE track_id = ANY($2::uuid[]) AND server_id = $1 AND NOT removed",
        server_id,
        track_ids,
    )
    return {row["track_id"] for row in rows}


async def by_names(
    connection: Connection, server_id: UUID, wanted: Sequence[tuple[int, str, str, str | None, float | None]]
) -> dict[int, UUID]:
    """The only track of the library with this title, artist and, where both say one, album and length, for each
    ``(place, title, artist, album, duration_s)``; none where several fit."""
    rows = await connection.fetch(_BY_NAMES, server_id, *map(list, zip(*wanted, strict=True)), LENGTH_TOLERANCE_S)
    return {row["place"]: row["track_id"] for row in rows}


async def taken(connection: Connection, track_ids: Sequence[UUID]) -> dict[UUID, Record]:
    """What was taken over before: digest, source, source_item_id."""
    rows = await connection.fetch(
        "SELECT track_id, digest, source, source_item_id FROM track_imports WHERE track_id = ANY($1::uuid[])", track_ids
    )
    return {row["track_id"]: row for row in rows}
