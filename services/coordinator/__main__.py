"""``python -m services.coordinator``: policies, schedules, delayed commands, and the upkeep of the streams."""

from __future__ import annotations

import asyncio

import structlog

from services.coordinator.reaction import Coordinator, create_tables
from services.coordinator.scheduler import Scheduler
from services.coordinator.stranded import Stranded
from shared import postgres, process
from shared.archive import read_archive
from shared.errors import StoreUnavailable
from shared.follower import FOLLOWERS, Follower
from shared.pausing import patiently, pause
from shared.release import our_version
from shared.settings import Settings
from shared.streams import Streams

log = structlog.get_logger(__name__)
_PROMOTE_EVERY_S = 0.1
_SCHEDULES_EVERY_S = 1
_TRIM_EVERY_S = 60
_STRANDED_EVERY_S = 15
_CONSUMERS_EVERY_S = 3600


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Coordinate until ``stop``; of two processes one stands by."""
    streams = await process.open_streams(settings, stop)
    await patiently(lambda: create_tables(settings), stop)
    pool = await postgres.open_pool(settings, most=3)
    follower = Follower("coordinator", settings, streams, Coordinator(streams, pool), archive=read_archive)

    async def active() -> bool:
        return follower.active

    stranded = Stranded(streams, pool, follower)
    scheduler = Scheduler(streams, pool, follower)
    upkeep = [
        asyncio.create_task(_upkeep(streams, settings, follower, stranded, stop), name="upkeep"),
        asyncio.create_task(_keep_time(scheduler, follower, stop), name="schedules"),
    ]
    try:
        async with process.health(settings, {"redis": streams.ping, "active": active}):
            await follower.run(stop)
    finally:
        stop.set()
        await asyncio.gather(*upkeep)
        pool.terminate()
        await streams.close()


async def _upkeep(
    streams: Streams, settings: Settings, follower: Follower, stranded: Stranded, stop: asyncio.Event
) -> None:
    """Clockwork of the active coordinator."""
    clock = asyncio.get_running_loop().time
    trim_at = consumers_at = clock() + _TRIM_EVERY_S
    stranded_at = clock() + _STRANDED_EVERY_S
    leads = False
    while not stop.is_set():
        await pause(stop, _PROMOTE_EVERY_S)
        if not follower.active:
            leads = False
            continue
        try:
            if not leads:
                await streams.roster.lead(our_version())
                leads = True
            while await streams.promote() and not stop.is_set():
                pass
            if clock() >= trim_at:
                trim_at = clock() + _TRIM_EVERY_S
                await _trim(streams, settings)
            if clock() >= stranded_at:
                stranded_at = clock() + _STRANDED_EVERY_S
                await stranded.look()
            if clock() >= consumers_at:
                consumers_at = clock() + _CONSUMERS_EVERY_S
                await streams.forget_idle_consumers(idle_ms=24 * 3600 * 1000)
        except StoreUnavailable as error:
            log.warning("upkeep_postponed", error=error.detail)


async def _keep_time(scheduler: Scheduler, follower: Follower, stop: asyncio.Event) -> None:
    """The schedules of the active coordinator; beside the upkeep, so that neither holds up the other."""
    while not stop.is_set():
        await pause(stop, _SCHEDULES_EVERY_S)
        try:
            if follower.active:
                await scheduler.look()
        except StoreUnavailable as error:
            log.warning("schedules_postponed", error=error.detail)


async def _trim(streams: Streams, settings: Settings) -> None:
    trimmed = await streams.log.trim(FOLLOWERS, keep_ms=round(settings.log_retention_h * 3_600_000))
    if trimmed:
        log.info("log_trimmed", entries=trimmed)


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("coordinator", main)


if __name__ == "__main__":
    start()
