"""``python -m services.analyzer``: decode tracks and describe how they sound. Needs REDIS_URL alone."""

from __future__ import annotations

import asyncio
import os

import structlog

from services.analyzer.handlers import HANDLERS, Means, drop_audio
from services.analyzer.pool import AnalyzerPool
from services.analyzer.selftest import check
from shared import process
from shared.audio_store import open_source
from shared.embedding import FEATURE_VERSION, SPACE
from shared.settings import Settings
from shared.worker import Worker

log = structlog.get_logger(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``. Raises ``ConfigurationError`` when the device that was asked for is not there."""
    await check(settings.analyzer_device)
    streams = await process.open_streams(settings, stop)
    processes = settings.analyzer_processes or len(os.sched_getaffinity(0))
    store = open_source(settings)
    pool = AnalyzerPool(processes, settings.track_timeout_s, settings.track_memory_mb, settings.analyzer_device)
    await pool.start()
    worker = Worker(
        "analyzer",
        HANDLERS,
        Means(pool, store),
        streams,
        settings,
        slots=processes,
        consumer=process.consumer_name("analyzer"),
        after_commit=drop_audio,
    )
    worker.means.update(models=SPACE, features=str(FEATURE_VERSION), device=settings.analyzer_device)
    try:
        async with process.health(settings, {"redis": streams.ping}):
            await worker.run(stop)
    finally:
        await pool.close()
        await store.close()
        await streams.close()


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("analyzer", main)


if __name__ == "__main__":
    start()
