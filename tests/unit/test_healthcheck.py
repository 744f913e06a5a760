"""The check that a container makes of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from shared import health, healthcheck

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[int]:
    """A server with this answer to /healthz: its port."""
    app = web.Application()
    app.router.add_get("/healthz", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def checked(monkeypatch: pytest.MonkeyPatch, *, health_port: int, port: int) -> int:
    monkeypatch.setenv("STARLING_HEALTH_PORT", str(health_port))
    monkeypatch.setenv("STARLING_PORT", str(port))
    return await asyncio.to_thread(healthcheck.main)


async def test_a_worker_that_answers_on_its_health_port_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(health.healthz) as port:
        assert await checked(monkeypatch, health_port=port, port=9) == 0


async def test_a_gateway_that_answers_on_its_own_port_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(health.healthz) as port:
        assert await checked(monkeypatch, health_port=9, port=port) == 0
        assert await checked(monkeypatch, health_port=0, port=port) == 0


async def test_who_does_not_answer_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await checked(monkeypatch, health_port=9, port=9) == 1


async def test_who_answers_with_an_error_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=500)

    async with serving(broken) as port:
        assert await checked(monkeypatch, health_port=port, port=9) == 1
