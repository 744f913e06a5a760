"""The servers that are not configured: ours to start, for all services or for a command that looks into a Starling at
rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.up.datadir import LOCK, SECRET_KEY, kept_secret, open_data_dir, sole_instance
from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared import secrets
from shared.errors import ConfigurationError
from shared.settings import Settings

Servers = dict[str, PostgresServer | ValkeyServer]


def key_environment(settings: Settings, folder: Path) -> dict[str, str]:
    """What leads a process to the key for passwords: the one that is configured, else ours in ``folder``, made on first
    use."""
    if settings.secret_key_file is not None:
        return {"STARLING_SECRET_KEY_FILE": str(settings.secret_key_file.absolute())}
    if key := settings.secret_key.get_secret_value():
        return {"STARLING_SECRET_KEY": key}
    kept_secret(folder / SECRET_KEY, secrets.new_key)
    return {"STARLING_SECRET_KEY_FILE": str(folder / SECRET_KEY)}


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
    """Start them on the data directory, which nobody else may use meanwhile; the environment that leads to them and to
    the key for passwords. They are stopped in the end.

    ``make`` makes a data directory where there is none. Raises ``ConfigurationError``, ``StoreUnavailable``.
    """
    if not make and not (settings.data_dir / LOCK).exists():
        raise ConfigurationError(f"there is no Starling on {settings.data_dir}; name its folder with --data-dir")
    folder = open_data_dir(settings.data_dir)
    with sole_instance(folder):
        servers = embedded(settings, folder)
        try:
            await start(servers)
            environment = key_environment(settings, folder)
            for server in servers.values():
                environment |= server.environment()
            yield environment
        finally:
            await asyncio.gather(*(server.stop() for server in servers.values()))
