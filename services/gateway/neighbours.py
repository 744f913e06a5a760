"""The neighbour indexes of this process: caches of the table ``track_vectors`` that follow the projector.

There is one for Starling's own vectors and one for those of AudioMuse-AI. A question is answered in one of them:
vectors of two spaces are never compared.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import structlog

from services.gateway import arrivals as arriving
from services.gateway.arrivals import Arrivals
from services.gateway.problems import ProblemError
from shared.embedding import AUDIOMUSE_SIZE, AUDIOMUSE_SPACE
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


@dataclass(frozen=True, slots=True)
class Near:
    """For each track that was asked for its neighbours in ``space``, None where it has no vector there."""

    space: str
    tracks: list[list[Neighbour] | None]


class Neighbours:
    """Loads the indexes, keeps them up to date, saves them now and then."""

    def __init__(self, settings: Settings, pool: Pool, arrivals: Arrivals) -> None:
        self._own = VectorIndex()
        self._indexes = (self._own, VectorIndex(AUDIOMUSE_SPACE, AUDIOMUSE_SIZE))
        self._folder = settings.data_dir / "vectors"
        self._pool = pool
        self._arrivals = arrivals
        self._refreshed = asyncio.Condition()

    @property
    def ready(self) -> bool:
        """Whether everything that is in the table has been read once."""
        return all(index.ready for index in self._indexes)

    @property
    def vectors(self) -> int:
        """How many of Starling's own there are."""
        return len(self._own)

    @property
    def position(self) -> int:
        """The place in the log up to which vectors are found."""
        return min(index.position for index in self._indexes)

    async def run(self) -> None:
        """Load, then follow the projector until cancelled."""
        while not await self._tried(self._load):
            pass
        saving = asyncio.create_task(self._save_now_and_then(), name="save-vectors")
        try:
            seen = self.position
            while True:
                arrived = await self._arrivals.change(seen)
                if await self._tried(self._refresh):
                    seen = arrived
        finally:
            saving.cancel()

    async def of(self, track_ids: Sequence[UUID], n: int, server_id: UUID | None = None) -> Near:
        """The tracks nearest to each, all in one space, so that the distances can be compared. Raises ``ProblemError``
        while an index is loading."""
        if not self.ready:
            raise ProblemError(
                503,
                "Starling is still reading how your tracks sound; ask again in a moment.",
                reason="index_loading",
                headers={"Retry-After": "1"},
            )
        index = self._shared_by(track_ids)
        tracks = await asyncio.gather(*(_nearest(index, track_id, n, server_id) for track_id in track_ids))
        return Near(index.space, tracks)

    def _shared_by(self, track_ids: Sequence[UUID]) -> VectorIndex:
        """The first index that holds all of them; Starling's own where none does."""
        whole = (index for index in self._indexes if all(track_id in index for track_id in track_ids))
        return next(whole, self._own)

    async def wait(self, position: int) -> None:
        """Return once vectors up to ``position`` are found, or when that takes too long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._passed(position), arriving.PATIENCE_S)

    async def close(self) -> None:
        """Stop the threads."""
        for index in self._indexes:
            await index.close()

    async def _passed(self, position: int) -> None:
        async with self._refreshed:
            await self._refreshed.wait_for(lambda: self.position >= position)

    async def _load(self) -> None:
        for index in self._indexes:
            await index.load(self._pool, self._folder)
        if not self.ready:
            raise StoreUnavailable("the projector has not created its tables yet")

    async def _refresh(self) -> None:
        for index in self._indexes:
            await index.refresh(self._pool)
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
            for index in self._indexes:
                if index.unsaved >= max(_SAVE_AT_LEAST, len(index) // 20):
                    await self._save(index)

    async def _save(self, index: VectorIndex) -> None:
        try:
            path = await index.save(self._folder)
        except (OSError, ValueError) as error:
            log.warning("vectors_not_saved", folder=str(self._folder), error=str(error))
        else:
            log.info("vectors_saved", path=str(path))


async def _nearest(index: VectorIndex, track_id: UUID, n: int, server_id: UUID | None) -> list[Neighbour] | None:
    try:
        return await index.neighbours(track_id, n, server_id=server_id)
    except NotFound:
        return None
