"""A gateway with a real projector beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher
from cryptography.fernet import Fernet

from services.gateway.app import build_app, running
from services.projector.__main__ import main as project
from services.projector.rebuild import ensure_current
from services.up.postgres import PostgresServer
from shared import accounts, secrets
from shared.accounts import passwords
from shared.pausing import end
from shared.settings import Settings
from tests import servers
from tests.integration.gateway.api import Api
from tests.integration.gateway.system import System
from tests.waiting import until


@pytest.fixture(scope="session")
def prepared(postgres: PostgresServer) -> str:
    """The name of a database that holds all tables, empty: to be copied, which is quicker than making them."""
    name = f"gateway_template_{uuid4().hex}"

    async def prepare() -> None:
        admin = await postgres.connect("postgres")
        await admin.execute(f"CREATE DATABASE {name}")
        await admin.close()
        settings = Settings.model_validate({**postgres.environment(), "POSTGRES_DB": name})
        await ensure_current(settings, asyncio.Event())
        await secrets.create_table(settings)
        await accounts.create_tables(settings)

    servers.settle(prepare())
    return name


@pytest.fixture
async def database(postgres: PostgresServer, prepared: str) -> AsyncIterator[dict[str, str]]:
    """A new database with all tables, empty."""
    name = f"gateway_{uuid4().hex}"
    admin = await postgres.connect("postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {prepared} STRATEGY file_copy")
        yield {**postgres.environment(), "POSTGRES_DB": name}
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a key for secrets."""
    return settings.model_copy(update={"secret_key": type(settings.token)(Fernet.generate_key().decode())})


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same algorithm with a hundredth of the work: a hash is to be slow for guessers, not for tests."""
    monkeypatch.setattr("shared.accounts.passwords._HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    passwords._of_nobody.cache_clear()


@asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[System]:
    """A gateway as it runs, behind a port of its own."""
    async with (
        running(settings) as work,
        TestClient(TestServer(build_app(work.gateway)), cookie_jar=DummyCookieJar()) as client,
    ):
        token = settings.token.get_secret_value()
        api = Api(client, {"Authorization": f"Bearer {token}"} if token else None)
        yield System(settings, work.gateway, api)


@asynccontextmanager
async def projector(settings: Settings) -> AsyncIterator[None]:
    """The projector as it runs."""
    stop = asyncio.Event()
    task = asyncio.create_task(project(settings, stop))
    try:
        yield
    finally:
        stop.set()
        await end([task])


async def is_ready(system: System) -> bool:
    """Whether /readyz says so."""
    return (await system.api.get("/readyz")).status == 200


@pytest.fixture
async def system(settings: Settings) -> AsyncIterator[System]:
    """Gateway and projector, ready."""
    async with projector(settings), gateway(settings) as made:
        await until(lambda: is_ready(made), "the gateway is ready")
        yield made


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder with three small files that look like audio to whoever does not decode them."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number} song.flac").write_bytes(b"fLaC" + bytes(range(256)) * 40)
    return folder
