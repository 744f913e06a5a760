"""Runs that nobody works on any more.

A command is always on a stream, delayed, or parked; when there is none at all and a run, a clustering or a sync is
still open, its commands were lost with the store (somebody emptied it, or deleted its files). It would hang for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from services.coordinator.policies import analysis_runs, clusterings, syncs
from shared import postgres
from shared.archive import archived_until
from shared.commands import SERVICES
from shared.follower import Follower
from shared.streams import Streams

if TYPE_CHECKING:
    from shared.postgres import Pool

log = structlog.get_logger(__name__)

_POLICIES = (analysis_runs, clusterings, syncs)


class Stranded:
    """Looks now and then. Twice in a row with the same log and no command in between is the proof."""

    def __init__(self, streams: Streams, pool: Pool, follower: Follower) -> None:
        self._streams = streams
        self._pool = pool
        self._follower = follower
        self._quiet_at: int | None = None

    async def look(self) -> int:
        """End open runs if they are stranded; how many events that took."""
        backlog = await self._streams.backlog()
        async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
            last = max(await self._streams.log.last(), await archived_until(connection))
        if any(backlog[name] for name in (*SERVICES, "delayed")) or self._follower.position < last:
            self._quiet_at = None
            return 0
        if self._quiet_at != last:
            self._quiet_at = last
            return 0
        async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
            if await connection.fetchval("SELECT count(*) FROM coordinator_outbox"):
                return 0
            units = [unit for policy in _POLICIES for unit in await policy.give_up(connection)]
        for unit in units:
            await self._streams.log.append(unit)
        if units:
            log.warning("work_lost", events=len(units))
        return len(units)
