"""SELECTs on libraries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import UUID

from services.gateway.models.servers import Server

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

_LIST = """
SELECT s.server_id, s.server_type, s.name, s.path, s.url, s.username, s.login, s.libraries,
       s.added_at, s.last_scan_at, s.last_scan_problem,
       coalesce(c.tracks, 0) AS track_count, coalesce(c.analysed, 0) AS analysed_count
  FROM servers s
  LEFT JOIN (SELECT server_id, count(*) AS tracks, count(*) FILTER (WHERE status = 'analysed') AS analysed
               FROM tracks WHERE NOT removed GROUP BY server_id) c USING (server_id)
 WHERE NOT s.removed
 ORDER BY s.added_at, s.server_id
"""

_ONE = """
SELECT s.server_id, s.server_type, s.name, s.path, s.url, s.username, s.login, s.libraries,
       s.added_at, s.last_scan_at, s.last_scan_problem,
       (SELECT count(*) FROM tracks t WHERE t.server_id = s.server_id AND NOT t.removed) AS track_count,
       (SELECT count(*) FROM tracks t
         WHERE t.server_id = s.server_id AND NOT t.removed AND t.status = 'analysed') AS analysed_count
  FROM servers s WHERE s.server_id = $1 AND NOT s.removed
"""


async def listed(connection: Connection) -> list[Server]:
    """All libraries, oldest first."""
    return [_server(row) for row in await connection.fetch(_LIST)]


async def one(connection: Connection, server_id: UUID) -> Server | None:
    """One library, None if there is none (any more)."""
    row = await connection.fetchrow(_ONE, server_id)
    return _server(row) if row else None


async def ids(connection: Connection) -> list[UUID]:
    """All libraries, oldest first."""
    rows = await connection.fetch("SELECT server_id FROM servers WHERE NOT removed ORDER BY added_at, server_id")
    return [row["server_id"] for row in rows]


async def names(connection: Connection) -> list[Record]:
    """All libraries, oldest first: server_id, name."""
    return await connection.fetch("SELECT server_id, name FROM servers WHERE NOT removed ORDER BY added_at, server_id")


async def address(connection: Connection, server_id: UUID) -> Record | None:
    """How to reach a library."""
    return await connection.fetchrow(
        "SELECT server_id, server_type, name, path, url, username, secret_id, login, libraries, version FROM servers"
        " WHERE server_id = $1 AND NOT removed",
        server_id,
    )


async def addresses(connection: Connection) -> list[Record]:
    """Every library there ever was: server_id, removed, server_type, path, url, username."""
    return await connection.fetch("SELECT server_id, removed, server_type, path, url, username FROM servers")


def _server(row: Record) -> Server:
    return Server(
        id=row["server_id"],
        type=row["server_type"],
        name=row["name"],
        path=row["path"],
        url=row["url"],
        username=row["username"],
        login=row["login"],
        libraries=json.loads(row["libraries"]) if row["libraries"] else None,
        added_at=row["added_at"],
        track_count=row["track_count"],
        analysed_count=row["analysed_count"],
        last_scan_at=row["last_scan_at"],
        last_scan_problem=row["last_scan_problem"],
    )
