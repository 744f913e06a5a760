"""Proof that the read models are what the archive says: build them once more and compare row for row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.projector import schema
from services.projector.replay import Progress, Replay
from shared import positions, postgres
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

_SHOWN = 3
_LONGEST_ROW = 300
_POSITION = "SELECT position FROM follower_positions WHERE name = 'projector'"


async def compare(settings: Settings, on_progress: Progress | None = None) -> list[str]:
    """Differences between the live read models and a rebuild up to the same position, as sentences; empty when there
    are none. The projector may go on meanwhile. Raises ``Conflict`` while a rebuild is at work."""
    async with postgres.translated(), Replay(settings, "check", on_progress) as replay:
        live = await postgres.open_connection(settings)
        try:
            if not await schema.is_current(live, settings.read_schema):
                return ["the read models are missing, or were made by another release; run: starling replay"]
            # One snapshot for position and rows: they belong together whatever the projector commits meanwhile.
            async with live.transaction(isolation="repeatable_read", readonly=True):
                position = await live.fetchval(_POSITION)
                await replay.run(positions.START if position is None else position)
                return [line for table in schema.TABLES for line in await _differences(table, live, replay.writer)]
        finally:
            live.terminate()


async def _differences(table: str, live: Connection, rebuilt: Connection) -> list[str]:
    if await _fingerprint(table, live) == await _fingerprint(table, rebuilt):
        return []
    live_rows, rebuilt_rows = await _hashes(table, live), await _hashes(table, rebuilt)
    lines = [f"{table}: {sum(live_rows.values())} rows live, {sum(rebuilt_rows.values())} rebuilt"]
    for label, here, there, connection in (
        ("only live", live_rows, rebuilt_rows, live),
        ("only rebuilt", rebuilt_rows, live_rows, rebuilt),
    ):
        odd = [row for row, count in here.items() if there.get(row, 0) != count]
        lines += [f"{table}, {label}: {text[:_LONGEST_ROW]}" for text in await _texts(table, connection, odd[:_SHOWN])]
    return lines


# The table names in these statements are constants of the projections.
async def _fingerprint(table: str, connection: Connection) -> tuple[int, int]:
    """Number of rows, and a sum of hashes that does not depend on their order."""
    rows = await connection.fetch(
        f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {table} t"  # noqa: S608
    )
    return int(rows[0][0]), int(rows[0][1])


async def _hashes(table: str, connection: Connection) -> dict[str, int]:
    rows = await connection.fetch(f"SELECT md5(t::text), count(*) FROM {table} t GROUP BY 1")  # noqa: S608
    return {row[0]: row[1] for row in rows}


async def _texts(table: str, connection: Connection, hashes: list[str]) -> list[str]:
    rows = await connection.fetch(f"SELECT t::text FROM {table} t WHERE md5(t::text) = ANY($1)", hashes)  # noqa: S608
    return [row[0] for row in rows]
