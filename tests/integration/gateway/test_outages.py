"""The stores go away and come back; the gateway stays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest
from pydantic import SecretStr

from services.gateway.app import running
from services.projector.rebuild import rebuild
from services.up.postgres import PostgresServer
from shared.errors import ConfigurationError
from shared.settings import Settings
from shared.streams import Streams
from tests import servers
from tests.given import track
from tests.integration.gateway.conftest import gateway, is_ready, projector
from tests.integration.gateway.system import System, analysed, asked, discovered, folder, song
from tests.integration.gateway.wire import Wire, wire
from tests.integration.watching.deployment import read
from tests.waiting import until


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[tuple[Settings, Wire, Wire]]:
    """Settings that lead to both stores through wires: to PostgreSQL, to Redis."""
    url = urlsplit(settings.redis_url.get_secret_value())
    host, port = str(url.hostname), url.port or 6379
    async with wire(settings.postgres_host, settings.postgres_port) as to_postgres, wire(host, port) as to_redis:
        netloc = f"{url.netloc.rpartition('@')[0]}@127.0.0.1:{to_redis.port}".removeprefix("@")
        redis_url = urlunsplit(url._replace(netloc=netloc))
        changes = {
            "postgres_host": "127.0.0.1",
            "postgres_port": to_postgres.port,
            "redis_url": SecretStr(redis_url),
        }
        yield settings.model_copy(update=changes), to_postgres, to_redis


async def test_without_postgres_reading_answers_503_until_it_is_back(settings: Settings) -> None:
    async with projector(settings), wired(settings) as (through, to_postgres, _), gateway(through) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        await system.tell(folder())
        to_postgres.cut()
        answer = await system.api.get("/api/v1/servers")
        assert (answer.status, answer.body["reason"]) == (503, "store_unavailable")
        assert answer.headers["Retry-After"] == "1"
        ready = await system.api.get("/readyz")
        assert (ready.status, ready.body["checks"]["postgres"], ready.body["checks"]["redis"]) == (503, False, True)
        assert (await system.api.get("/healthz")).status == 200

        to_postgres.mend()
        await until(lambda: is_ready(system), "the gateway is ready again")
        seen = await system.tell(discovered(song(1)))
        assert (await system.get("/api/v1/tracks", after=seen))["total"] == 1


async def test_without_redis_asking_answers_503_and_reading_goes_on(settings: Settings) -> None:
    async with projector(settings), wired(settings) as (through, _, to_redis), gateway(through) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        seen = await system.tell(folder())
        await system.get("/api/v1/servers", after=seen)
        to_redis.cut()
        answer = await system.api.post("/api/v1/analysis", {})
        assert (answer.status, answer.body["reason"]) == (503, "store_unavailable")
        assert len((await system.get("/api/v1/servers"))["items"]) == 1
        async with system.api.client.get("/metrics") as response:
            shown = read(await response.text())
        assert shown.value("starling_streams_up") == 0
        assert shown.value("starling_backlog") is None, "old figures are not shown as new ones"
        assert shown.value("starling_index_ready") == 1

        to_redis.mend()
        await until(lambda: is_ready(system), "the gateway is ready again")
        assert (await system.api.post("/api/v1/analysis", {})).status == 202


async def test_a_gateway_may_start_before_its_stores(settings: Settings) -> None:
    async with wired(settings) as (through, to_postgres, to_redis):
        to_postgres.cut()
        to_redis.cut()
        async with gateway(through) as system:
            assert (await system.api.get("/healthz")).status == 200
            assert (await system.api.get("/api/v1/servers")).status == 503
            assert (await system.api.get("/api/v1/live")).status == 503
            to_postgres.mend()
            to_redis.mend()
            async with projector(settings):
                await until(lambda: is_ready(system), "the gateway is ready")
                assert (await system.api.get("/api/v1/servers")).status == 200


async def test_before_the_first_projector_there_is_nothing_to_read_and_it_is_said(
    settings: Settings, postgres: PostgresServer
) -> None:
    async with (
        servers.fresh_database(postgres) as empty,
        gateway(settings.model_copy(update={"postgres_db": empty["POSTGRES_DB"]})) as system,
    ):

        async def is_said() -> bool:
            answer = await system.api.get("/api/v1/tracks")
            assert (answer.status, answer.body["reason"]) == (503, "store_unavailable")
            return "the projector has not created its tables" in answer.body["detail"]

        await until(is_said, "the gateway has created its own tables")
        ready = await system.api.get("/readyz")
        assert ready.body["checks"]["projector"] is False


async def test_a_position_that_never_comes_is_not_waited_for_endlessly(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.arrivals.PATIENCE_S", 0.2)
    answer = await system.api.get("/api/v1/tracks", after="8000000000000-0")
    assert (answer.status, answer.body["reason"]) == (503, "not_there_yet")
    assert answer.headers["Retry-After"] == "1"


async def test_a_server_that_forgets_is_refused_at_the_start(settings: Settings) -> None:
    streams = Streams(settings)
    try:
        await streams.client.config_set("appendfsync", "no")
        async with running(settings) as work:
            with pytest.raises(ConfigurationError, match="appendfsync"):
                await work.failure
            assert not work.gateway.intake.trusted
    finally:
        await streams.client.config_set("appendfsync", "always")
        await streams.close()


async def test_readers_notice_nothing_of_a_rebuild(system: System) -> None:
    songs = [song(number) for number in range(100)]
    seen = await system.tell(folder(), *asked(), discovered(*songs), *(analysed(number) for number in range(100)))
    await system.get("/api/v1/tracks", after=seen)
    paths = (
        "/api/v1/tracks",
        "/api/v1/servers",
        "/api/v1/status",
        f"/api/v1/tracks/{track(1)}/similar",
        "/api/v1/runs",
    )
    over = asyncio.Event()
    answers: Counter[tuple[str, int]] = Counter()

    async def read(path: str) -> None:
        while not over.is_set():
            answers[path, (await system.api.get(path)).status] += 1

    readers = [asyncio.create_task(read(path)) for path in paths]
    for _ in range(2):
        await rebuild(system.settings)
    over.set()
    await asyncio.gather(*readers)
    assert {status for _, status in answers} == {200}, answers
    assert (await system.get(f"/api/v1/tracks/{track(1)}/similar", n=50))["items"]
