"""A proxy in front of a real server that counts calls and breaks one of them.

``async with BreakingProxy("http://127.0.0.1:4533", refusal) as proxy``: speak to ``proxy.url``; ``proxy.breaker``
breaks a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from yarl import URL

from tests.breaking import LocalServer


@dataclass(slots=True)
class BreakingProxy(LocalServer):
    """``refusal`` makes the answer to a login that has been revoked."""

    target: str
    refusal: Callable[[], web.Response]

    def login_refused(self) -> web.StreamResponse:
        return self.refusal()

    async def obeyed(self, request: web.Request) -> web.StreamResponse:
        url = URL(self.target + request.rel_url.raw_path_qs, encoded=True)
        headers = {name: request.headers[name] for name in ("Content-Type", "Range") if name in request.headers}
        body = await request.read()
        async with (
            aiohttp.ClientSession() as session,
            session.request(request.method, url, data=body or None, headers=headers) as answer,
        ):
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
