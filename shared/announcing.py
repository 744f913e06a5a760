"""A worker's place on the list of those at work, kept while it works."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import structlog

from shared.errors import ConfigurationError, StoreUnavailable
from shared.pausing import patiently, pause
from shared.release import our_version, refusal
from shared.streams import Roster, Worker
from shared.streams.roster import EVERY_S

log = structlog.get_logger(__name__)


class _Pace:
    """How many things happened in the last minute."""

    def __init__(self) -> None:
        self._moments: list[float] = []

    def count(self) -> None:
        """One more."""
        self._moments.append(time.monotonic())

    def per_minute(self) -> float:
        """Things in the last 60 s."""
        since = time.monotonic() - 60.0
        self._moments = [moment for moment in self._moments if moment > since]
        return float(len(self._moments))


class Announcer:
    """Says every five seconds who works and how much. ``busy`` gives the slots in use."""

    def __init__(
        self, roster: Roster, service: str, name: str, slots: int, busy: Callable[[], int], means: Mapping[str, str]
    ) -> None:
        self._roster = roster
        self._service = service
        self._name = name
        self._slots = slots
        self._busy = busy
        self._means = means
        self._started_at = datetime.now(UTC)
        self._pace = _Pace()
        self._done = 0
        self._failed = 0

    def ended(self, *, well: bool) -> None:
        """One command has ended."""
        self._pace.count()
        self._done += 1
        self._failed += not well

    async def admit(self) -> None:
        """Raises ``ConfigurationError`` when this release does not fit the system's."""
        reason = refusal(self._service, our_version(), await patiently(self._roster.release))
        if reason is not None:
            raise ConfigurationError(reason)

    async def run(self, over: asyncio.Event) -> None:
        """Be on the list until ``over``. A store that is away is no reason to stop working."""
        while not over.is_set():
            await self._try(self._roster.announce(self._worker()))
            await pause(over, EVERY_S)
        await self._try(self._roster.leave(self._name))

    async def _try(self, saying: Awaitable[None]) -> None:
        try:
            await saying
        except StoreUnavailable as error:
            log.warning("worker_not_announced", service=self._service, error=error.detail)

    def _worker(self) -> Worker:
        return Worker(
            name=self._name,
            service=self._service,
            version=our_version(),
            host=socket.gethostname(),
            started_at=self._started_at,
            slots=self._slots,
            busy=self._busy(),
            done=self._done,
            failed=self._failed,
            per_minute=self._pace.per_minute(),
            cores=len(os.sched_getaffinity(0)),
            means=self._means,
        )
