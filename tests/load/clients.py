"""Fifty clients that look, listen and search, and count what they are told."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from shared.pausing import pause

LISTENERS = 5
"""So many of the clients follow the live values all the time."""
_THINK_S = (0.2, 1.2)


@dataclass
class Told:
    """Seconds by address, without ids; what went wrong, by what it was."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    live: int = 0

    @property
    def requests(self) -> int:
        return sum(len(taken) for taken in self.seconds.values())

    def all_seconds(self) -> list[float]:
        """Sorted."""
        return sorted(one for taken in self.seconds.values() for one in taken)


class Clients:
    """``async with asyncio.TaskGroup``: run ``run`` until ``stop`` is set."""

    def __init__(self, url: str, count: int, seed: int) -> None:
        self._url = url
        self._count = count
        self._seed = seed
        self._tracks: list[str] = []
        self.told = Told()

    async def run(self, stop: asyncio.Event) -> None:
        """All clients, each with a connection of its own."""
        async with asyncio.TaskGroup() as group:
            for number in range(self._count):
                what = self._follow if number < LISTENERS else self._look
                group.create_task(self._as_client(what, random.Random(f"{self._seed} {number}"), stop))

    async def _as_client(
        self,
        what: Callable[[aiohttp.ClientSession, random.Random, asyncio.Event], Awaitable[None]],
        chance: random.Random,
        stop: asyncio.Event,
    ) -> None:
        async with aiohttp.ClientSession(self._url, timeout=aiohttp.ClientTimeout(total=30)) as session:
            while not stop.is_set():
                try:
                    await what(session, chance, stop)
                except (aiohttp.ClientError, TimeoutError, OSError) as error:
                    self.told.faults[f"{type(error).__name__}: {error}"] += 1
                    await pause(stop, 1)

    async def _look(self, session: aiohttp.ClientSession, chance: random.Random, stop: asyncio.Event) -> None:
        for path in (
            "/api/v1/tracks?limit=50",
            f"/api/v1/tracks?query={chance.choice('abcdefgst')}&limit=20",
            "/api/v1/runs?limit=10",
            "/api/v1/status",
            "/api/v1/playlists",
            *(f"/api/v1/tracks/{track}{what}" for track in self._some(chance) for what in ("", "/similar?n=20")),
        ):
            await self._ask(session, path)
            await pause(stop, chance.uniform(*_THINK_S))

    def _some(self, chance: random.Random) -> list[str]:
        return chance.sample(self._tracks, min(3, len(self._tracks)))

    async def _ask(self, session: aiohttp.ClientSession, path: str) -> None:
        start = time.perf_counter()
        async with session.get(path) as answer:
            body = await answer.json()
        name = "/".join("{id}" if len(part) == 36 else part for part in path.partition("?")[0].split("/"))
        self.told.seconds.setdefault(name, []).append(time.perf_counter() - start)
        # A track that is known and not analysed yet has no neighbours: that is an answer, not a fault.
        if answer.status != 200 and not (answer.status == 409 and name.endswith("/similar")):
            self.told.faults[f"{answer.status} {name}: {body.get('detail')}"] += 1
        elif name == "/api/v1/tracks" and body["items"]:
            self._tracks = [item["id"] for item in body["items"]]

    async def _follow(self, session: aiohttp.ClientSession, _: random.Random, stop: asyncio.Event) -> None:
        async with session.get("/api/v1/live", timeout=aiohttp.ClientTimeout(total=None, sock_read=30)) as answer:
            if answer.status != 200:
                self.told.faults[f"{answer.status} /api/v1/live"] += 1
            async for line in answer.content:
                self.told.live += line.startswith(b"event:")
                if stop.is_set():
                    return
