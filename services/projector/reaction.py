"""What the projector does with a batch of the log: archive it, derive the read models, tell who waits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog

from services.projector import schema
from services.projector.projections import PROJECTIONS, project
from shared import tracing
from shared.archive import write_archive
from shared.errors import ConfigurationError
from shared.follower import parse
from shared.settings import Settings
from shared.streams import LogEntry

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)


def channel(settings: Settings) -> str:
    """What to LISTEN to; the payload is the packed position of the last event in the read models."""
    return f"{settings.kept_schema}_projected"


class Projector:
    """Implements ``shared.follower.Reaction``."""

    def __init__(self, settings: Settings) -> None:
        self._channel = channel(settings)
        self._version = schema.version()

    async def apply(self, connection: Connection, batch: Sequence[LogEntry]) -> None:
        """Archive, rows and notification become visible together, with the position."""
        await self._check_version(connection)
        started_ns, events = time.time_ns(), parse(batch)
        await write_archive(connection, batch)
        await project(connection, PROJECTIONS, events)
        for event in events:
            if event.traceparent:
                tracing.record(f"project {event.message.wire_type}", event.traceparent, started_ns)
        await connection.execute("SELECT pg_notify($1, $2)", self._channel, str(batch[-1].position))

    async def _check_version(self, connection: Connection) -> None:
        """Somebody may have rebuilt the read models with another release while we were running."""
        found = await connection.fetchval("SELECT version FROM read_model_version")
        if found != self._version:
            raise ConfigurationError(
                "the read models were rebuilt by another release of Starling; stop the projectors of the old release"
            )

    async def committed(self, position: int) -> None:
        """Nothing is left to do: who waits was told in the transaction."""
