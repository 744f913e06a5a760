"""The servers that are not configured, without any service: for a command that looks into a Starling at rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.up.datadir import LOCK, SECRET_KEY, open_data_dir, sole_instance
from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.errors import ConfigurationError
from shared.settings import Settings


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
        servers: list[ValkeyServer | PostgresServer] = []
        if not settings.redis_url.get_secret_value():
            servers.append(ValkeyServer(folder / "valkey", durability=settings.durability))
        if not settings.postgres_host:
            servers.append(PostgresServer(folder / "postgres"))
        try:
            for server in servers:
                await server.start()
            key = folder / SECRET_KEY
            environment = {"STARLING_SECRET_KEY": key.read_text().strip()} if key.exists() else {}
            for server in servers:
                environment |= server.environment()
            yield environment
        finally:
            await asyncio.gather(*(server.stop() for server in servers))
