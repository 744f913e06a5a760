"""The only package that imports ``redis``: streams, consumer groups, the event log, dead letters, run flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from redis.asyncio import Redis

from shared.commands import SERVICES
from shared.errors import NotFound
from shared.messages import Envelope, Send
from shared.settings import Settings
from shared.streams import dead
from shared.streams.allowances import Allowance, Allowances
from shared.streams.codes import Codes
from shared.streams.connection import check_server, open_blocking_client, open_client, translated
from shared.streams.dead import DeadLetter
from shared.streams.figures import Figures, measure
from shared.streams.keys import Keys
from shared.streams.log import Appended, EventLog, LogEntry, Unit
from shared.streams.outside import OutsideStream
from shared.streams.roster import Member, Roster, Worker
from shared.streams.scripts import PROMOTE, REDRIVE, Steps
from shared.streams.tickets import Tickets
from shared.streams.work import Delivery, WorkQueue

__all__ = [
    "Allowance",
    "Allowances",
    "Appended",
    "DeadLetter",
    "Delivery",
    "EventLog",
    "Figures",
    "LogEntry",
    "Member",
    "OutsideStream",
    "Roster",
    "Streams",
    "Tickets",
    "Unit",
    "WorkQueue",
    "Worker",
]


class Streams:
    """One deployment's keys on one server. Close it when done."""

    def __init__(self, settings: Settings) -> None:
        self.keys = Keys(settings.tenant)
        self.client = open_client(settings)
        self.blocking: Redis = open_blocking_client(settings)
        self.log = EventLog(self.client, self.blocking, self.keys)
        self.roster = Roster(self.client, self.keys)
        self.allowances = Allowances(self.client, self.keys)
        self.codes = Codes(self.client, self.keys)
        self.tickets = Tickets(self.client, self.keys)
        self._durability = settings.durability

    async def close(self) -> None:
        """Close both clients."""
        await self.client.aclose()
        await self.blocking.aclose()

    @translated
    async def check(self) -> None:
        """Refuse a server that would lose what it acknowledged (``ConfigurationError``)."""
        await check_server(self.client, self._durability)

    @translated
    async def ping(self) -> bool:
        """True when the server answers."""
        return bool(await self.client.ping())

    def queue(self, service: str, consumer: str) -> WorkQueue:
        """The work of ``service`` for one consumer."""
        return WorkQueue(self.client, self.blocking, self.keys, service, consumer)

    def outside(self, name: str) -> OutsideStream:
        """A stream for an outside consumer. Raises ``InvalidInput`` for a name that cannot be one."""
        return OutsideStream(self.client, self.keys.replay(name))

    @translated
    async def run_states(self, run_ids: Sequence[UUID]) -> dict[UUID, str]:
        """``cancelled`` or ``paused`` for those of the runs that are."""
        if not run_ids:
            return {}
        found: Any = await self.client.hmget(self.keys.runs, [str(run_id) for run_id in run_ids])
        return {run_id: value.decode() for run_id, value in zip(run_ids, found, strict=True) if value}

    @translated
    async def backlog(self) -> dict[str, int]:
        """Unfinished commands per service (running ones included), and how many are delayed and dead."""
        names = [(service, key) for service in SERVICES for key in self.keys.work_streams(service)]
        async with self.client.pipeline(transaction=False) as pipe:
            for _, key in names:
                pipe.xlen(key)
            pipe.zcard(self.keys.delayed)
            pipe.xlen(self.keys.dead)
            lengths: list[int] = await pipe.execute()
        result = dict.fromkeys(SERVICES, 0)
        for (service, _), length in zip(names, lengths, strict=False):
            result[service] += int(length)
        return {**result, "delayed": int(lengths[-2]), "dead": int(lengths[-1])}

    async def figures(self, readers: Mapping[str, int | None]) -> Figures:
        """What metrics show; see ``measure`` for ``readers``."""
        return await measure(self.client, self.keys, readers)

    @translated
    async def unused(self) -> bool:
        """True when nothing stands in the log, no command waits anywhere, and nothing was ever decided."""
        async with self.client.pipeline(transaction=False) as pipe:
            for stream in (self.keys.events, self.keys.dead, *self.keys.all_work_streams()):
                pipe.xlen(stream)
            pipe.zcard(self.keys.delayed)
            for table in (self.keys.versions, self.keys.runs):
                pipe.hlen(table)
            return not any(await pipe.execute())

    @translated
    async def pending(self) -> int:
        """Commands that were delivered and not yet ended, over all groups."""
        total = 0
        for stream in self.keys.all_work_streams():
            for group in await self.client.xinfo_groups(stream) if await self.client.exists(stream) else []:
                total += int(group["pending"])
        return total

    @translated
    async def promote(self, most: int = 500) -> int:
        """Move delayed commands that are due to their streams; how many were."""
        keys = [self.keys.events, self.keys.delayed, self.keys.delayed_contents, *self.keys.all_work_streams()]
        return int(await PROMOTE.run(self.client, keys, [most]))

    @translated
    async def dead_letters(self, most: int, before: str | None = None) -> list[DeadLetter]:
        """Dead letters, newest first; ``before`` is the id of the last one of the page before."""
        entries: Any = await self.client.xrevrange(self.keys.dead, f"({before}" if before else "+", "-", count=most)
        return [dead.from_entry(entry_id, fields) for entry_id, fields in entries]

    @translated
    async def dead_letter(self, letter_id: str) -> DeadLetter:
        """One dead letter. Raises ``NotFound``."""
        entries: Any = await self.client.xrange(self.keys.dead, letter_id, letter_id, count=1)
        if not entries:
            raise NotFound(f"there is no dead letter {letter_id}; it may have been retried already")
        return dead.from_entry(*entries[0])

    @translated
    async def redrive(self, letter_id: str, send: Send, event: Envelope[Any]) -> None:
        """Take a dead letter away and append ``send`` and ``event``, in one step. Raises ``NotFound``."""
        steps = Steps(self.keys, self.keys.dead)
        steps.event(event)
        steps.command(send)
        if await REDRIVE.run(self.client, steps.keys, [letter_id, *steps.arguments]) is None:
            raise NotFound(f"there is no dead letter {letter_id}; it may have been retried already")

    @translated
    async def forget_idle_consumers(self, idle_ms: int) -> int:
        """Remove consumers that hold nothing and have not been seen for ``idle_ms``; how many went."""
        gone = 0
        for stream in self.keys.all_work_streams():
            if not await self.client.exists(stream):
                continue
            for group in await self.client.xinfo_groups(stream):
                for consumer in await self.client.xinfo_consumers(stream, group["name"]):
                    if consumer["pending"] == 0 and consumer["idle"] > idle_ms:
                        await self.client.xgroup_delconsumer(stream, group["name"], consumer["name"])
                        gone += 1
        return gone
