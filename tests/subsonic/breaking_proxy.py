"""A proxy in front of a real server that counts calls and breaks one of them.

``async with BreakingProxy("http://127.0.0.1:4533", refusal) as proxy``: speak to ``proxy.url``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Self

import aiohttp
from aiohttp import web
from yarl import URL

Fault = Literal["error", "cut", "cut_after", "login"]


class BreakingProxy:
    """``refusal`` makes the answer to a login that has been revoked."""

    def __init__(self, target: str, refusal: Callable[[], web.Response]) -> None:
        self.calls = 0
        self.url = ""
        self._target = URL(target)
        self._refusal = refusal
        self._break_at = 0
        self._fault: Fault = "error"

    def break_call(self, number: int, fault: Fault) -> None:
        """Break the ``number``-th call from now; 0 for none."""
        self._break_at = self.calls + number if number else 0
        self._fault = fault

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=2**24)
        application.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        await self._runner.cleanup()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.calls != self._break_at:
            return await self._answer(request)
        if self._fault == "error":
            return web.Response(status=500, text="oh dear")
        if self._fault == "login":
            return self._refusal()
        if self._fault == "cut_after":
            await self._answer(request)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def _answer(self, request: web.Request) -> web.Response:
        url = URL.build(
            scheme=self._target.scheme,
            host=self._target.host or "",
            port=self._target.port,
            path=request.rel_url.raw_path,
            query_string=request.rel_url.raw_query_string,
            encoded=True,
        )
        headers = {name: request.headers[name] for name in ("Content-Type", "Range") if name in request.headers}
        body = await request.read()
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
