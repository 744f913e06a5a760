"""``python -m services.clusterer``: group the library by sound and make playlists of the groups."""

from __future__ import annotations

import asyncio

import structlog

from services.clusterer import store
from services.clusterer.child import Children
from services.clusterer.handlers import HANDLERS, Means, let_go
from shared import postgres, process
from shared.errors import StoreUnavailable
from shared.pausing import patiently, pause
from shared.settings import Settings
from shared.worker import Worker

log = structlog.get_logger(__name__)
_SLOTS = 2
"""A clustering that composes must not keep another from being tried."""
_SWEEP_EVERY_S = 3600


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``."""
    streams = await process.open_streams(settings, stop)
    await patiently(lambda: store.create_tables(settings), stop)
    pool = await postgres.open_pool(settings, most=4)
    children = Children(settings, _SLOTS)
    sweeper = asyncio.create_task(_sweep(pool, stop), name="sweep")
    worker = Worker(
        "clusterer",
        HANDLERS,
        Means(settings, pool, children),
        streams,
        settings,
        slots=_SLOTS,
        consumer=process.consumer_name("clusterer"),
        after_commit=let_go,
    )
    try:
        async with process.health(settings, {"redis": streams.ping}):
            await worker.run(stop)
    finally:
        stop.set()
        await children.close()
        await sweeper
        pool.terminate()
        await streams.close()


async def _sweep(pool: postgres.Pool, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await store.sweep(pool)
        except StoreUnavailable as error:
            log.warning("sweep_postponed", error=error.detail)
        await pause(stop, _SWEEP_EVERY_S)


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("clusterer", main)


if __name__ == "__main__":
    start()
