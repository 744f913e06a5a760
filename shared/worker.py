"""The loop behind every service that works off commands: read, dispatch, commit, retry, renew, reclaim, drain.

A handler is ``async def handler(command, ctx) -> Outcome``; it returns what happened and writes nothing. The error
policy (also in the README):

    Outcome returned       committed together with the acknowledgement
    Permanent              the command's ``death`` events, committed; nobody is bothered
    Transient              back to the stream later, with backoff; buried when its attempts are used up
    anything else          a bug: logged, left pending, delivered again; buried after ``max_deliveries``
    run cancelled          the command's ``cancelled`` events; run paused: parked until resumed
"""

from __future__ import annotations

import asyncio
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import structlog

from shared import telemetry, tracing
from shared.announcing import Announcer
from shared.commands import COMMANDS, Command
from shared.errors import Permanent, StoreUnavailable, Transient
from shared.events import CommandFailed
from shared.messages import Envelope, Failure, Outcome, decode_raw, wrap
from shared.pausing import end, patiently, pause
from shared.settings import Settings
from shared.streams import Delivery, Streams, WorkQueue
from shared.upcasts import UnknownMessage, read

log = structlog.get_logger(__name__)
D = TypeVar("D")
_WELL = ("done", "postponed", "cancelled", "parked", "superseded")


@dataclass(frozen=True, slots=True)
class Context(Generic[D]):
    """What a handler may look at beside its command: the service's own means, and the run's state."""

    deps: D
    envelope: Envelope[Any]
    streams: Streams

    async def cancelled(self) -> bool:
        """True once somebody cancelled the run; to be asked between stages of long work."""
        run_id = self.envelope.correlation_id
        return run_id is not None and (await self.streams.run_states([run_id])).get(run_id) == "cancelled"


Handler = Callable[[Any, Context[D]], Awaitable[Outcome]]
AfterCommit = Callable[[Command, Context[D]], Awaitable[None]]


class Worker(Generic[D]):
    """Works off the streams of one service. ``after_commit`` is called once a command has ended here."""

    def __init__(
        self,
        service: str,
        handlers: Mapping[type[Any], Handler[D]],
        deps: D,
        streams: Streams,
        settings: Settings,
        *,
        slots: int,
        consumer: str,
        after_commit: AfterCommit[D] | None = None,
    ) -> None:
        self.service = service
        self.means: dict[str, str] = {}
        """What it works with, for those who look at the list of workers."""
        self._handlers = handlers
        self._deps = deps
        self._streams = streams
        self._settings = settings
        self._slots = slots
        self._queue: WorkQueue = streams.queue(service, consumer)
        self._after_commit = after_commit
        self._running: dict[tuple[str, bytes], tuple[Delivery, asyncio.Task[None]]] = {}
        self._slot_freed = asyncio.Event()
        self._announcer = Announcer(streams.roster, service, consumer, slots, lambda: len(self._running), self.means)

    async def run(self, stop: asyncio.Event, *, grace_s: float = 8.0) -> None:
        """Work until ``stop`` is set, then finish or hand back what is in hand. Raises ``ConfigurationError`` when this
        release does not fit the system's."""
        await self._announcer.admit()
        slots = telemetry.SLOTS.labels(self.service)
        slots.inc(self._slots)
        try:
            await self._run(stop, grace_s)
        finally:
            slots.dec(self._slots)

    async def _run(self, stop: asyncio.Event, grace_s: float) -> None:
        await patiently(self._queue.ensure_groups)
        over = asyncio.Event()
        loops = [
            asyncio.create_task(self._renew_loop(over), name="renew"),
            asyncio.create_task(self._reclaim_loop(stop), name="reclaim"),
            asyncio.create_task(self._announcer.run(over), name="announce"),
        ]
        try:
            await self._start(await patiently(self._queue.recover))
            while not stop.is_set():
                await self._take(stop)
        finally:
            stop.set()
            await self._drain(grace_s)
            over.set()
            await asyncio.gather(*loops)

    @property
    def _free(self) -> int:
        return self._slots - len(self._running)

    async def _take(self, stop: asyncio.Event) -> None:
        """Read as many commands as there are free slots and start them."""
        if self._free <= 0:
            self._slot_freed.clear()
            await _either(stop, self._slot_freed)
            return
        try:
            await self._start(await self._queue.read(self._free))
        except StoreUnavailable as error:
            log.warning("worker_waits_for_store", service=self.service, error=error.detail)
            await asyncio.sleep(0.3)

    async def _start(self, deliveries: Sequence[Delivery]) -> None:
        """Start a task for each; the states of their runs are asked for once."""
        runs = [delivery.run_id for delivery in deliveries]
        states = await patiently(lambda: self._streams.run_states([run for run in set(runs) if run]))
        for delivery, run in zip(deliveries, runs, strict=True):
            self._start_one(delivery, states.get(run) if run else None)

    def _start_one(self, delivery: Delivery, state: str | None) -> None:
        key = (delivery.stream, delivery.entry_id)
        if key in self._running:
            return
        task = asyncio.create_task(self._work(delivery, state), name=f"{self.service}:{delivery.entry_id.decode()}")
        self._running[key] = (delivery, task)
        telemetry.SLOTS_BUSY.labels(self.service).inc()
        task.add_done_callback(lambda _: self._done(key))

    def _done(self, key: tuple[str, bytes]) -> None:
        self._running.pop(key, None)
        telemetry.SLOTS_BUSY.labels(self.service).dec()
        self._slot_freed.set()

    async def _work(self, delivery: Delivery, state: str | None) -> None:
        """One command from delivery to commit, with one line in the log; never raises except when cancelled."""
        started = time.perf_counter()
        command: Envelope[Command] | None = None
        result = "handed_back"
        try:
            command = await self._parse(delivery)
            result = "buried:unreadable_command" if command is None else await self._traced(delivery, command, state)
        except StoreUnavailable as error:
            # Not the command's fault: it stays pending and is delivered again.
            result = f"interrupted:{error.detail}"
            await self._give_back(delivery)
        except Exception:
            log.exception("command_failed", service=self.service, id=str(command.id) if command else None)
            result = "bug"
        finally:
            self._note(delivery, command, result, time.perf_counter() - started)

    def _note(self, delivery: Delivery, command: Envelope[Command] | None, result: str, seconds: float) -> None:
        """Count the delivery, and write the one line that tells everything about it."""
        kind = command.message.wire_type if command else "unreadable"
        telemetry.command_done(self.service, kind, result, seconds)
        word, _, reason = result.partition(":")
        self._announcer.ended(well=word in _WELL)
        log.info(
            "command",
            service=self.service,
            type=kind,
            id=str(command.id) if command else None,
            run=str(command.correlation_id) if command and command.correlation_id else None,
            subject=command.subject if command else None,
            delivery=delivery.deliveries,
            attempt=command.attempts + 1 if command else None,
            result=word,
            reason=reason or None,
            seconds=round(seconds, 4),
        )

    async def _parse(self, delivery: Delivery) -> Envelope[Command] | None:
        try:
            return read(COMMANDS, decode_raw(delivery.fields))
        except (UnknownMessage, ValueError, KeyError) as error:
            failure = Failure("unreadable_command", f"{type(error).__name__}: {error}"[:500])
            log.error("command_unreadable", service=self.service, entry=delivery.entry_id.decode(), error=str(error))
            await patiently(lambda: self._queue.bury(delivery, failure, ()))
            return None

    async def _traced(self, delivery: Delivery, command: Envelope[Command], state: str | None) -> str:
        """``_end``, as a span under whatever sent the command; what follows from it comes under this span."""
        facts = {"starling.subject": command.subject, "starling.run": str(command.correlation_id)}
        with tracing.span(command.message.wire_type, "CONSUMER", command.traceparent, **facts) as span:
            result = await self._end(delivery, tracing.under(command, span.traceparent), state)
            span.note("starling.result", result)
            return result

    async def _end(self, delivery: Delivery, command: Envelope[Command], state: str | None) -> str:
        """Bring the command to an end by the error policy; returns the word for the log line."""
        if delivery.deliveries > self._settings.max_deliveries:
            failure = Failure("gave_up", f"{delivery.deliveries - 1} deliveries were not finished")
            return await self._bury(delivery, command, failure)
        if state == "cancelled":
            outcome = Outcome(events=tuple(wrap(event) for event in command.message.cancelled()))
            return await self._commit(delivery, command, outcome, "cancelled")
        if state == "paused":
            return "parked" if await self._queue.park(delivery, command) else "superseded"
        return await self._handle(delivery, command)

    async def _handle(self, delivery: Delivery, command: Envelope[Command]) -> str:
        context = Context(self._deps, command, self._streams)
        try:
            outcome = await self._handlers[type(command.message)](command.message, context)
        except Permanent as error:
            failure = Failure(error.reason, error.detail, permanent=error.of_the_content)
            outcome = Outcome(events=tuple(wrap(event) for event in command.message.death(failure)))
            return await self._commit(delivery, command, outcome, f"failed:{error.reason}")
        except Transient as error:
            return await self._retry(delivery, command, error)
        return await self._commit(delivery, command, outcome, "done" if outcome.postpone_s is None else "postponed")

    async def _commit(self, delivery: Delivery, command: Envelope[Command], outcome: Outcome, word: str) -> str:
        if not await self._queue.commit(delivery, command, outcome):
            return "superseded"
        if self._after_commit is not None and outcome.postpone_s is None:
            await self._after_commit(command.message, Context(self._deps, command, self._streams))
        return word

    async def _retry(self, delivery: Delivery, command: Envelope[Command], error: Transient) -> str:
        """Later again, with exponential backoff and jitter, or never when the attempts are used up."""
        attempts = command.attempts + (1 if error.counts else 0)
        if attempts >= error.max_attempts:
            failure = Failure(error.reason, error.detail)
            return await self._bury(delivery, command, failure, traceback.format_exc())
        backoff = self._settings.retry_base_s * 2 ** max(0, attempts - 1)
        delay_s = error.retry_after_s or min(60.0, backoff) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        later = replace(command, attempts=attempts)
        committed = await self._queue.commit(delivery, later, Outcome(postpone_s=delay_s))
        return f"retry:{error.reason}" if committed else "superseded"

    async def _bury(self, delivery: Delivery, command: Envelope[Command], failure: Failure, trace: str = "") -> str:
        buried = CommandFailed(
            command_id=command.id,
            run_id=command.correlation_id,
            command_type=command.message.wire_type,
            service=self.service,
            reason=failure.reason,
            detail=failure.detail[:2000],
            deliveries=delivery.deliveries,
        )
        events = [wrap(event).caused_by(command) for event in (*command.message.death(failure), buried)]
        ended = await self._queue.bury(delivery, failure, events, trace)
        return f"buried:{failure.reason}" if ended else "superseded"

    async def _renew_loop(self, over: asyncio.Event) -> None:
        while not over.is_set():
            await pause(over, self._settings.lease_s / 4)
            deliveries = [delivery for delivery, _ in self._running.values()]
            try:
                await self._queue.renew(deliveries)
            except StoreUnavailable as error:
                log.warning("lease_not_renewed", service=self.service, commands=len(deliveries), error=error.detail)

    async def _reclaim_loop(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await pause(stop, self._settings.lease_s * random.uniform(0.2, 0.4))  # noqa: S311 - jitter
            if self._free <= 0 or stop.is_set():
                continue
            try:
                await self._start(await self._queue.reclaim(round(self._settings.lease_s * 1000), self._free))
            except StoreUnavailable as error:
                log.warning("reclaim_failed", service=self.service, error=error.detail)

    async def _drain(self, grace_s: float) -> None:
        """Let running commands finish, then hand the rest back at once instead of at the end of their lease."""
        in_hand = dict(self._running)
        tasks = [task for _, task in in_hand.values()]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace_s)
        await end(late)
        for delivery, task in in_hand.values():
            if task in late:
                await self._give_back(delivery)

    async def _give_back(self, delivery: Delivery) -> None:
        try:
            await self._queue.hand_back(delivery)
        except StoreUnavailable as error:
            log.warning("hand_back_failed", service=self.service, error=error.detail)


async def _either(first: asyncio.Event, second: asyncio.Event) -> None:
    """Wait until one of two events is set."""
    tasks = [asyncio.create_task(first.wait()), asyncio.create_task(second.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
