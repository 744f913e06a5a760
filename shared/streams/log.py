"""The event log: append from the gateway and the coordinator, ordered reading, trimming."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from shared import positions
from shared.errors import Conflict
from shared.messages import Envelope, Raw, Send, decode_raw, derived_id
from shared.streams.connection import BLOCK_MS, translated
from shared.streams.keys import Keys
from shared.streams.scripts import APPEND, BEGIN, Steps
from shared.streams.work import stream_entries

_REMEMBER_S = 86_400


@dataclass(frozen=True, slots=True)
class Unit:
    """What is appended together, once per ``id`` and day.

    ``expect`` holds the version (number of decisions so far) of each subject that the decision rested on. ``flags``
    sets or lifts the state of runs (None lifts), ``release`` frees what was parked for them.
    """

    id: UUID
    events: Sequence[Envelope[Any]] = ()
    commands: Sequence[Send] = ()
    expect: Mapping[str, int] = field(default_factory=dict)
    flags: Mapping[UUID, str | None] = field(default_factory=dict)
    release: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """``position`` of the unit's last event; ``repeated`` when the unit had been appended before."""

    position: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An event as it stands in the log, not yet parsed."""

    position: int
    raw: Raw


class EventLog:
    """The one stream of facts."""

    def __init__(self, client: Redis, blocking: Redis, keys: Keys) -> None:
        self._client = client
        self._blocking = blocking
        self._keys = keys

    @translated
    async def append(self, unit: Unit) -> Appended:
        """Append a unit in one step. Raises ``Conflict`` when a subject's version is not the expected one."""
        steps = Steps(self._keys, self._keys.seen(unit.id), self._keys.versions)
        for event in unit.events:
            steps.event(event)
        for send in unit.commands:
            steps.command(send)
        for run_id, state in unit.flags.items():
            steps.flag(run_id, state)
        for run_id in unit.release:
            steps.release(run_id)
        expectations = [part for subject, version in unit.expect.items() for part in (subject, str(version))]
        answer = await APPEND.run(
            self._client, steps.keys, [_REMEMBER_S, len(unit.expect), *expectations, *steps.arguments]
        )
        if answer[0] == b"conflict":
            raise Conflict(f"{answer[1].decode()} has changed in the meantime; look again and repeat")
        return Appended(positions.pack(answer[1]), repeated=answer[0] == b"again")

    @translated
    async def begin_behind(self, position: int) -> None:
        """Make the next entry of an empty log stand behind ``position``, even where the server's clock is behind it.
        Raises ``Conflict`` when the log is not empty."""
        if (
            position > positions.START
            and await BEGIN.run(self._client, [self._keys.events], [positions.text(position)]) != 1
        ):
            raise Conflict("the event log holds events already; nothing can be put in front of them")

    @translated
    async def version(self, subject: str) -> int:
        """How many decisions were taken about ``subject``: what ``Unit.expect`` compares."""
        return int(await self._client.hget(self._keys.versions, subject) or 0)

    async def read(self, after: int, most: int, *, block: bool = True) -> list[LogEntry]:
        """Entries behind ``after`` in order, at most ``most``; waits up to two seconds when there are none."""
        return await self._read(after, most, BLOCK_MS if block else None)

    @translated
    async def _read(self, after: int, most: int, block_ms: int | None) -> list[LogEntry]:
        call = self._blocking.xread({self._keys.events: positions.text(after)}, count=most, block=block_ms)
        try:
            answer = await asyncio.wait_for(call, timeout=10.0)
        except TimeoutError as error:
            raise RedisConnectionError("no answer to a blocking read") from error
        return _log_entries(stream_entries(answer))

    @translated
    async def page(self, after: int, most: int) -> list[LogEntry]:
        """Like ``read`` for people and tools: never waits, and shares the ordinary connections."""
        found: Any = await self._client.xrange(self._keys.events, f"({positions.text(after)}", "+", count=most)
        return _log_entries(found)

    @translated
    async def page_back(self, before: int | None, most: int) -> list[LogEntry]:
        """Like ``page`` towards the beginning, newest entry first; ``before`` None starts at the end."""
        end = "+" if before is None else f"({positions.text(before)}"
        found: Any = await self._client.xrevrange(self._keys.events, end, "-", count=most)
        return _log_entries(found)

    @translated
    async def last(self) -> int:
        """Position of the newest entry, ``positions.START`` when there is none."""
        newest: Any = await self._client.xrevrange(self._keys.events, count=1)
        return positions.pack(newest[0][0]) if newest else positions.START

    @translated
    async def first(self) -> int | None:
        """Position of the oldest entry that was not trimmed."""
        oldest: Any = await self._client.xrange(self._keys.events, count=1)
        return positions.pack(oldest[0][0]) if oldest else None

    @translated
    async def length(self) -> int:
        """How many entries the log holds since it was last trimmed."""
        return int(await self._client.xlen(self._keys.events))

    @translated
    async def confirm(self, follower: str, position: int) -> None:
        """A follower says how far it has committed."""
        await self._client.hset(self._keys.consumed, follower, positions.text(position))

    @translated
    async def trim(self, followers: Iterable[str], keep_ms: int) -> int:
        """Drop what every one of ``followers`` has committed and what is older than ``keep_ms``; how many went."""
        found: Any = await self._client.hmget(self._keys.consumed, list(followers))
        if not found or any(value is None for value in found):
            return 0
        seconds, micros = await self._client.time()
        oldest = positions.pack(f"{seconds * 1000 + micros // 1000 - keep_ms}-0")
        below = min(oldest, *(positions.pack(value) for value in found))
        return int(await self._client.xtrim(self._keys.events, minid=positions.text(below), approximate=False))


def _log_entries(entries: Iterable[tuple[bytes, dict[bytes, bytes] | None]]) -> list[LogEntry]:
    return [_log_entry(entry_id, fields) for entry_id, fields in entries if fields]


def _log_entry(entry_id: bytes, fields: dict[bytes, bytes]) -> LogEntry:
    """An entry that none of us wrote keeps its place and its contents, so that nobody who follows stumbles on it."""
    position = positions.pack(entry_id)
    try:
        return LogEntry(position, decode_raw(fields))
    except (KeyError, ValueError):
        text = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
        stray = Raw(
            id=derived_id("stray", positions.text(position)),
            type="unreadable",
            version=0,
            occurred_at=datetime.fromtimestamp(positions.milliseconds(position) / 1000, UTC),
            subject="log:stray",
            data=json.dumps(text).encode(),
            correlation_id=None,
            causation_id=None,
            traceparent=None,
            blob=None,
            attempts=0,
        )
        return LogEntry(position, stray)
