"""``python -m services.fetcher``: walk libraries and hand audio to the analyzer."""

from __future__ import annotations

import asyncio

import structlog

from services.fetcher.handlers import HANDLERS
from services.fetcher.library import Library, create_tables
from shared import postgres, process
from shared.audio_store import open_store
from shared.errors import StoreUnavailable
from shared.pausing import patiently, pause
from shared.settings import Settings
from shared.worker import Worker

log = structlog.get_logger(__name__)
_SWEEP_EVERY_S = 3600


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``."""
    streams = await process.open_streams(settings, stop)
    await patiently(lambda: create_tables(settings), stop)
    pool = await postgres.open_pool(settings)
    library = Library(settings, pool, open_store(settings))
    sweeper = asyncio.create_task(_sweep(library, stop), name="sweep")
    worker = Worker(
        "fetcher",
        HANDLERS,
        library,
        streams,
        settings,
        slots=settings.fetch_slots,
        consumer=process.consumer_name("fetcher"),
    )
    try:
        async with process.health(settings, {"redis": streams.ping}):
            await worker.run(stop)
    finally:
        stop.set()
        await sweeper
        await library.close()
        pool.terminate()
        await streams.close()


async def _sweep(library: Library, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await library.sweep()
        except StoreUnavailable as error:
            log.warning("sweep_postponed", error=error.detail)
        await pause(stop, _SWEEP_EVERY_S)


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("fetcher", main)


if __name__ == "__main__":
    start()
