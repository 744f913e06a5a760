"""The fetcher's means: servers and their adapters, what is known of their tracks, and the rows of a scan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from shared import postgres
from shared.audio_store import AudioStore, borrow
from shared.commands import AudioRef, FetchAudio
from shared.errors import BadAudio
from shared.mediaservers.base import MediaServer
from shared.mediaservers.connections import Connections
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

SCAN_SEEN_TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.scan_seen (
    run_id uuid NOT NULL,
    server_id uuid NOT NULL,
    track_id uuid NOT NULL,
    command_id uuid NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, server_id, track_id)
)
"""
_SWEEP_AFTER = "7 days"


@dataclass(frozen=True, slots=True)
class Known:
    """What the read models say of one track; a stale answer costs a wasted fetch, never a wrong result."""

    content_version: str
    meta_version: str
    removed: bool
    failed: bool
    failed_for_good: bool
    analysed_content: str | None
    feature_version: int | None
    space: str | None
    profile: str | None


_KNOWN = """
SELECT t.track_id, t.content_version, t.meta_version, t.removed,
       t.status = 'failed' AS failed,
       coalesce(t.failure_permanent AND t.failed_content_version = t.content_version, false) AS failed_for_good,
       a.content_version AS analysed_content, a.feature_version, a.space, a.profile
  FROM tracks t LEFT JOIN track_analysis a USING (track_id)
 WHERE t.track_id = ANY($1::uuid[])
"""

_MARK_SEEN = """
INSERT INTO scan_seen (run_id, server_id, track_id, command_id)
SELECT $1, $2, track_id, $4 FROM unnest($3::uuid[]) AS track_id
ON CONFLICT DO NOTHING
"""

_GONE = """
SELECT t.track_id FROM tracks t
 WHERE t.server_id = $2 AND NOT t.removed
   AND NOT EXISTS (SELECT 1 FROM scan_seen s WHERE s.run_id = $1 AND s.server_id = $2 AND s.track_id = t.track_id)
 ORDER BY t.track_id
"""


class Library:
    """Everything a fetcher handler may ask for. One per process."""

    def __init__(self, settings: Settings, pool: Pool, store: AudioStore) -> None:
        self.settings = settings
        self.store = store
        self.shares_disk = not settings.audio_store.startswith("redis:")
        self._pool = pool
        self._connections = Connections(settings, pool)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Connection]:
        async with postgres.translated_reading(), postgres.transaction(self._pool) as connection:
            yield connection

    async def server(self, server_id: UUID) -> MediaServer:
        """The adapter of a server, kept until its address or login changes. Raises ``LibraryUnusable`` when the server
        was removed."""
        return await self._connections.of(server_id)

    async def mark_seen(self, run_id: UUID, server_id: UUID, command_id: UUID, tracks: Sequence[UUID]) -> set[UUID]:
        """Note that a scan has listed ``tracks``; returns those that no other page of the scan had listed before.
        The same command gives the same answer however often it is repeated."""
        async with self._transaction() as connection:
            await connection.execute(_MARK_SEEN, run_id, server_id, tracks, command_id)
            rows = await connection.fetch(
                "SELECT track_id FROM scan_seen WHERE run_id = $1 AND server_id = $2 AND command_id = $3"
                " AND track_id = ANY($4::uuid[])",
                run_id,
                server_id,
                command_id,
                tracks,
            )
        return {row["track_id"] for row in rows}

    async def known(self, tracks: Sequence[UUID]) -> dict[UUID, Known]:
        """What the read models hold of ``tracks``."""
        async with self._transaction() as connection:
            rows = await connection.fetch(_KNOWN, tracks)
        return {row["track_id"]: Known(**{name: row[name] for name in Known.__slots__}) for row in rows}

    async def gone(self, run_id: UUID, server_id: UUID) -> list[UUID]:
        """Tracks that Starling knows and the finished scan did not list."""
        async with self._transaction() as connection:
            return [row["track_id"] for row in await connection.fetch(_GONE, run_id, server_id)]

    async def borrow(self, server: MediaServer, command: FetchAudio) -> AudioRef | None:
        """The listener's own file, when the analyzer shares its disk; it is only read."""
        if not self.shares_disk:
            return None
        path = await server.local_path(command.item_id)
        if path is None:
            return None
        size = await asyncio.to_thread(_size_of, path)
        return borrow(path, size)

    async def download(self, server: MediaServer, command: FetchAudio, key: UUID) -> AudioRef:
        """The original bytes, put into the audio store under ``key``."""
        audio = await server.open_audio(command.item_id)
        return await self.store.put(key, audio.chunks, command.suffix, audio.size_bytes)

    async def sweep(self) -> None:
        """Forget the rows of old scans, and audio that nobody came for."""
        async with self._transaction() as connection:
            await connection.execute(f"DELETE FROM scan_seen WHERE seen_at < now() - interval '{_SWEEP_AFTER}'")  # noqa: S608
        await self.store.sweep(older_than_s=24 * 3600)

    async def close(self) -> None:
        """Close all adapters and the audio store."""
        await self._connections.close()
        await self.store.close()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        raise BadAudio("file_missing", f"{path.name} is no longer there.") from None
    except PermissionError:
        raise BadAudio("no_permission", f"{path.name} may not be read by the user Starling runs as.") from None


async def create_tables(settings: Settings) -> None:
    """Create the fetcher's own table; safe to repeat."""
    await postgres.create_kept(settings, [SCAN_SEEN_TABLE])
