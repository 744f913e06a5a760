"""What the test servers of all kinds have in common: they run here, and their calls can be counted and broken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fault = Literal["error", "cut", "cut_after", "login"]
"""How a call breaks: HTTP 500 and not obeyed; connection closed and not obeyed; obeyed, but the connection closed
before the answer; refused as a server refuses a login that has been revoked."""


@dataclass(slots=True)
class Breaker:
    """Counts requests, and breaks the one it is told to."""

    calls: int = 0
    slow_s: float = 0.0
    _left: int = 0
    _fault: Fault = "error"

    def order(self, number: int, fault: Fault) -> None:
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
    prefix: str = ""
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        """Do what is asked."""
        raise NotImplementedError

    def login_refused(self) -> web.StreamResponse:
        """What somebody without a login gets."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Go down; ``__aenter__`` comes up again on the same port."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

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
