"""Waiting that ends early when it is time to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any


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
