"""Real servers for the tests: PostgreSQL and Valkey as `starling up` runs them, and Debian's Redis 7.0."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from redis.asyncio import Redis

from services.up.postgres import PostgresServer
from services.up.server import ServerProcess
from services.up.valkey import ValkeyServer
from shared.settings import Settings

T = TypeVar("T")
S = TypeVar("S", bound=ServerProcess)

# Nobody reads a test's tables after a power cut.
FORGETFUL = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def settle(work: Coroutine[Any, Any, T]) -> T:
    """Finish ``work`` outside of any test's event loop, and leave no trace of the loop it ran on."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        return loop.run_until_complete(work)


@contextlib.contextmanager
def running(server: S) -> Iterator[S]:
    """``server``, started; stopped in the end."""
    settle(server.start())
    try:
        yield server
    finally:
        settle(server.stop())


def fast_postgres(folder: Path) -> PostgresServer:
    """A PostgreSQL that does not wait for the disk."""
    return PostgresServer(folder, settings=FORGETFUL)


@contextlib.contextmanager
def stores() -> Iterator[dict[str, str]]:
    """PostgreSQL and Valkey with the durability of ``starling up``, in a folder that goes with them: the environment
    that leads to them."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        database, streams = PostgresServer(Path(folder, "postgres")), ValkeyServer(Path(folder, "valkey"))
        with running(database), running(streams):
            yield {**database.environment(), "REDIS_URL": streams.url, "STARLING_DATA_DIR": folder}


def redis7(folder: Path) -> ValkeyServer:
    """Debian's Redis 7.0, the oldest server that Starling supports. Raises ``LookupError`` that says how to get it."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise LookupError("redis-server is not installed; run: apt-get install redis-server")
    return ValkeyServer(folder, binary=Path(binary))


@contextlib.asynccontextmanager
async def fresh_database(server: PostgresServer) -> AsyncIterator[dict[str, str]]:
    """An empty database, dropped afterwards. Gives the environment that leads to it."""
    name = f"test_{uuid4().hex}"
    admin = await server.connect("postgres")
    try:
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy")
        try:
            yield {**server.environment(), "POSTGRES_DB": name}
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await admin.close()


async def emptied(server: ValkeyServer) -> str:
    """The URL of ``server``, after everything in it was removed: keys, scripts and functions."""
    client = Redis.from_url(server.url)
    try:
        await client.flushall()
        await client.script_flush()
        await client.function_flush()
    finally:
        await client.aclose()
    return server.url


async def connect(settings: Settings) -> asyncpg.Connection[asyncpg.Record]:
    """A connection to the database that the settings lead to."""
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_user,
        password=settings.postgres_password.get_secret_value(),
        database=settings.postgres_db,
    )
    return connection
