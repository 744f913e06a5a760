"""How a server of ours breaks when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

Fault = Callable[[web.Request, Callable[[], Awaitable[web.StreamResponse]]], Awaitable[web.StreamResponse]]
"""Takes a request and what would answer it."""
Obey = Callable[[], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Order:
    """Break the ``number``-th request from now."""

    number: int
    fault: Fault

    def due(self) -> bool:
        """Counts one request."""
        self.number -= 1
        return self.number == 0


async def error(_: web.Request, __: Obey) -> web.StreamResponse:
    """HTTP 500, and nothing was done."""
    return web.Response(status=500, text="Error processing request.")


async def cut(request: web.Request, _: Obey) -> web.StreamResponse:
    """The connection ends, and nothing was done."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def cut_after(request: web.Request, obey: Obey) -> web.StreamResponse:
    """Done, but the connection ends before the answer."""
    await obey()
    return await cut(request, obey)


async def silence(_: web.Request, __: Obey) -> web.StreamResponse:
    """No answer for as long as the caller waits."""
    await asyncio.Event().wait()
    raise AssertionError("waited for ever")


def sends(body: bytes, status: int = 200, content_type: str = "application/json", **headers: str) -> Fault:
    """Exactly this; underscores in header names stand for dashes."""

    async def fault(_: web.Request, __: Obey) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(body=body, status=status, content_type=content_type, headers=named)

    return fault


def half(content_type: str = "application/json") -> Fault:
    """The first half of what would be answered, and an end as if it were all."""

    async def fault(_: web.Request, obey: Obey) -> web.StreamResponse:
        whole = await obey()
        body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
        return web.Response(body=body[: len(body) // 2], content_type=content_type)

    return fault


def breaks_off(size: int) -> Fault:
    """``size`` bytes of the answer, and the connection ends."""

    async def fault(request: web.Request, obey: Obey) -> web.StreamResponse:
        whole = await obey()
        body = whole.body if isinstance(whole, web.Response) and isinstance(whole.body, bytes) else b""
        answer = web.StreamResponse(headers={"Content-Type": whole.content_type})
        answer.content_length = len(body)
        await answer.prepare(request)
        await answer.write(body[:size])
        if request.transport is not None:
            request.transport.close()
        return answer

    return fault
