"""The syncer's means: what is to be written where, the servers, and the lock that keeps two from writing at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from services.syncer.journal import TABLE
from shared import postgres
from shared.counterparts import Resolved, resolve
from shared.errors import ConfigurationError, InvalidInput, LibraryUnusable
from shared.mediaservers.base import PlaylistServer
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

SLOTS = 6
"""Commands worked on at once; each holds a connection for its lock, and needs a second one for a moment."""


class Servers(Protocol):
    """``shared.mediaservers.connections.Connections``."""

    async def of(self, server_id: UUID) -> PlaylistServer:
        """The adapter of a server."""
        ...


@dataclass(frozen=True, slots=True)
class Playlist:
    """A playlist as the read models have it."""

    playlist_id: UUID
    name: str
    version: int
    track_ids: tuple[UUID, ...]
    deleted: bool


class Library:
    """Everything a syncer handler may ask for. One per process."""

    def __init__(self, settings: Settings, pool: Pool, servers: Servers) -> None:
        self.settings = settings
        self._pool = pool
        self._servers = servers

    async def server(self, server_id: UUID) -> PlaylistServer:
        """The adapter of a server. Raises ``LibraryUnusable``."""
        try:
            return await self._servers.of(server_id)
        except (ConfigurationError, InvalidInput) as error:
            raise LibraryUnusable("unusable_settings", f"{error}. Change the library in the settings.") from error

    async def playlists(self, named: Sequence[UUID]) -> dict[UUID, int]:
        """Version of each playlist that is not deleted, of those named or of all; the first made comes first."""
        async with postgres.reading(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT playlist_id, version FROM playlists WHERE NOT deleted"
                " AND ($1::uuid[] IS NULL OR playlist_id = ANY($1)) ORDER BY created_at, playlist_id",
                list(named) or None,
            )
        return {row["playlist_id"]: row["version"] for row in rows}

    async def servers(self, named: Sequence[UUID]) -> list[UUID]:
        """Servers that are not removed, of those named or of all; the first added comes first."""
        async with postgres.reading(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT server_id FROM servers WHERE NOT removed"
                " AND ($1::uuid[] IS NULL OR server_id = ANY($1)) ORDER BY added_at, server_id",
                list(named) or None,
            )
        return [row["server_id"] for row in rows]

    async def playlist(self, playlist_id: UUID) -> Playlist | None:
        """One playlist, deleted ones too; None when the read models do not know it (yet)."""
        async with postgres.reading(self._pool) as connection:
            row = await connection.fetchrow(
                "SELECT playlist_id, name, version, track_ids, deleted FROM playlists WHERE playlist_id = $1",
                playlist_id,
            )
        if row is None:
            return None
        return Playlist(row["playlist_id"], row["name"], row["version"], tuple(row["track_ids"]), row["deleted"])

    async def resolve(self, playlist: Playlist, server_id: UUID) -> Resolved:
        """The playlist's tracks under the server's own ids."""
        async with postgres.reading(self._pool) as connection:
            return await resolve(connection, playlist.track_ids, server_id)

    async def known(self, server_id: UUID, tracks: Sequence[UUID]) -> set[UUID]:
        """Those of ``tracks`` that the read models know."""
        async with postgres.reading(self._pool) as connection:
            rows = await connection.fetch(
                "SELECT track_id FROM tracks WHERE server_id = $1 AND track_id = ANY($2::uuid[])", server_id, tracks
            )
        return {row["track_id"] for row in rows}

    @asynccontextmanager
    async def alone(self, playlist_id: UUID, server_id: UUID) -> AsyncIterator[Connection | None]:
        """Nobody else writes this playlist to this server while the block runs. Gives the connection that holds the
        lock, None when somebody else has it."""
        lock = f"{self.settings.tenant}:sync:{playlist_id}:{server_id}"
        async with postgres.translated():
            connection = await self._pool.acquire(timeout=10.0)
        try:
            async with postgres.translated():
                got = await connection.fetchval("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", lock)
            yield connection if got else None
        finally:
            # Giving a connection back to the pool lifts its locks; a dead one has none.
            with suppress(*postgres.UNREACHABLE):
                await self._pool.release(connection)


async def create_tables(settings: Settings) -> None:
    """Create the syncer's own table; safe to repeat."""
    await postgres.create_kept(settings, [TABLE])
