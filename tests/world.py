"""Stores with all tables, and a projector that is turned by hand: what a service sees, without the other services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from services.fetcher.handlers import HANDLERS
from services.fetcher.library import Library, create_tables
from services.projector.reaction import Projector
from services.projector.rebuild import ensure_current
from shared import embedding, postgres, secrets
from shared.audio_store import open_store
from shared.commands import SERVICES, AnalyzeTrack, Command, StartAnalysis
from shared.events import EVENTS, Event, Profile, Scope, ServerAdded, TrackAnalyzed
from shared.follower import Follower
from shared.messages import Envelope, Outcome, Send, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.upcasts import read
from shared.worker import Context, Handler, Worker
from tests import given
from tests.waiting import until

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool


class World:
    """Made by ``world``."""

    def __init__(self, settings: Settings, streams: Streams, pool: Pool, connection: Connection) -> None:
        self.settings = settings
        self.streams = streams
        self.pool = pool
        self.connection = connection
        self._follower = Follower("projector", settings, streams, Projector(settings))

    async def happened(self, *events: Event, blob: bytes | None = None) -> None:
        """Append events to the log."""
        await self.streams.log.append(Unit(uuid7(), events=[wrap(event, blob=blob) for event in events]))

    async def ordered(self, *commands: Command) -> None:
        """Append commands to their streams."""
        await self.streams.log.append(Unit(uuid7(), commands=[Send(wrap(command)) for command in commands]))

    async def projected(self) -> None:
        """Bring the read models up to the end of the log."""
        while batch := await self.streams.log.page(self._follower.position, 500):
            await self._follower.step(self.connection, batch)

    async def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        """The answer of a SELECT."""
        return [dict(row) for row in await self.connection.fetch(query, *arguments)]

    async def events(self, *kinds: type[Event]) -> list[Any]:
        """The messages of the log, of these kinds if any are named."""
        found: list[Envelope[Any]] = []
        position = 0
        while page := await self.streams.log.page(position, 1000):
            position = page[-1].position
            found += [read(EVENTS, entry.raw, entry.position) for entry in page]
        return [envelope.message for envelope in found if not kinds or isinstance(envelope.message, kinds)]

    @asynccontextmanager
    async def working(
        self, service: str, handlers: Mapping[type[Any], Handler[Any]], deps: Any, *, slots: int = 4
    ) -> AsyncIterator[None]:
        """A worker of ``service`` in this process, and delayed commands moved when due."""
        stop = asyncio.Event()
        worker: Worker[Any] = Worker(
            service, handlers, deps, self.streams, self.settings, slots=slots, consumer=f"{service}-test"
        )
        tasks = [asyncio.create_task(worker.run(stop)), asyncio.create_task(self._promote(stop))]
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def _promote(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.streams.promote()
            await asyncio.sleep(0.01)

    @asynccontextmanager
    async def fetching(self) -> AsyncIterator[Library]:
        """The fetcher's worker with its real means."""
        library = Library(self.settings, self.pool, open_store(self.settings))
        try:
            async with self.working("fetcher", HANDLERS, library):
                yield library
        finally:
            await library.close()

    @asynccontextmanager
    async def pretending_to_analyse(self, *, fail: str | None = None) -> AsyncIterator[list[AnalyzeTrack]]:
        """A worker of the analyzer that listens to nothing; the commands it got."""
        got: list[AnalyzeTrack] = []

        async def handle(command: AnalyzeTrack, _: Context[None]) -> Outcome:
            got.append(command)
            return Outcome(events=(wrap(analyzed(command), blob=vector(command.track_id)),))

        async with self.working("analyzer", {AnalyzeTrack: handle}, None):
            yield got

    async def quiet(self) -> None:
        """Wait until no command is left."""

        async def idle() -> bool:
            backlog = await self.streams.backlog()
            return not any(backlog[name] for name in (*SERVICES, "delayed"))

        await until(idle, "all commands ended", seconds=30)
        await self.projected()

    async def folder(self, path: Path) -> UUID:
        """A folder as a server that the read models know."""
        await self.happened(ServerAdded(server_id=given.SERVER, server_type="folder", name="Music", path=str(path)))
        await self.projected()
        return given.SERVER

    async def run(self, server: UUID, *, scope: Scope = "needed", profile: Profile = "fast") -> UUID:
        """Order an analysis; the run's id."""
        run_id = uuid7()
        await self.ordered(StartAnalysis(run_id=run_id, server_ids=(server,), profile=profile, scope=scope))
        return run_id


def analyzed(command: AnalyzeTrack) -> TrackAnalyzed:
    """A plausible result."""
    return TrackAnalyzed(
        run_id=command.run_id,
        server_id=command.server_id,
        track_id=command.track_id,
        content_version=command.content_version,
        profile=command.profile,
        feature_version=embedding.FEATURE_VERSION,
        space=embedding.SPACE,
        audio_hash=command.track_id.hex,
        duration_s=60.0,
        tempo_bpm=60.0 + command.track_id.int % 120,
        energy=0.5,
        stages_s={"fetch": command.fetch_s, "decode": 0.1},
    )


def vector(track_id: UUID) -> bytes:
    """A random unit vector and tag probabilities that belong to a track."""
    random = np.random.default_rng(track_id.int % 2**63)
    direction = random.normal(size=embedding.EMBEDDING_SIZE).astype(np.float32)
    tags = random.random(embedding.TAG_COUNT).astype(np.float32)
    return embedding.pack(direction / np.linalg.norm(direction), tags)


@asynccontextmanager
async def world(settings: Settings) -> AsyncIterator[World]:
    """All tables, nothing in them."""
    streams = Streams(settings)
    await create_tables(settings)
    await secrets.create_table(settings)
    await ensure_current(settings, asyncio.Event())
    pool = await postgres.open_pool(settings)
    connection = await postgres.open_connection(settings)
    try:
        yield World(settings, streams, pool, connection)
    finally:
        await connection.close()
        await pool.close()
        await streams.close()
