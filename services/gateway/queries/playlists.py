"""SELECTs on playlists, their versions and their links."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_COLUMNS = """
       p.playlist_id, p.name, lower(p.name) AS shelf, p.version, p.recipe, p.seed, p.track_ids, p.pinned,
       p.excluded, p.excluded_artists,
       p.locked, p.deleted, p.action, p.run_id, p.created_at, p.changed_at, p.position,
       (SELECT coalesce(sum(t.duration_s), 0) FROM unnest(p.track_ids) AS id JOIN tracks t ON t.track_id = id)
       AS duration_s"""
_PAGE = f"""
SELECT {_COLUMNS} FROM playlists p
 WHERE p.deleted = $1 AND ($2::text IS NULL OR (lower(p.name), p.playlist_id) > ($2, $3::uuid))
 ORDER BY lower(p.name), p.playlist_id LIMIT $4
"""  # noqa: S608 - constants
_SOME = f"""
SELECT {_COLUMNS} FROM playlists p
 WHERE NOT p.deleted AND ($1::uuid[] IS NULL OR p.playlist_id = ANY($1))
 ORDER BY lower(p.name), p.playlist_id
"""  # noqa: S608 - constants
_LINKS = """
SELECT l.playlist_id, l.server_id, s.name AS server_name, s.server_type, l.account, l.remote_id, l.remote_name,
       l.number, l.state, l.written, l.missing, l.reason, l.detail, l.restored, l.synced_at, l.at
  FROM playlist_links l JOIN servers s USING (server_id)
 WHERE l.playlist_id = ANY($1::uuid[]) AND NOT s.removed
 ORDER BY l.playlist_id, s.added_at, l.server_id, l.account
"""


async def page(
    connection: Connection, behind: tuple[str, UUID] | None, most: int, *, deleted: bool = False
) -> list[Record]:
    """Playlists behind a place (name in lower case, id), by name."""
    return await connection.fetch(_PAGE, deleted, *(behind or (None, None)), most)


async def one(connection: Connection, playlist_id: UUID) -> Record | None:
    """One playlist, a deleted one too."""
    return await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM playlists p WHERE p.playlist_id = $1",  # noqa: S608 - constants
        playlist_id,
    )


async def some(connection: Connection, playlist_ids: Sequence[UUID] | None = None) -> list[Record]:
    """These playlists, or all, without the deleted ones; by name."""
    return await connection.fetch(_SOME, playlist_ids)


async def of_clusterings(connection: Connection) -> list[Record]:
    """Playlists that clusterings made: playlist_id, recipe, track_ids, in the order of their ids."""
    return await connection.fetch(
        "SELECT playlist_id, recipe, track_ids FROM playlists WHERE NOT deleted AND recipe->>'kind' = 'cluster'"
        " ORDER BY playlist_id"
    )


_CHANGED = """
SELECT playlist_id, version, changed_at, deleted FROM playlists
 WHERE position > $1 OR playlist_id IN (SELECT playlist_id FROM playlist_links WHERE position > $1)
 ORDER BY position DESC LIMIT $2
"""


async def changed(connection: Connection, after: int, most: int) -> list[Record]:
    """What changed after a place in the log, its links too: playlist_id, version, changed_at, deleted; newest first."""
    return await connection.fetch(_CHANGED, after, most)


async def links(connection: Connection, playlist_ids: Sequence[UUID]) -> list[Record]:
    """Where playlists stand on the servers there are."""
    return await connection.fetch(_LINKS, playlist_ids)


async def versions(connection: Connection, playlist_id: UUID) -> list[Record]:
    """All versions, newest first."""
    return await connection.fetch(
        "SELECT version, action, name, at, cardinality(track_ids) AS track_count, added, removed, locked, restored,"
        " run_id FROM playlist_versions WHERE playlist_id = $1 ORDER BY version DESC",
        playlist_id,
    )


async def version(connection: Connection, playlist_id: UUID, number: int) -> Record | None:
    """One version, whole."""
    return await connection.fetchrow(
        "SELECT version, name, recipe, seed, track_ids, pinned, excluded, excluded_artists, locked, deleted, action,"
        " run_id, position FROM playlist_versions WHERE playlist_id = $1 AND version = $2",
        playlist_id,
        number,
    )


async def held(connection: Connection, pairs: Sequence[tuple[UUID, int]]) -> dict[tuple[UUID, int], list[UUID]]:
    """The tracks of versions that servers hold."""
    rows = await connection.fetch(
        "SELECT v.playlist_id, v.version, v.track_ids FROM playlist_versions v"
        " JOIN unnest($1::uuid[], $2::int[]) AS w (playlist_id, version) USING (playlist_id, version)",
        [playlist_id for playlist_id, _ in pairs],
        [number for _, number in pairs],
    )
    return {(row["playlist_id"], row["version"]): row["track_ids"] for row in rows}


async def artists(connection: Connection, track_ids: Sequence[UUID]) -> dict[UUID, str]:
    """Who made these tracks."""
    rows = await connection.fetch(
        "SELECT track_id, artist FROM tracks WHERE track_id = ANY($1::uuid[]) AND artist IS NOT NULL", track_ids
    )
    return {row["track_id"]: row["artist"] for row in rows}


async def items(connection: Connection, track_ids: Sequence[UUID]) -> list[Record]:
    """What a file says of tracks, removed ones too."""
    return await connection.fetch(
        "SELECT t.track_id, t.item_id, t.title, t.artist, t.album, t.duration_s, s.server_type"
        " FROM tracks t JOIN servers s USING (server_id) WHERE t.track_id = ANY($1::uuid[])",
        track_ids,
    )


async def findable(connection: Connection) -> list[Record]:
    """All tracks, the first library first: track_id, item_id, title, artist, album, duration_s."""
    return await connection.fetch(
        "SELECT t.track_id, t.item_id, t.title, t.artist, t.album, t.duration_s"
        " FROM tracks t JOIN servers s USING (server_id) WHERE NOT t.removed"
        " ORDER BY s.added_at, s.server_id, t.item_id"
    )


async def unknown(connection: Connection, track_ids: Sequence[UUID]) -> list[UUID]:
    """Those of the tracks that no library has."""
    rows = await connection.fetch(
        "SELECT id FROM unnest($1::uuid[]) AS id"
        " WHERE NOT EXISTS (SELECT 1 FROM tracks t WHERE t.track_id = id AND NOT t.removed)",
        track_ids,
    )
    return [row["id"] for row in rows]
