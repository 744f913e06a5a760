"""``python -m services.projector``: the archive and the read models."""

from __future__ import annotations

import asyncio
import time

import structlog

from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current
from shared import positions, postgres, process
from shared.errors import StoreUnavailable
from shared.follower import Follower
from shared.pausing import end, patiently, pause
from shared.settings import Settings
from shared.streams import Streams

log = structlog.get_logger(__name__)

_MOST = 500
_WATCH_EVERY_S = 5.0
_LATE_S = 30.0


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Follow the log until ``stop``; of two processes one stands by."""
    streams = await process.open_streams(settings, stop)
    follower = Follower("projector", settings, streams, Projector(settings), most=_MOST)
    pool = await postgres.open_pool(settings, most=1)
    watch = Watch(streams, pool)
    try:
        async with process.health(settings, {"redis": streams.ping, "up_to_date": watch.up_to_date}):
            await patiently(lambda: ensure_current(settings, stop, _Progress()), stop)
            watching = asyncio.create_task(watch.run(stop), name="watch")
            try:
                await follower.run(stop)
            finally:
                await end([watching])
    finally:
        pool.terminate()
        await streams.close()


class Watch:
    """Looks after the work getting done, by whichever projector is the active one: so a standby is ready too."""

    def __init__(self, streams: Streams, pool: postgres.Pool) -> None:
        self._streams = streams
        self._pool = pool
        self._log_was_behind = False

    async def up_to_date(self) -> bool:
        """False when an event has been waiting for longer than half a minute."""
        waiting = await self._streams.log.page(await self._position(), 1)
        return not waiting or time.time() - positions.milliseconds(waiting[0].position) / 1000 < _LATE_S

    async def run(self, stop: asyncio.Event) -> None:
        """Say it when the log ends before our position: the stream server has lost data, or its clock was set back.
        What it appends is followed again once its clock has passed our position."""
        while not stop.is_set():
            try:
                await self._compare_ends()
            except StoreUnavailable as error:
                log.warning("watch_postponed", error=error.detail)
            await pause(stop, _WATCH_EVERY_S)

    async def _compare_ends(self) -> None:
        position, last = await self._position(), await self._streams.log.last()
        # An empty log is no sign: everything in it may have been trimmed.
        behind = positions.START < last < position
        if behind and not self._log_was_behind:
            log.error("log_behind_archive", log=positions.text(last), archive=positions.text(position))
        self._log_was_behind = behind

    async def _position(self) -> int:
        async with postgres.transaction(self._pool) as connection:
            found = await connection.fetchval("SELECT position FROM follower_positions WHERE name = 'projector'")
        return positions.START if found is None else int(found)


class _Progress:
    """A line in the log every few seconds while the read models are rebuilt."""

    def __init__(self) -> None:
        self._said_at = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._said_at > _WATCH_EVERY_S:
            self._said_at = time.monotonic()
            log.info("rebuilding_read_models", done=done, total=total)


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("projector", main)


if __name__ == "__main__":
    start()
