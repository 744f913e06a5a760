"""A projector without a stream server: what it is told is handed to its follower as if it had been read."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current
from shared import postgres
from shared.events import Event
from shared.follower import Follower
from shared.settings import Settings
from shared.streams import LogEntry, Streams
from tests.integration.projector.history import entry

if TYPE_CHECKING:
    from shared.postgres import Connection


class Projecting:
    """A database with a projector at work. ``log`` is everything it was told."""

    def __init__(self, settings: Settings, streams: Streams, connection: Connection) -> None:
        self.settings = settings
        self.connection = connection
        self.log: list[LogEntry] = []
        self._follower = Follower("projector", settings, streams, Projector(settings))

    async def tell(self, *events: Event | tuple[Event, bytes | None]) -> int:
        """Let the projector see these events (with their blobs) in one batch. Returns the position of the last."""
        pairs = [event if isinstance(event, tuple) else (event, None) for event in events]
        first = len(self.log) + 1
        return await self.hand_over([entry(event, number, blob) for number, (event, blob) in enumerate(pairs, first)])

    async def hand_over(self, batch: Sequence[LogEntry]) -> int:
        """The same with entries."""
        self.log += batch
        await self._follower.step(self.connection, batch)
        return batch[-1].position

    async def feed(self, entries: Sequence[LogEntry], cut: random.Random) -> None:
        """Hand over ``entries`` in batches of random size."""
        start = 0
        while start < len(entries):
            size = cut.choice((1, 2, 7, 40, 200, 500))
            await self.hand_over(entries[start : start + size])
            start += size

    async def all(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows."""
        return [dict(row) for row in await self.connection.fetch(query, *arguments)]

    async def one(self, query: str, *arguments: object) -> dict[str, Any]:
        """The only row."""
        (row,) = await self.all(query, *arguments)
        return row

    async def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(await self.connection.fetchval(f"SELECT count(*) FROM {table}"))


@asynccontextmanager
async def projector_at_work(settings: Settings) -> AsyncIterator[Projecting]:
    """Tables, and somebody who fills them."""
    await ensure_current(settings, asyncio.Event())
    streams = Streams(settings)
    connection = await postgres.open_connection(settings)
    try:
        yield Projecting(settings, streams, connection)
    finally:
        connection.terminate()
        await streams.close()
