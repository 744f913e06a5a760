"""Connections to the libraries that tracks are played from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from services.gateway.queries import servers
from services.gateway.state import reading
from shared import secrets
from shared.errors import NotFound
from shared.mediaservers import connect
from shared.mediaservers.base import MediaServer, ServerConfig
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Pool

log = structlog.get_logger(__name__)


class Adapters:
    """One adapter per library, kept until its address or login changes."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._held: dict[UUID, tuple[ServerConfig, MediaServer]] = {}
        self._connecting = asyncio.Lock()

    async def of(self, server_id: UUID) -> MediaServer:
        """The adapter of a library. Raises ``NotFound`` when it was removed."""
        async with self._connecting:
            config = await self._config(server_id)
            held = self._held.get(server_id)
            if held is not None and held[0] == config:
                return held[1]
            await self.drop(server_id)
            adapter = connect(config)
            self._held[server_id] = (config, adapter)
            return adapter

    async def close(self) -> None:
        """Give all connections back."""
        for server_id in list(self._held):
            await self.drop(server_id)

    async def drop(self, server_id: UUID) -> None:
        """Give the connections to one library back."""
        held = self._held.pop(server_id, None)
        if held is not None:
            await held[1].close()

    async def _config(self, server_id: UUID) -> ServerConfig:
        async with reading(self._pool) as connection:
            row = await servers.address(connection, server_id)
        if row is None:
            await self.drop(server_id)
            raise NotFound("the library of this track was removed")
        password = await secrets.load(self._pool, self._settings, row["secret_id"]) if row["secret_id"] else None
        return ServerConfig(
            server_id, row["server_type"], row["name"], row["path"], row["url"], row["username"], password
        )
