"""The neighbour index of this process: a cache of the table ``track_vectors`` that follows the projector."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import structlog

from services.gateway import arrivals as arriving
from services.gateway.arrivals import Arrivals
from services.gateway.problems import ProblemError
from shared.errors import NotFound, StoreUnavailable
from shared.settings import Settings
from shared.vectors import Neighbour, VectorIndex

if TYPE_CHECKING:
    from shared.postgres import Pool

log = structlog.get_logger(__name__)

_TRY_AGAIN_S = 0.5
_SAVE_EVERY_S = 60.0
_SAVE_AT_LEAST = 500
"""A restart reads so many changes in less time than it is worth writing the index for."""

_NOT_THERE_YET = (StoreUnavailable, asyncpg.PostgresError)
"""PostgreSQL is away, or its tables are not there (yet), or are being replaced just now."""


class Neighbours:
    """Loads the index, keeps it up to date, saves it now and then."""

    def __init__(self, settings: Settings, pool: Pool, arrivals: Arrivals) -> None:
        self._index = VectorIndex()
        self._folder = settings.data_dir / "vectors"
        self._pool = pool
        self._arrivals = arrivals
        self._refreshed = asyncio.Condition()

    @property
    def ready(self) -> bool:
        """Whether everything that is in the table has been read once."""
        return self._index.ready

    @property
    def vectors(self) -> int:
        """How many there are."""
        return len(self._index)

    @property
    def position(self) -> int:
        """The place in the log up to which vectors are found."""
        return self._index.position

    async def run(self) -> None:
        """Load, then follow the projector until cancelled."""
        while not await self._tried(self._load):
            pass
        saving = asyncio.create_task(self._save_now_and_then(), name="save-vectors")
        try:
            seen = self._index.position
            while True:
                arrived = await self._arrivals.change(seen)
                if await self._tried(self._refresh):
                    seen = arrived
        finally:
            saving.cancel()

    async def of(self, track_id: UUID, n: int, server_id: UUID | None = None) -> list[Neighbour] | None:
        """The nearest tracks, None for a track without a vector. Raises ``ProblemError`` while the index is loading."""
        if not self._index.ready:
            raise ProblemError(
                503,
                "Starling is still reading how your tracks sound; ask again in a moment.",
                reason="index_loading",
                headers={"Retry-After": "1"},
            )
        try:
            return await self._index.neighbours(track_id, n, server_id=server_id)
        except NotFound:
            return None

    async def wait(self, position: int) -> None:
        """Return once vectors up to ``position`` are found, or when that takes too long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed(position), arriving.PATIENCE_S)

    async def close(self) -> None:
        """Stop the threads."""
        await self._index.close()

    async def _passed(self, position: int) -> None:
        async with self._refreshed:
            await self._refreshed.wait_for(lambda: self._index.position >= position)

    async def _load(self) -> None:
        await self._index.load(self._pool, self._folder)
        if not self._index.ready:
            raise StoreUnavailable("the projector has not created its tables yet")

    async def _refresh(self) -> None:
        await self._index.refresh(self._pool)
        async with self._refreshed:
            self._refreshed.notify_all()

    async def _tried(self, step: Callable[[], Awaitable[None]]) -> bool:
        """Whether ``step`` could be done; a moment later where it could not."""
        try:
            await step()
        except _NOT_THERE_YET as error:
            log.info("vectors_wait", reason=str(error))
            await asyncio.sleep(_TRY_AGAIN_S)
            return False
        return True

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            if self._index.unsaved < max(_SAVE_AT_LEAST, len(self._index) // 20):
                continue
            try:
                path = await self._index.save(self._folder)
            except (OSError, ValueError) as error:
                log.warning("vectors_not_saved", folder=str(self._folder), error=str(error))
            else:
                log.info("vectors_saved", path=str(path))
