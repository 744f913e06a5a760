"""``python -m services.gateway``: the HTTP interface and the page."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiohttp import web

from services.gateway.app import Running, build_app, running
from services.gateway.readiness import readiness
from services.gateway.security import check_exposure
from services.gateway.serving import runner_of
from shared import process
from shared.errors import ConfigurationError
from shared.settings import Settings

log = structlog.get_logger(__name__)


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop``. Raises ``ConfigurationError`` when it cannot, or must not."""
    check_exposure(settings)
    async with running(settings) as work:
        runner = runner_of(build_app(work.gateway))
        await runner.setup()
        gateway = work.gateway
        try:
            await _listen(runner, settings)
            async with process.health(settings, readiness(gateway), gateway.watching.registry):
                await _until(stop, work)
        finally:
            await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: Settings) -> None:
    try:
        await web.TCPSite(runner, settings.host, settings.port).start()
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on STARLING_HOST={settings.host}, STARLING_PORT={settings.port}: {error.strerror}"
        ) from None
    log.info("listening", addresses=[f"{address[0]}:{address[1]}" for address in runner.addresses])


async def _until(stop: asyncio.Event, work: Running) -> None:
    """Wait for ``stop``, or for background work to fail for good (then raise what failed)."""
    stopped: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    failure: asyncio.Future[Any] = work.failure
    try:
        await asyncio.wait({stopped, failure}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
    if failure.done():
        await failure


def start() -> None:
    """Be this service until SIGTERM."""
    process.run("gateway", main)


if __name__ == "__main__":
    start()
