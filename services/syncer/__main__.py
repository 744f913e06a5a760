"""``python -m services.syncer``: write playlists to media servers and read what was listened to."""

from __future__ import annotations

import asyncio

from services.syncer.handlers import HANDLERS
from services.syncer.library import SLOTS, Library, create_tables
from shared import postgres, process
from shared.mediaservers.connections import Connections
from shared.pausing import patiently
from shared.settings import Settings
from shared.worker import Worker


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Work until ``stop``."""
    streams = await process.open_streams(settings, stop)
    await patiently(lambda: create_tables(settings), stop)
    pool = await postgres.open_pool(settings, most=2 * SLOTS)
    servers = Connections(settings, pool)
    worker = Worker(
        "syncer",
        HANDLERS,
        Library(settings, pool, servers),
        streams,
        settings,
        slots=SLOTS,
        consumer=process.consumer_name("syncer"),
    )
    try:
        async with process.health(settings, {"redis": streams.ping}):
            await worker.run(stop)
    finally:
        await servers.close()
        pool.terminate()
        await streams.close()


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("syncer", main)


if __name__ == "__main__":
    start()
