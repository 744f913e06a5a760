"""One service kept running: started, listened to, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from signal import Signals
from typing import IO

from services.up.fork_server import Order
from services.up.forks import Fork, ForkServer
from services.up.output import LineReader, Output
from services.up.process import describe_exit


@dataclass(frozen=True, slots=True)
class Program:
    """What to run under which name: ``entry`` is ``module:function``."""

    name: str
    entry: str

    @property
    def module(self) -> str:
        return self.entry.partition(":")[0]


class Backoff:
    """How long to wait before the next start: doubling, back to the first after a life of ``well_after_s``."""

    def __init__(self, first_s: float = 0.5, most_s: float = 30.0, well_after_s: float = 30.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._well_after_s = well_after_s
        self._next_s = first_s

    def after(self, lived_s: float) -> float:
        """Seconds to wait after a life that lasted ``lived_s``."""
        if lived_s >= self._well_after_s:
            self._next_s = self._first_s
        delay = self._next_s
        self._next_s = min(delay * 2, self._most_s)
        return delay


class Service:
    """Runs a program until ``stopping`` is set and it was asked to end. ``changed`` is called at every new start."""

    def __init__(
        self,
        program: Program,
        environment: Mapping[str, str],
        forks: ForkServer,
        output: Output,
        stopping: asyncio.Event,
        changed: Callable[[], None],
    ) -> None:
        self.name = program.name
        self._order = Order(program.name, program.entry, dict(environment))
        self._forks = forks
        self._output = output
        self._stopping = stopping
        self._changed = changed
        self._backoff = Backoff()
        self._process: Fork | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and not self._process.ended.done() else None

    def terminate(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.send(Signals.SIGTERM)

    def kill(self) -> None:
        """End it and what it started, at once."""
        if self._process is not None:
            self._process.kill()

    async def keep(self) -> None:
        """Run it, again and again, until stopping."""
        while not self._stopping.is_set():
            born = time.monotonic()
            end = await self._live()
            if self._stopping.is_set():
                return
            delay = self._backoff.after(time.monotonic() - born)
            self._output.say("up", f"{self.name} {end}; it starts again in {delay:g} s")
            await wait_for(self._stopping, delay)

    async def _live(self) -> str:
        """From start to end, with all output passed on. Returns how it ended, in words."""
        try:
            process, pipe = await self._fork()
        except OSError as error:
            return f"could not be started ({error.strerror})"
        self._process = process
        self._changed()
        if self._stopping.is_set():  # it was asked to end before it was there
            self.terminate()
        reader = LineReader(self.name, self._output)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: reader, pipe)
        try:
            code = await process.ended
            # A grandchild in a session of its own may still hold the pipe; it will not be waited for.
            await wait_for(reader.closed, 1.0)
        finally:
            transport.close()
        return describe_exit(code)

    async def _fork(self) -> tuple[Fork, IO[bytes]]:
        reading, writing = os.pipe()
        pipe = os.fdopen(reading, "rb", buffering=0)
        try:
            return await self._forks.fork(self._order, writing), pipe
        except BaseException:
            pipe.close()
            raise
        finally:
            os.close(writing)


async def wait_for(event: asyncio.Event, timeout_s: float) -> None:
    """Return when the event is set or the time is over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
