"""How much work waits, for how long, and how far everybody has read: what metrics show of the streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from shared import positions
from shared.commands import SERVICES
from shared.streams.connection import translated
from shared.streams.keys import Keys

PRIORITIES = ("high", "normal")


@dataclass(frozen=True, slots=True)
class Work:
    """One work stream. ``backlog`` counts commands that wait or are being worked on; ``oldest_s`` is the age of the
    oldest of them in seconds since it was put there, 0 when there is none."""

    service: str
    priority: str
    backlog: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """``delayed`` commands have a time, ``parked`` ones wait until their run is resumed; ``overdue_s`` is for how
    long the first of the delayed ones should have been moved. ``lag_s`` is per reader the age of the oldest event that
    it has not passed, 0 when there is none."""

    work: tuple[Work, ...]
    delayed: int
    parked: int
    overdue_s: float
    dead: int
    events: int
    lag_s: Mapping[str, float]


@translated
async def measure(client: Redis, keys: Keys, readers: Mapping[str, int | None]) -> Figures:
    """Two round trips, whatever the size of the streams. ``readers`` are at a position, or, with None, where the
    follower of that name says it is. Ages are by the server's clock, which wrote the ids."""
    streams = [
        (service, priority, key)
        for service in SERVICES
        for priority, key in zip(PRIORITIES, keys.work_streams(service), strict=True)
    ]
    async with client.pipeline(transaction=False) as pipe:
        pipe.time()
        pipe.zcount(keys.delayed, "-inf", "(+inf")
        pipe.zcard(keys.delayed)
        pipe.zrange(keys.delayed, 0, 0, withscores=True)
        pipe.xlen(keys.dead)
        pipe.xlen(keys.events)
        pipe.hgetall(keys.consumed)
        for _, _, key in streams:
            pipe.xlen(key)
            pipe.xrange(key, count=1)
        (seconds, micros), delayed, kept, first_due, dead, events, consumed, *found = await pipe.execute()
    now_ms = seconds * 1000 + micros / 1000
    return Figures(
        work=tuple(
            Work(service, priority, length, _age_s(now_ms, oldest))
            for (service, priority, _), length, oldest in zip(streams, found[::2], found[1::2], strict=True)
        ),
        delayed=delayed,
        parked=kept - delayed,
        overdue_s=max(0.0, (now_ms - float(first_due[0][1])) / 1000) if first_due else 0.0,
        dead=dead,
        events=events,
        lag_s=await _lags(client, keys, now_ms, _places(readers, consumed)),
    )


def _places(readers: Mapping[str, int | None], consumed: Mapping[bytes, bytes]) -> dict[str, int]:
    said = {name.decode(): positions.pack(value) for name, value in consumed.items()}
    return {name: place if place is not None else said.get(name, positions.START) for name, place in readers.items()}


async def _lags(client: Redis, keys: Keys, now_ms: float, places: Mapping[str, int]) -> dict[str, float]:
    async with client.pipeline(transaction=False) as pipe:
        for place in places.values():
            pipe.xrange(keys.events, f"({positions.text(place)}", "+", count=1)
        found: list[Any] = await pipe.execute()
    return {name: _age_s(now_ms, entries) for name, entries in zip(places, found, strict=True)}


def _age_s(now_ms: float, entries: Any) -> float:
    """Of the first entry."""
    if not entries:
        return 0.0
    return max(0.0, (now_ms - positions.milliseconds(positions.pack(entries[0][0]))) / 1000)
