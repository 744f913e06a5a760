"""The servers that are not configured: ours to start, for all services or for a command that looks into a Starling at
rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.up.datadir import LOCK, SECRET_KEY, open_data_dir, sole_instance
from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.errors import ConfigurationError
from shared.settings import Settings

Servers = dict[str, PostgresServer | ValkeyServer]


def embedded(settings: Settings, folder: Path) -> Servers:
    """Those that ``settings`` leave to us, by name, with their data below ``folder``."""
    servers: Servers = {}
    if not settings.redis_url.get_secret_value():
        servers["valkey"] = ValkeyServer(folder / "valkey", durability=settings.durability)
    if not settings.postgres_host:
        servers["postgres"] = PostgresServer(folder / "postgres")
    return servers


async def start(servers: Servers) -> None:
    """Start them side by side. Raises the first one's ``StoreUnavailable``."""
    try:
        async with asyncio.TaskGroup() as group:
            for server in servers.values():
                group.create_task(server.start())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


@asynccontextmanager
async def standing(settings: Settings, *, make: bool) -> AsyncIterator[dict[str, str]]:
    """Start them on the data directory, which nobody else may use meanwhile; the environment that leads to them, and
    the key that lies beside them if there is one. They are stopped in the end.

    ``make`` makes a data directory where there is none. Raises ``ConfigurationError``, ``StoreUnavailable``.
    """
    if not make and not (settings.data_dir / LOCK).exists():
        raise ConfigurationError(f"there is no Starling on {settings.data_dir}; name its folder with --data-dir")
    folder = open_data_dir(settings.data_dir)
    with sole_instance(folder):
        servers = embedded(settings, folder)
        try:
            await start(servers)
            key = folder / SECRET_KEY
            environment = {"STARLING_SECRET_KEY": key.read_text().strip()} if key.exists() else {}
            for server in servers.values():
                environment |= server.environment()
            yield environment
        finally:
            await asyncio.gather(*(server.stop() for server in servers.values()))
