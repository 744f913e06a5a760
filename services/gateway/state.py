"""What one gateway process holds, and the way to its database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from shared import postgres
from shared.settings import Settings
from shared.streams import Streams

if TYPE_CHECKING:
    from services.gateway.adapters import Adapters
    from services.gateway.arrivals import Arrivals
    from services.gateway.deciding import Decisions
    from services.gateway.intake import Intake
    from services.gateway.live import Live
    from services.gateway.neighbours import Neighbours
    from services.gateway.tagging import LibraryTags
    from services.gateway.watching import Watching
    from shared.postgres import Connection, Pool


@dataclass(frozen=True, slots=True)
class Gateway:
    """Everything a route may ask for. One per process."""

    settings: Settings
    streams: Streams
    pool: Pool
    arrivals: Arrivals
    intake: Intake
    decisions: Decisions
    adapters: Adapters
    tags: LibraryTags
    neighbours: Neighbours
    live: Live
    watching: Watching

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection to read from."""
        async with postgres.reading(self.pool) as connection:
            yield connection


GATEWAY = web.AppKey("gateway", Gateway)
BASE = web.AppKey("base", str)
"""STARLING_BASE_PATH: what every address of ours begins with."""
