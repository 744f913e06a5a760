"""Who is at work: workers say so every few seconds, and which release the system is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from redis.asyncio import Redis

from shared.streams.connection import translated
from shared.streams.keys import Keys

EVERY_S: Final = 5.0
GONE_AFTER_S: Final = 20.0
"""A worker that has not been heard of for so long is not listed any more."""
_FORGET_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it describes itself. ``per_minute`` are commands ended in the last minute; ``means`` is what it works
    with, e.g. the release of its sound features."""

    name: str
    service: str
    version: str
    host: str
    started_at: datetime
    slots: int
    busy: int
    done: int
    failed: int
    per_minute: float
    cores: int
    means: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """A worker, and how many seconds ago it was last heard of, by the server's clock."""

    worker: Worker
    silent_s: float


class Roster:
    """The list of workers, and the release that the system is led by."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @translated
    async def announce(self, worker: Worker) -> None:
        """Be on the list for the next seconds."""
        seconds, _ = await self._client.time()
        body = {**asdict(worker), "started_at": worker.started_at.timestamp()}
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hset(self._keys.workers, worker.name, json.dumps(body))
            pipe.zadd(self._keys.workers_heard, {worker.name: seconds})
            await pipe.execute()

    @translated
    async def leave(self, name: str) -> None:
        """Be off the list at once."""
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.hdel(self._keys.workers, name)
            pipe.zrem(self._keys.workers_heard, name)
            await pipe.execute()

    @translated
    async def members(self) -> list[Member]:
        """All that were heard of lately, by service and name. Those that died long ago are cleared away."""
        seconds, micros = await self._client.time()
        now = seconds + micros / 1e6
        heard: Any = await self._client.zrange(self._keys.workers_heard, 0, -1, withscores=True)
        silent = {name: max(0.0, now - when) for name, when in heard}
        for name in [name for name, age in silent.items() if age > _FORGET_AFTER_S]:
            await self.leave(name.decode())
        here = [name for name, age in silent.items() if age <= GONE_AFTER_S]
        bodies: Any = await self._client.hmget(self._keys.workers, here) if here else []
        found = [Member(_read(body), silent[name]) for name, body in zip(here, bodies, strict=True) if body]
        return sorted(found, key=lambda member: (member.worker.service, member.worker.name))

    @translated
    async def lead(self, version: str) -> None:
        """Say which release the system is. The active coordinator does."""
        await self._client.set(self._keys.release, version)

    @translated
    async def release(self) -> str | None:
        """The release that leads; None before there was a coordinator."""
        found: Any = await self._client.get(self._keys.release)
        return found.decode() if found else None


def _read(body: bytes) -> Worker:
    told = json.loads(body)
    known = {name: told[name] for name in Worker.__dataclass_fields__ if name in told}
    return Worker(**{**known, "started_at": datetime.fromtimestamp(known["started_at"], UTC)})
