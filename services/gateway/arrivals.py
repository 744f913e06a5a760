"""How far the projector has come, as it happens: what ``?after=`` and the live stream wait for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import asyncpg
import structlog

from services.gateway.problems import ProblemError
from services.gateway.queries.positions import projected
from shared import positions, postgres
from shared.errors import ConfigurationError, StoreUnavailable
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

PATIENCE_S = 5.0
_LOOK_AGAIN_S = 2.0


class Arrivals:
    """``position`` is the last place in the log whose rows can be read.

    One connection of its own listens for the projector's word; a look at the table now and then covers a word that
    was lost, and notices a connection that died silently.
    """

    def __init__(self, settings: Settings) -> None:
        self.position = positions.START
        self._settings = settings
        self._channel = f"{settings.kept_schema}_projected"
        self._changed = asyncio.Condition()
        self._heard = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled, through outages of PostgreSQL."""
        while True:
            try:
                await self._listen()
            except (StoreUnavailable, ConfigurationError, asyncpg.PostgresError) as error:
                log.warning("listening_interrupted", error=str(error))
                await asyncio.sleep(0.5)

    async def wait(self, position: int) -> None:
        """Return once rows up to ``position`` can be read. Raises ``ProblemError`` when they cannot in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed(position), PATIENCE_S)
        if self.position < position:
            raise ProblemError(
                503,
                "What was asked for is written down but not visible yet; ask again in a moment.",
                reason="not_there_yet",
                headers={"Retry-After": "1"},
            )

    async def change(self, since: int) -> int:
        """Wait until the position differs from ``since``, then return it."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.position != since)
        return self.position

    async def _passed(self, position: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.position >= position)

    async def _listen(self) -> None:
        connection = await postgres.open_connection(self._settings)
        try:
            async with postgres.translated():
                await connection.add_listener(self._channel, lambda *_: self._heard.set())
                connection.add_termination_listener(lambda _: self._heard.set())
                while True:
                    await self._look(connection)
                    await self._next_word()
        finally:
            connection.terminate()

    async def _next_word(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), _LOOK_AGAIN_S)
        self._heard.clear()

    async def _look(self, connection: Connection) -> None:
        try:
            found = await asyncio.wait_for(projected(connection), 10.0)
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return
        if found != self.position:
            self.position = found
            async with self._changed:
                self._changed.notify_all()
