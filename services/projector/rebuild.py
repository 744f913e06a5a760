"""``starling replay``: build the read models anew from the archive, and swap them in. Readers notice nothing."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import structlog

from services.projector import schema
from services.projector.reaction import channel
from services.projector.replay import Progress, Replay, drop_leftovers, lock_rebuild, side_schema
from shared import positions, postgres
from shared.errors import Conflict
from shared.pausing import pause
from shared.settings import Settings

log = structlog.get_logger(__name__)

_LOCK_POSITION = "SELECT position FROM follower_positions WHERE name = 'projector' FOR UPDATE"
_ENSURE_POSITION = (
    "INSERT INTO follower_positions (name, position) VALUES ('projector', $1) ON CONFLICT (name) DO NOTHING"
)
_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """``position`` is that of the last event in the new read models."""

    events: int
    seconds: float
    position: int


async def rebuild(settings: Settings, on_progress: Progress | None = None) -> RebuildResult:
    """Build beside the live read models, which projector and readers go on using, then swap in one transaction.

    Raises ``Conflict`` while another rebuild is at work, ``StoreUnavailable`` when PostgreSQL goes away (the live read
    models are untouched then).
    """
    await schema.create_kept(settings)
    started = time.perf_counter()
    async with postgres.translated(), Replay(settings, "next", on_progress) as replay:
        await replay.run()
        await replay.finish()
        await replay.run()
        await _swap(settings, replay)
    seconds = time.perf_counter() - started
    log.info("read_models_rebuilt", events=replay.done, seconds=round(seconds, 1), version=schema.version())
    return RebuildResult(replay.done, seconds, replay.position)


async def _swap(settings: Settings, replay: Replay) -> None:
    """The projector's position is locked first, as the projector itself does: from here on it waits, and what it has
    committed is in the archive. Renaming locks no table, so no reader waits; the old schema is dropped afterwards."""
    live, old = settings.read_schema, side_schema(settings, "old")
    async with replay.writer.transaction():
        await replay.writer.execute("SET LOCAL synchronous_commit = on")
        await replay.writer.execute(_ENSURE_POSITION, positions.START)
        await replay.writer.fetchval(_LOCK_POSITION)
        await replay.run()
        if await replay.writer.fetchval("SELECT to_regnamespace(quote_ident($1)) IS NOT NULL", live):
            await replay.writer.execute(f'ALTER SCHEMA "{live}" RENAME TO "{old}"')
        await replay.writer.execute(f'ALTER SCHEMA "{replay.schema}" RENAME TO "{live}"')
        await replay.writer.execute("SELECT pg_notify($1, $2)", channel(settings), str(replay.position))


async def ensure_current(settings: Settings, stop: asyncio.Event, on_progress: Progress | None = None) -> None:
    """Create the tables, or rebuild those of another release; clear away what a killed rebuild has left. Waits for a
    rebuild that another process has begun."""
    await schema.create_kept(settings)
    while not stop.is_set():
        try:
            if await _is_current(settings):
                return
            log.info("read_models_not_current", schema=settings.read_schema, wanted=schema.version())
            await rebuild(settings, on_progress)
        except Conflict as conflict:
            log.info("waiting_for_rebuild", reason=str(conflict))
            await pause(stop, _LOOK_AGAIN_S)


async def _is_current(settings: Settings) -> bool:
    connection = await postgres.open_connection(settings)
    try:
        async with postgres.translated():
            current = await schema.is_current(connection, settings.read_schema)
            if current:
                with suppress(Conflict, asyncpg.LockNotAvailableError):
                    await lock_rebuild(connection, settings)
                    await drop_leftovers(connection, settings)
            return current
    finally:
        connection.terminate()
