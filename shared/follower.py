"""The ordered reader behind projector and coordinator.

It reads the event log in order, alone, and keeps its position in PostgreSQL in the same transaction as the rows it
derives. A second process of the same name stands by until the first one's connection is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from shared import positions, postgres, telemetry
from shared.errors import StoreUnavailable
from shared.events import EVENTS
from shared.messages import Envelope
from shared.pausing import pause
from shared.settings import Settings
from shared.streams import LogEntry, Streams
from shared.upcasts import UnknownMessage, read

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

FOLLOWERS = ("projector", "coordinator")
"""Everybody whose position the trimming of the log rests on."""

POSITIONS_TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.follower_positions (
    name text PRIMARY KEY,
    position bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
)
"""


class Reaction(Protocol):
    """What a follower does with a batch."""

    async def apply(self, connection: Connection, batch: Sequence[LogEntry]) -> None:
        """Write rows in the transaction of ``connection``; must not depend on anything but the batch and rows."""
        ...

    async def committed(self, position: int) -> None:
        """Called after the commit; may be repeated after a crash."""
        ...


Archive = Callable[[Any, int, int], Awaitable[list[LogEntry]]]
"""``(connection, after, most)`` -> archived entries behind a position, for what was trimmed from the log."""


def parse(batch: Sequence[LogEntry]) -> list[Envelope[Any]]:
    """The batch as messages. An event this release cannot read is left out and logged: it stays in the archive."""
    parsed = []
    for entry in batch:
        try:
            parsed.append(read(EVENTS, entry.raw, entry.position))
        except (UnknownMessage, ValueError) as error:
            log.error(
                "event_unreadable",
                position=positions.text(entry.position),
                type=entry.raw.type,
                error=type(error).__name__,
            )
    return parsed


async def take_place(connection: Connection, settings: Settings, name: str) -> bool:
    """Become the one active follower of this name for as long as ``connection`` lives; False while there is one."""
    lock = f"{settings.tenant}:{name}"
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", lock))


class Follower:
    """Runs one ``Reaction`` under ``name`` until it is told to stop."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        streams: Streams,
        reaction: Reaction,
        *,
        archive: Archive | None = None,
        most: int = 500,
    ) -> None:
        self.name = name
        self.position = positions.START
        self.active = False
        self._settings = settings
        self._streams = streams
        self._reaction = reaction
        self._archive = archive
        self._most = most

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until ``stop`` is set; outages of either store are waited out."""
        shown = telemetry.FOLLOWER_ACTIVE.labels(self.name)
        shown.set(0)
        while not stop.is_set():
            try:
                await self._session(stop)
            except StoreUnavailable as error:
                log.warning("follower_waits_for_store", follower=self.name, error=error.detail)
                await pause(stop, 0.5)
            finally:
                self.active = False
                shown.set(0)

    async def _session(self, stop: asyncio.Event) -> None:
        """As long as one connection lives: the advisory lock is the connection's, so it cannot outlive it."""
        connection = await postgres.open_connection(self._settings)
        try:
            async with postgres.translated():
                if not await self._become_active(connection, stop):
                    return
                self.position = await self._load(connection)
                log.info("follower_active", follower=self.name, position=positions.text(self.position))
                await self._catch_up(connection, stop)
                while not stop.is_set():
                    await self.step(connection, await self._streams.log.read(self.position, self._most))
        finally:
            connection.terminate()

    async def _become_active(self, connection: Connection, stop: asyncio.Event) -> bool:
        while not stop.is_set():
            if await take_place(connection, self._settings, self.name):
                self.active = True
                telemetry.FOLLOWER_ACTIVE.labels(self.name).set(1)
                return True
            await pause(stop, 0.5)
        return False

    async def _load(self, connection: Connection) -> int:
        found = await connection.fetchval("SELECT position FROM follower_positions WHERE name = $1", self.name)
        return int(found) if found is not None else positions.START

    async def _catch_up(self, connection: Connection, stop: asyncio.Event) -> None:
        """What was trimmed from the log is in the archive; the tail of the log follows it."""
        if self._archive is None:
            return
        while not stop.is_set():
            oldest = await self._streams.log.first()
            if oldest is not None and oldest <= self.position:
                return
            batch = await self._archive(connection, self.position, self._most)
            if not batch:
                return
            await self.step(connection, batch)

    async def step(self, connection: Connection, batch: Sequence[LogEntry]) -> None:
        """Commit one batch: rows and position together."""
        if not batch:
            await self._reaction.committed(self.position)
            return
        last = batch[-1].position
        async with connection.transaction():
            await self.lock_position(connection)
            await self._reaction.apply(connection, batch)
            await connection.execute(
                "UPDATE follower_positions SET position = $2, updated_at = now() WHERE name = $1", self.name, last
            )
        self.position = last
        telemetry.events_applied(self.name, len(batch), positions.milliseconds(last) / 1000)
        await self._streams.log.confirm(self.name, last)
        await self._reaction.committed(last)

    async def lock_position(self, connection: Connection) -> None:
        """Take the row of this follower first, so that a rebuild that swaps tables can hold the follower off."""
        await connection.execute(
            "INSERT INTO follower_positions (name, position) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            self.name,
            positions.START,
        )
        await connection.execute("SELECT 1 FROM follower_positions WHERE name = $1 FOR UPDATE", self.name)
