"""A service's two command streams as its workers see them: read, commit, renew, reclaim, hand back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from shared.messages import Envelope, Failure, Outcome
from shared.streams import dead
from shared.streams.commits import GroupCommitter
from shared.streams.connection import translated
from shared.streams.keys import Keys
from shared.streams.scripts import Steps

log = structlog.get_logger(__name__)

GROUP = "workers"
_IDLE_BLOCK_MS = 250
_LONG_AGO_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One command in a worker's hands. ``deliveries`` is the server's own count, this one included."""

    stream: str
    entry_id: bytes
    fields: dict[bytes, bytes]
    deliveries: int

    @property
    def run_id(self) -> UUID | None:
        """The run that the command belongs to; None where that cannot be read."""
        return dead.run_id_of(self.fields)


class WorkQueue:
    """The streams of one service for one consumer."""

    def __init__(self, client: Redis, blocking: Redis, keys: Keys, service: str, consumer: str) -> None:
        self._client = client
        self._blocking = blocking
        self._keys = keys
        self._committer = GroupCommitter(client)
        self.service = service
        self.consumer = consumer
        self.streams = keys.work_streams(service)

    @translated
    async def ensure_groups(self) -> None:
        """Create the consumer groups at id 0: whatever is in a work stream is unfinished, so a group that was lost
        starts over with exactly that."""
        for stream in self.streams:
            try:
                await self._client.xgroup_create(stream, GROUP, id="0", mkstream=True)
                log.info("group_created", stream=stream)
            except ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    @translated
    async def read(self, most: int) -> list[Delivery]:
        """Up to ``most`` new commands, urgent ones first; waits a moment when there are none."""
        try:
            found = await self._read(self.streams[0], most, block_ms=None)
            if len(found) < most:
                block = None if found else _IDLE_BLOCK_MS
                found += await self._read(self.streams[1], most - len(found), block_ms=block)
        except ResponseError as error:
            # UNBLOCKED: the stream was deleted while we waited on it.
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            log.warning("group_lost", service=self.service, action="created again at 0")
            await self.ensure_groups()
            return []
        return found

    async def _read(self, stream: str, most: int, *, block_ms: int | None) -> list[Delivery]:
        call = self._blocking.xreadgroup(GROUP, self.consumer, {stream: ">"}, count=most, block=block_ms)
        try:
            # The connection has no time-out of its own; a server that is frozen must not freeze us.
            answer = await asyncio.wait_for(call, timeout=10.0)
        except TimeoutError as error:
            raise RedisConnectionError("no answer to a blocking read") from error
        return [Delivery(stream, entry_id, fields, 1) for entry_id, fields in stream_entries(answer) if fields]

    @translated
    async def recover(self) -> list[Delivery]:
        """What this consumer had in hand when it died under the same name; nobody needs to wait for its lease."""
        found: list[Delivery] = []
        for stream in self.streams:
            answer = await self._client.xreadgroup(GROUP, self.consumer, {stream: "0"}, count=100)
            found += await self._counted(stream, stream_entries(answer))
        return found

    @translated
    async def reclaim(self, lease_ms: int, most: int) -> list[Delivery]:
        """Take over commands whose worker has not renewed its lease."""
        found: list[Delivery] = []
        for stream in self.streams:
            if len(found) >= most:
                break
            answer: Any = await self._client.xautoclaim(
                stream, GROUP, self.consumer, min_idle_time=lease_ms, start_id="0-0", count=most - len(found)
            )
            found += await self._counted(stream, answer[1])
        return found

    async def _counted(self, stream: str, entries: Iterable[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Delivery]:
        """Add the server's delivery counts, and let go of entries that no longer exist."""
        alive = [(entry_id, fields) for entry_id, fields in entries if fields]
        if not alive:
            return []
        async with self._client.pipeline(transaction=False) as pipe:
            for entry_id, _ in alive:
                pipe.xpending_range(stream, GROUP, min=entry_id, max=entry_id, count=1)
            pending: list[list[dict[str, Any]]] = await pipe.execute()
        return [
            Delivery(stream, entry_id, fields, int(rows[0]["times_delivered"]))
            for (entry_id, fields), rows in zip(alive, pending, strict=True)
            if rows
        ]

    @translated
    async def renew(self, deliveries: Sequence[Delivery]) -> None:
        """Extend the lease: resets the idle time and leaves the delivery count alone."""
        for stream in self.streams:
            ids: list[Any] = [delivery.entry_id for delivery in deliveries if delivery.stream == stream]
            if ids:
                await self._client.xclaim(stream, GROUP, self.consumer, 0, ids, justid=True)

    @translated
    async def hand_back(self, delivery: Delivery) -> None:
        """Give an unfinished command to whoever reclaims next; this delivery does not count against it."""
        await self._client.xclaim(
            delivery.stream,
            GROUP,
            self.consumer,
            0,
            [delivery.entry_id],
            idle=_LONG_AGO_MS,
            retrycount=max(0, delivery.deliveries - 1),
            justid=True,
        )

    async def commit(self, delivery: Delivery, command: Envelope[Any], outcome: Outcome) -> bool:
        """Acknowledge and append in one step; False means that somebody else ended the command."""
        steps = self._steps(delivery)
        if outcome.postpone_s is not None:
            steps.delay(delivery.stream, command, outcome.postpone_s)
        for event in outcome.events:
            steps.event(event.caused_by(command))
        for send in outcome.commands:
            steps.command(_send_caused_by(send, command))
        return await self._finish(delivery, steps)

    async def park(self, delivery: Delivery, command: Envelope[Any]) -> bool:
        """Put a command of a paused run aside."""
        if command.correlation_id is None:
            raise ValueError("only a command of a run can be parked")
        steps = self._steps(delivery)
        steps.park(delivery.stream, command, command.correlation_id)
        return await self._finish(delivery, steps)

    async def bury(
        self, delivery: Delivery, failure: Failure, events: Sequence[Envelope[Any]], trace: str = ""
    ) -> bool:
        """Move a command to the dead letters, together with the events that its death means."""
        steps = self._steps(delivery)
        steps.bury(dead.to_fields(self.service, delivery.stream, delivery.fields, failure, delivery.deliveries, trace))
        for event in events:
            steps.event(event)
        return await self._finish(delivery, steps)

    def _steps(self, delivery: Delivery) -> Steps:
        return Steps(self._keys, delivery.stream)

    async def _finish(self, delivery: Delivery, steps: Steps) -> bool:
        return await self._committer.commit(steps.keys, [GROUP, delivery.entry_id, *steps.arguments])


def _send_caused_by(send: Any, command: Envelope[Any]) -> Any:
    return type(send)(command=send.command.caused_by(command), high=send.high, delay_s=send.delay_s)


def stream_entries(answer: Any) -> list[tuple[bytes, dict[bytes, bytes] | None]]:
    """XREADGROUP's answer: a list in RESP2, a mapping in RESP3."""
    if not answer:
        return []
    groups = answer.values() if isinstance(answer, dict) else (entries for _, entries in answer)
    flat: list[tuple[bytes, dict[bytes, bytes] | None]] = []
    for entries in groups:
        # RESP3 wraps the entries of a stream in one more list.
        inner = entries[0] if entries and isinstance(entries[0], list) else entries
        flat += [(entry_id, fields) for entry_id, fields in inner]
    return flat
