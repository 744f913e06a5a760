"""What every service process does around its work: settings, logs, signals, health."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from shared import logs, settings, telemetry, tracing
from shared.errors import ConfigurationError
from shared.pausing import patiently
from shared.settings import Settings
from shared.streams import Streams

if TYPE_CHECKING:
    from shared.health import Measure

log = structlog.get_logger(__name__)

Main = Callable[[Settings, asyncio.Event], Awaitable[None]]


def consumer_name(service: str) -> str:
    """Who we are in a consumer group. A supervisor that restarts us under the same STARLING_REPLICA (a pod name, say)
    lets us pick up at once what we had in hand; without one every process is somebody new."""
    replica = os.environ.get("STARLING_REPLICA")
    return f"{service}-{replica}" if replica else f"{service}-{socket.gethostname()}-{os.getpid()}"


def run(service: str, main: Main) -> None:
    """Run a service until SIGTERM or SIGINT; exits with 2 when the configuration is not usable."""
    try:
        loaded = settings.load()
        logs.configure(service, level=loaded.log_level, form=loaded.log_format)
        telemetry.identify(service)
        tracing.start(service)
        asyncio.run(_run(main, loaded))
    except ConfigurationError as error:
        print(f"starling {service}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        tracing.stop()


async def _run(main: Main, loaded: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(loaded, stop)


async def open_streams(loaded: Settings, stop: asyncio.Event) -> Streams:
    """Connect and check the server's durability; waits for a server that is not up yet."""
    streams = Streams(loaded)
    await patiently(streams.check, stop)
    return streams


@asynccontextmanager
async def health(
    loaded: Settings, checks: Mapping[str, Callable[[], Awaitable[bool]]], measure: Measure | None = None
) -> AsyncIterator[None]:
    """``async with health(settings, checks):`` serves the health port, if there is one, while the body runs.
    ``measure`` makes metrics that are only known when asked for."""
    if not loaded.health_port:
        yield
        return
    from shared.health import serve  # a web server costs memory, which nobody pays without a port

    runner = await serve(loaded.health_port, checks, measure)
    try:
        yield
    finally:
        await runner.cleanup()
