"""Read models built anew from the archive, in a schema of their own beside the live one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import asyncpg
import structlog

from services.projector import schema
from services.projector.projections import PROJECTIONS, Projection, project
from shared import positions, postgres
from shared.archive import END, archived, read_archive
from shared.errors import Conflict
from shared.follower import parse
from shared.messages import Envelope
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

Progress = Callable[[int, int], None]
"""``(events done, events in all)``; the second grows when events arrive meanwhile."""

_AT_ONCE = 4000
_PATIENCE_S = 20
_PURPOSES = {"next": "rebuilt, not yet live", "old": "was live, to be dropped", "check": "made to compare with"}


@dataclass(frozen=True, slots=True)
class _Slice:
    """The next events of the archive, read while the ones before are applied."""

    count: int
    position: int
    events: list[Envelope[Any]]


class Replay:
    """``async with Replay(settings, "next") as replay:`` holds the lock that keeps rebuilds apart. ``replay.writer`` is
    a connection whose search path begins with ``replay.schema``. Projections know nothing of each other, so each has
    a connection of its own and the server works for them side by side.

    Raises ``Conflict`` while another one is at work. A schema that is not renamed in the body is dropped in the end.
    """

    def __init__(self, settings: Settings, purpose: str, on_progress: Progress | None = None) -> None:
        self.schema = side_schema(settings, purpose)
        self.position = positions.START
        self.done = 0
        self._settings = settings
        self._on_progress = on_progress
        self._total = 0

    async def __aenter__(self) -> Self:
        self._opened: list[Connection] = []
        self._writers: list[tuple[Projection, Connection]] = []
        try:
            self.writer = await self._open()
            async with postgres.translated():
                await lock_rebuild(self.writer, self._settings)
                await self._clear()
                await schema.create_read_models(self.writer, self.schema)
            self._reader = await self._open()
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                async with postgres.translated():
                    await drop_leftovers(self.writer, self._settings)
        except asyncpg.LockNotAvailableError:
            log.warning("old_read_models_still_read", next_try="when a projector starts, or with the next rebuild")
        finally:
            self._close()

    async def _clear(self) -> None:
        try:
            await drop_leftovers(self.writer, self._settings)
        except asyncpg.LockNotAvailableError as error:
            raise Conflict("somebody still reads the tables of the last rebuild; close that session first") from error

    async def _open(self) -> Connection:
        connection = await postgres.open_connection(self._settings, read_schema=self.schema)
        self._opened.append(connection)
        # Nothing is lost: what a power cut takes away is built anew, and the swap itself waits for the disk.
        await connection.execute("SET synchronous_commit = off")
        return connection

    async def _open_writers(self) -> list[tuple[Projection, Connection]]:
        """Only once there is something to apply: an empty archive needs none."""
        writers = await asyncio.gather(*(self._open() for _ in PROJECTIONS))
        return list(zip(PROJECTIONS, writers, strict=True))

    def _close(self) -> None:
        for connection in self._opened:
            connection.terminate()

    async def run(self, until: int = END) -> None:
        """Apply what the archive holds behind ``position``, up to and with ``until``."""
        self._total = self._total or await archived(self._reader, until)
        ahead = asyncio.create_task(self._read(self.position, until), name="read-ahead")
        try:
            while (current := await ahead).count:
                ahead = asyncio.create_task(self._read(current.position, until), name="read-ahead")
                self._writers = self._writers or await self._open_writers()
                await asyncio.gather(*(_apply(*writer, current.events) for writer in self._writers))
                self.position = current.position
                self.done += current.count
                self._report()
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _read(self, after: int, until: int) -> _Slice:
        batch = await read_archive(self._reader, after, _AT_ONCE, until)
        last = batch[-1].position if batch else after
        return _Slice(len(batch), last, parse(batch))

    def _report(self) -> None:
        if self._on_progress:
            self._on_progress(self.done, max(self.done, self._total))

    async def finish(self) -> None:
        """Add the readers' indexes."""
        await schema.create_indexes(self.writer, self._settings.kept_schema)


async def _apply(projection: Projection, connection: Connection, events: list[Envelope[Any]]) -> None:
    async with connection.transaction():
        await project(connection, [projection], events)


def side_schema(settings: Settings, purpose: str) -> str:
    """Name of a schema beside the live one; ``purpose`` is ``next``, ``old`` or ``check``."""
    if purpose not in _PURPOSES:
        raise ValueError(f"no schema is made for {purpose!r}")
    return f"{settings.read_schema}_{purpose}"


async def lock_rebuild(connection: Connection, settings: Settings) -> None:
    """Keep all other rebuilds out. The lock lives as long as the connection, so a killed rebuild leaves none behind.
    Raises ``Conflict``."""
    name = f"{settings.tenant}:rebuild"
    if not await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", name):
        raise Conflict("the read models are being rebuilt or compared by another process already; wait for its end")


async def drop_leftovers(connection: Connection, settings: Settings) -> None:
    """Drop what a rebuild has left: one that was killed, or one that could not wait for a reader. Needs the lock.

    Raises ``asyncpg.LockNotAvailableError`` when somebody reads those tables in one transaction for long.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{_PATIENCE_S}s'")
        for purpose in _PURPOSES:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{side_schema(settings, purpose)}" CASCADE')
