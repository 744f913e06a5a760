"""Connections to the servers that the read models know, kept until an address or a login changes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING
from uuid import UUID

from shared import postgres, secrets
from shared.errors import LibraryUnusable
from shared.mediaservers import connect
from shared.mediaservers.base import PlaylistServer, ServerConfig
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Pool

_CONFIG = """
SELECT server_type, name, path, url, username, secret_id, login, libraries
  FROM servers WHERE server_id = $1 AND NOT removed
"""


class Connections:
    """One adapter per server. ``pool`` finds the read models and the secrets."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._held: dict[UUID, tuple[ServerConfig, PlaylistServer]] = {}
        self._connecting = asyncio.Lock()

    async def of(self, server_id: UUID) -> PlaylistServer:
        """The adapter of a server. Raises ``LibraryUnusable`` (server_removed, credentials_missing,
        credentials_unreadable) and ``StoreUnavailable``."""
        async with self._connecting:
            config = await self._config(server_id)
            held = self._held.get(server_id)
            if held is not None and held[0] == config:
                return held[1]
            await self.drop(server_id)
            adapter = connect(config)
            self._held[server_id] = (config, adapter)
            return adapter

    async def drop(self, server_id: UUID) -> None:
        """Give the connections to one server back."""
        held = self._held.pop(server_id, None)
        if held is not None:
            await held[1].close()

    async def close(self) -> None:
        """Give all connections back."""
        for server_id in list(self._held):
            await self.drop(server_id)

    async def _config(self, server_id: UUID) -> ServerConfig:
        async with postgres.reading(self._pool) as connection:
            row = await connection.fetchrow(_CONFIG, server_id)
        if row is None:
            await self.drop(server_id)
            raise LibraryUnusable("server_removed", "This library was removed from Starling.")
        secret_id = row["secret_id"]
        return ServerConfig(
            server_id,
            row["server_type"],
            row["name"],
            path=row["path"],
            url=row["url"],
            username=row["username"],
            password=await secrets.load(self._pool, self._settings, secret_id) if secret_id else None,
            login=row["login"],
            libraries=None if row["libraries"] is None else tuple(json.loads(row["libraries"])),
        )
