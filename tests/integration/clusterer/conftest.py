"""One system for all tests of a module: its libraries are many, and each test clusters those it names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.settings import Settings
from tests import servers
from tests.integration.clusterer.system import System, running
from tests.world import world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(
    postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """What a service of the system finds in its environment."""
    async with servers.fresh_database(postgres) as database:
        url = await servers.emptied(valkey)
        folder: Path = tmp_path_factory.mktemp("clusterer")
        yield {**database, "REDIS_URL": url, "STARLING_DATA_DIR": str(folder), "STARLING_LEASE_S": "2"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(environment: dict[str, str]) -> AsyncIterator[System]:
    """The stores with all tables, and a coordinator at work."""
    settings = Settings.model_validate(environment)
    async with world(settings) as made, running(settings, made) as started:
        yield started
