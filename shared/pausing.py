"""Waiting: until a store answers, until it is time to stop, until tasks have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from shared.errors import StoreUnavailable

log = structlog.get_logger(__name__)
T = TypeVar("T")
_STORE_PAUSE_S = 0.3


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, or return at once when ``stop`` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are over. Once is not always enough: a cancellation that arrives in the same turn as the
    answer a task waits for can be lost inside a client library."""
    while any(not task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.2)


async def patiently(call: Callable[[], Awaitable[T]], stop: asyncio.Event | None = None) -> T:
    """Repeat ``call`` until the store it needs answers; once ``stop`` is set the error is raised instead."""
    while True:
        try:
            return await call()
        except StoreUnavailable as error:
            if stop is not None and stop.is_set():
                raise
            log.warning("waiting_for_store", error=error.detail)
            await asyncio.sleep(_STORE_PAUSE_S)
