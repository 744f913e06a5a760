"""The stores, a coordinator and clusterers, with libraries whose tracks have been analysed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from services.clusterer import store
from services.clusterer.child import Children
from services.clusterer.handlers import HANDLERS, Means, let_go
from services.clusterer.library import KEYS, Library
from services.coordinator.reaction import Coordinator, create_tables
from shared import embedding, postgres
from shared.commands import StartClustering
from shared.events import (
    ClusteringCancelled,
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringOptions,
    ClusteringRequested,
    Event,
    LibraryTrack,
    PlaylistsProposed,
    ServerAdded,
    TrackAnalyzed,
    TracksDiscovered,
)
from shared.follower import Follower
from shared.messages import Send, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from shared.streams.work import GROUP
from shared.worker import Worker
from tests import given
from tests.waiting import until
from tests.world import World

_ROOT = Path(__file__).resolve().parents[3]


class System:
    """Made by ``running``."""

    def __init__(self, world: World, children: Children) -> None:
        self.world = world
        self.children = children

    async def library(self, server: UUID, tracks: Library, *, analysed: int | None = None) -> None:
        """A server with these tracks, the first ``analysed`` of which are."""
        await self.world.happened(ServerAdded(server_id=server, server_type="folder", name=str(server), path="/m"))
        listed = [_listed(tracks, row) for row in range(len(tracks))]
        for start in range(0, len(listed), 200):
            await self.world.happened(
                TracksDiscovered(run_id=given.RUN, server_id=server, tracks=tuple(listed[start : start + 200]))
            )
        events = [
            wrap(_analyzed(tracks, row, server), blob=_blob(tracks, row))
            for row in range(len(tracks) if analysed is None else analysed)
        ]
        for start in range(0, len(events), 500):
            await self.world.streams.log.append(Unit(uuid7(), events=events[start : start + 500]))
        await self.world.projected()

    async def request(self, options: ClusteringOptions, seed: int = 7) -> UUID:
        """What the gateway appends when somebody asks for a clustering; the run's id."""
        run_id = uuid7()
        requested = ClusteringRequested(run_id=run_id, options=options, seed=seed)
        start = StartClustering(run_id=run_id, options=options, seed=seed)
        await self.world.streams.log.append(
            Unit(uuid7(), events=[wrap(requested)], commands=[Send(wrap(start), high=True)])
        )
        return run_id

    async def cancel(self, run_id: UUID) -> None:
        """What the gateway appends when somebody cancels one."""
        cancelled = wrap(ClusteringCancelled(run_id=run_id))
        await self.world.streams.log.append(Unit(uuid7(), events=[cancelled], flags={run_id: "cancelled"}))

    async def of(self, run_id: UUID, *kinds: type[Event]) -> list[Any]:
        """The events of a run."""
        return [event for event in await self.world.events(*kinds) if event.run_id == run_id]

    async def ended(self, run_id: UUID, *, seconds: float = 60.0) -> Any:
        """Wait for the run's end: ``ClusteringCompleted`` or ``ClusteringFailed``."""

        async def over() -> bool:
            return bool(await self.of(run_id, ClusteringCompleted, ClusteringFailed))

        await until(over, f"the clustering {run_id} ended", seconds=seconds)
        return (await self.of(run_id, ClusteringCompleted, ClusteringFailed))[0]

    async def proposals(self, run_id: UUID) -> list[tuple[str, tuple[UUID, ...]]]:
        """Names and tracks of the playlists that a run proposed."""
        found = await self.of(run_id, PlaylistsProposed)
        return [(one.name, one.track_ids) for event in found for one in event.proposals]

    async def idle(self) -> bool:
        """True when no command of the clusterer is left."""
        return (await self.world.streams.backlog())["clusterer"] == 0

    @asynccontextmanager
    async def clustering(self) -> AsyncIterator[None]:
        """One clusterer, its worker in this process."""
        stop = asyncio.Event()
        streams = Streams(self.world.settings)
        means = Means(self.world.settings, self.world.pool, self.children)
        worker: Worker[Means] = Worker(
            "clusterer", HANDLERS, means, streams, self.world.settings, slots=2, consumer="here", after_commit=let_go
        )
        task = asyncio.create_task(worker.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task
            await streams.close()

    @contextmanager
    def replicas(self, environment: dict[str, str], count: int) -> Iterator[dict[str, Replica]]:
        """Clusterers as processes of their own, by the name they have as consumers."""
        made = [Replica(f"r{number}", environment) for number in range(count)]
        try:
            yield {f"clusterer-{replica.name}": replica for replica in made}
        finally:
            for replica in made:
                replica.kill()

    async def at_work(self) -> list[str]:
        """Consumers that hold a command, the one that has held it longest first."""
        streams, found = self.world.streams, []
        for key in streams.keys.work_streams("clusterer"):
            if await streams.client.exists(key):
                pending: Any = await streams.client.xpending_range(key, GROUP, "-", "+", 20)
                found += [(-entry["time_since_delivered"], entry["consumer"].decode()) for entry in pending]
        return [name for _, name in sorted(found)]


class Replica:
    """One ``python -m services.clusterer``."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = name
        self._environment = {**os.environ, **environment, "STARLING_REPLICA": name, "STARLING_LOG_LEVEL": "warning"}
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        self._process = subprocess.Popen([sys.executable, "-m", "services.clusterer"], env=self._environment, cwd=_ROOT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@asynccontextmanager
async def running(settings: Settings, world: World) -> AsyncIterator[System]:
    """``world`` with a coordinator."""
    await create_tables(settings)
    await store.create_tables(settings)
    streams = Streams(settings)
    pool = await postgres.open_pool(settings, most=2)
    stop = asyncio.Event()
    follower = Follower("coordinator", settings, streams, Coordinator(streams, pool))
    coordinating = asyncio.create_task(follower.run(stop))
    children = Children(settings, 2)
    try:
        yield System(world, children)
    finally:
        stop.set()
        await coordinating
        await children.close()
        await pool.close()
        await streams.close()


def _listed(tracks: Library, row: int) -> LibraryTrack:
    return LibraryTrack(
        track_id=tracks.track_ids[row],
        item_id=f"{row}.ogg",
        content_version="1",
        meta_version="1",
        title=tracks.title[row],
        artist=tracks.artist[row],
        album=tracks.album[row],
        genre=tracks.genre[row],
        year=int(tracks.year[row]) or None,
    )


def _analyzed(tracks: Library, row: int, server: UUID) -> TrackAnalyzed:
    return TrackAnalyzed(
        run_id=given.RUN,
        server_id=server,
        track_id=tracks.track_ids[row],
        content_version="1",
        profile="full",
        feature_version=embedding.FEATURE_VERSION,
        space=embedding.SPACE,
        audio_hash=tracks.audio_hash[row],
        duration_s=float(tracks.duration_s[row]),
        tempo_bpm=float(tracks.tempo_bpm[row]),
        key=KEYS[tracks.key[row]],
        scale="major" if tracks.scale[row] else "minor",
        energy=float(tracks.energy[row]),
        brightness=float(tracks.brightness[row]),
        loudness_lufs=float(tracks.loudness[row]),
    )


def _blob(tracks: Library, row: int) -> bytes:
    return np.concatenate([tracks.vectors[row], tracks.tags[row]]).astype("<f2").tobytes()
