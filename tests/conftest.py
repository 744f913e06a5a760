"""Fixtures that all tests share. Servers start once per session; a database and an empty Redis are there per test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.settings import Settings
from tests import servers

TOGETHER = ("tests/attacks/", "tests/integration/watching/")
"""Folders whose files share one running deployment, which costs more than the tests: one process takes all of them."""


class _Scheduling(LoadFileScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        folder = next((folder for folder in TOGETHER if nodeid.startswith(folder)), None)
        return folder or str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """``--dist loadfile``, with some folders as if they were one file."""
    return _Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """The session's PostgreSQL: ``host``, ``port``, ``user``, ``password``, ``connect()``."""
    with servers.running(servers.fast_postgres(tmp_path_factory.mktemp("postgres"))) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The session's Valkey: ``host``, ``port``, ``password``, ``url``."""
    with servers.running(ValkeyServer(tmp_path_factory.mktemp("valkey"))) as server:
        yield server


@pytest.fixture(scope="session")
def redis7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    """The session's Redis 7.0 from Debian."""
    try:
        server = servers.redis7(tmp_path_factory.mktemp("redis7"))
    except LookupError as error:
        pytest.fail(str(error))
    with servers.running(server):
        yield server


@pytest.fixture
async def database(postgres: PostgresServer) -> AsyncIterator[dict[str, str]]:
    """A new empty database: the POSTGRES_* variables that lead to it."""
    async with servers.fresh_database(postgres) as environment:
        yield environment


@pytest.fixture
async def redis_url(valkey: ValkeyServer) -> str:
    """The URL of an empty Valkey."""
    return await servers.emptied(valkey)


@pytest.fixture(params=["valkey", "redis7"])
def any_redis(request: pytest.FixtureRequest) -> ValkeyServer:
    """Valkey, then Redis 7.0: the test runs once with each."""
    server: ValkeyServer = request.getfixturevalue(request.param)
    return server


@pytest.fixture
async def any_redis_url(any_redis: ValkeyServer) -> str:
    """The URL of an empty Valkey, then of an empty Redis 7.0."""
    return await servers.emptied(any_redis)


@pytest.fixture
def settings(database: dict[str, str], redis_url: str, tmp_path: Path) -> Settings:
    """Settings for an empty database, an empty Valkey and an empty data directory."""
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    return Settings.model_validate({**database, "REDIS_URL": redis_url, "STARLING_DATA_DIR": data_dir})
