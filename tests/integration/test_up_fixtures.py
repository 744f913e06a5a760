"""The fixtures themselves: what every other test takes for granted."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from shared.settings import Settings
from tests.servers import connect


@pytest.mark.parametrize("_round", [1, 2])
async def test_every_test_gets_an_empty_database_and_an_empty_redis(settings: Settings, _round: int) -> None:
    connection = await connect(settings)
    client = Redis.from_url(settings.redis_url.get_secret_value())

    await connection.execute("CREATE TABLE mine (id int)")  # fails if the other round's table is there
    leftovers = await client.dbsize()
    await client.set("mine", "1")

    assert leftovers == 0
    await connection.close()
    await client.aclose()


async def test_stream_tests_run_on_valkey_and_on_the_oldest_supported_redis(
    any_redis_url: str, request: pytest.FixtureRequest
) -> None:
    client = Redis.from_url(any_redis_url)
    facts = await client.info("server")
    await client.aclose()

    is_valkey = facts.get("server_name") == "valkey"
    assert is_valkey == request.node.name.endswith("[valkey]")
    assert is_valkey or facts["redis_version"].startswith("7.0.")
