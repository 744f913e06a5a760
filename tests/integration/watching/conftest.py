"""All services but the clusterer, after a little work of every kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.events import ServerAdded
from shared.messages import Send, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests import given, servers
from tests.integration.gateway.system import analysed, discovered, folder, song
from tests.integration.watching.deployment import Deployment
from tests.waiting import until

RUNNING = ("gateway", "projector", "coordinator", "fetcher", "analyzer", "syncer")


@pytest.fixture(scope="package")
def stores(postgres: PostgresServer, valkey: ValkeyServer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment that leads to an empty database and an empty Valkey."""
    name = f"watching_{uuid4().hex}"

    async def create() -> str:
        admin = await postgres.connect("postgres")
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        return await servers.emptied(valkey)

    return {
        **postgres.environment(),
        "POSTGRES_DB": name,
        "REDIS_URL": servers.settle(create()),
        "STARLING_DATA_DIR": str(tmp_path_factory.mktemp("data")),
        "STARLING_SECRET_KEY": Fernet.generate_key().decode(),
        "STARLING_RETRY_BASE_S": "60",
    }


@pytest.fixture(scope="package")
def deployment(stores: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Running, and having done what ``_work`` says."""
    made = Deployment(stores, tmp_path_factory.mktemp("logs"))
    try:
        made.start(*RUNNING)
        servers.settle(_work(made, Settings.model_validate(stores)))
        yield made
        made.stop()
    finally:
        made.kill()


@pytest.fixture
async def streams(stores: dict[str, str]) -> AsyncIterator[Streams]:
    """The streams that the services work on."""
    opened = Streams(Settings.model_validate(stores))
    yield opened
    await opened.close()


async def _work(deployment: Deployment, settings: Settings) -> None:
    """A track is analysed; a library does not answer, which is one retry; one command is nonsense, which is one dead
    letter; a page is asked for."""
    await until(deployment.are_all_there, "all services are there", seconds=60)
    away = ServerAdded(server_id=given.track(0), server_type="lyrion", name="Away", url="http://127.0.0.1:9")
    fetch = given.fetch_audio(2).model_copy(update={"server_id": away.server_id, "item_id": "2"})
    streams = Streams(settings)
    try:
        known = [wrap(event) for event in (folder(), away, discovered(song(1)))]
        await streams.log.append(Unit(uuid7(), events=[*known, analysed(1)]))
        await until(
            lambda: deployment.shows("gateway", "starling_index_vectors", 1), "the track can be found", seconds=40
        )
        await streams.log.append(Unit(uuid7(), commands=[Send(wrap(fetch))]))
        await streams.client.xadd(streams.keys.commands("syncer"), {"type": "nonsense"})
        await until(lambda: deployment.shows("gateway", "starling_delayed_commands", 1), "the library is tried later")
        await until(lambda: deployment.shows("gateway", "starling_dead_letters", 1), "the nonsense is buried")
        await asyncio.gather(
            deployment.ask("gateway", f"/api/v1/tracks/{given.track(1)}"), deployment.ask("gateway", "/made/up")
        )
    finally:
        await streams.close()
