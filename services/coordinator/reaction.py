"""The coordinator as a follower of the log: policies decide, the outbox remembers, the log gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from services.coordinator import outbox
from services.coordinator.policies import analysis_runs, chains, clusterings, schedules, syncs
from shared import postgres
from shared.archive import EVENT_LOG_TABLE
from shared.events import Event
from shared.follower import POSITIONS_TABLE, parse
from shared.messages import Envelope
from shared.settings import Settings
from shared.streams import LogEntry, Streams, Unit

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

Decide = Callable[[Any, Sequence[Envelope[Any]]], Awaitable[list[Unit]]]


@dataclass(frozen=True, slots=True)
class Policy:
    """One reaction: which events it hears, and what it decides on them."""

    name: str
    handles: tuple[type[Event], ...]
    decide: Decide


POLICIES = tuple(
    Policy(policy.name, policy.handles, policy.decide)
    for policy in (analysis_runs, clusterings, chains, syncs, schedules)
)
TABLES = (
    EVENT_LOG_TABLE,
    POSITIONS_TABLE,
    outbox.TABLE,
    *analysis_runs.TABLES,
    *clusterings.TABLES,
    *chains.TABLES,
    *syncs.TABLES,
    *schedules.TABLES,
)


class Coordinator:
    """Implements ``shared.follower.Reaction``."""

    def __init__(self, streams: Streams, pool: Pool) -> None:
        self._streams = streams
        self._pool = pool

    async def apply(self, connection: Connection, batch: Sequence[LogEntry]) -> None:
        """Let every policy see its events of the batch, and keep what they decide."""
        events = parse(batch)
        for policy in POLICIES:
            heard = [event for event in events if isinstance(event.message, policy.handles)]
            if heard:
                await outbox.put(connection, batch[-1].position, await policy.decide(connection, heard))

    async def committed(self, position: int) -> None:
        """Append what was decided."""
        async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
            count = await outbox.publish(connection, self._streams.log)
        if count:
            log.info("decided", units=count)


async def create_tables(settings: Settings) -> None:
    """Create the coordinator's tables; safe to repeat."""
    await postgres.create_kept(settings, TABLES)
