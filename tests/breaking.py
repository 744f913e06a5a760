"""Breaking one call of a test server, and slowing all of them down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Breaker:
    """Counts requests, and breaks the one it is told to: ``error`` (HTTP 500), ``cut`` and ``login`` before the request
    is obeyed, ``cut_after`` afterwards."""

    refuse_login: Callable[[], web.StreamResponse]
    calls: int = 0
    slow_s: float = 0.0
    _left: int = 0
    _fault: str = ""

    def order(self, number: int, fault: str) -> None:
        """Break the ``number``-th request from now; 0 breaks none."""
        self._left, self._fault = number, fault

    async def pass_on(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to ``handler``, or break it."""
        self.calls += 1
        self._left -= 1
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self._left != 0:
            return await handler(request)
        if self._fault == "error":
            return web.Response(status=500, text="<html>oh dear</html>", content_type="text/html")
        if self._fault == "login":
            return self.refuse_login()
        if self._fault == "cut_after":
            await handler(request)
        return hang_up(request)


def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.close()
    return web.Response()


def whole_or_part(audio: bytes, request: web.Request, content_type: str) -> web.Response:
    """The bytes, or the range of them that was asked for."""
    asked = request.http_range
    if asked.start is None and asked.stop is None:
        return web.Response(body=audio, content_type=content_type)
    start, stop, _ = asked.indices(len(audio))
    if start >= len(audio):
        return web.Response(status=416, text="<html>no</html>", headers={"Content-Range": f"bytes */{len(audio)}"})
    headers = {"Content-Range": f"bytes {start}-{stop - 1}/{len(audio)}"}
    return web.Response(status=206, body=audio[start:stop], content_type=content_type, headers=headers)
