"""A projector without a stream server: batches are handed to its follower as if they had been read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current
from shared import postgres
from shared.follower import Follower
from shared.settings import Settings
from shared.streams import LogEntry, Streams

if TYPE_CHECKING:
    from shared.postgres import Connection


@asynccontextmanager
async def projector_at_work(settings: Settings) -> AsyncIterator[tuple[Follower, Connection]]:
    """Tables, and a follower with the connection it works on."""
    await ensure_current(settings, asyncio.Event())
    streams = Streams(settings)
    connection = await postgres.open_connection(settings)
    try:
        yield Follower("projector", settings, streams, Projector(settings)), connection
    finally:
        connection.terminate()
        await streams.close()


async def feed(
    follower: Follower, connection: Connection, entries: Sequence[LogEntry], cut: random.Random | None = None
) -> None:
    """Hand over ``entries`` in batches of random size, or all at once."""
    start = 0
    while start < len(entries):
        size = cut.choice((1, 2, 7, 40, 200, 500)) if cut else len(entries)
        await follower.step(connection, entries[start : start + size])
        start += size


async def rows(connection: Connection, table: str) -> int:
    """How many rows a table has."""
    return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
