"""Where the projector is, and whether there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared import positions

if TYPE_CHECKING:
    from shared.postgres import Connection


async def projected(connection: Connection) -> int:
    """Position up to which rows can be read."""
    found = await connection.fetchval("SELECT position FROM follower_positions WHERE name = 'projector'")
    return int(found) if found is not None else positions.START


# The lock of shared.follower: a bigint shows as two halves in pg_locks.
_AT_WORK = """
SELECT EXISTS (SELECT 1 FROM pg_locks
                WHERE locktype = 'advisory' AND granted AND objsubid = 1
                  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                  AND (classid::bigint << 32 | objid::bigint) = hashtextextended($1, 0)) AS held,
       EXISTS (SELECT 1 FROM follower_positions
                WHERE name = 'projector' AND (position >= $2 OR updated_at > now() - interval '30 seconds')) AS moving
"""


async def projector_works(connection: Connection, tenant: str, last: int) -> bool:
    """Whether a projector is active and has either read everything up to ``last`` or moved lately."""
    row = await connection.fetchrow(_AT_WORK, f"{tenant}:projector", last)
    return row is not None and bool(row["held"]) and (last == positions.START or bool(row["moving"]))
