"""Test servers whose calls can be counted, broken and slowed down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Breaker:
    """Counts requests, and breaks the one it is told to: ``error`` (HTTP 500), ``cut`` and ``login`` before the request
    is obeyed, ``cut_after`` afterwards."""

    calls: int = 0
    slow_s: float = 0.0
    _left: int = 0
    _fault: str = ""

    def order(self, number: int, fault: str) -> None:
        """Break the ``number``-th request from now; 0 breaks none."""
        self._left, self._fault = number, fault

    async def pass_on(
        self, request: web.Request, handler: Handler, refuse_login: Callable[[], web.StreamResponse]
    ) -> web.StreamResponse:
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
            return refuse_login()
        if self._fault == "cut_after":
            await handler(request)
        return hang_up(request)


@dataclass(slots=True, kw_only=True)
class LocalServer:
    """A server at ``url`` while ``async with`` lasts; ``breaker`` breaks its calls."""

    breaker: Breaker = field(default_factory=Breaker)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        """Do what is asked."""
        raise NotImplementedError

    def login_refused(self) -> web.StreamResponse:
        """What somebody without a login gets."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        return await self.breaker.pass_on(request, self.obeyed, self.login_refused)


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
