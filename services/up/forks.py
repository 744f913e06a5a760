"""The supervisor's side of the fork server: services as forks, and how their end is noticed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, cast

from services.up.fork_server import NEXT_ORDER, Order
from services.up.output import LineReader, Output
from services.up.process import Launch, exited, kill, spawn

_GRACE_S = 2.0
# The libraries of linear algebra start their threads when they are imported, and a process with threads cannot fork
# safely. Heavy work runs in children of the services, which choose for themselves.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Fork:
    """A service process. ``ended`` gives its exit code (negative: the signal)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def send(self, number: signal.Signals) -> None:
        """Signal it; no error if it is gone."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL for it and for all it started in its own session."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self.send(signal.SIGKILL)  # a moment after its birth it has no group of its own yet


class ForkServer:
    """Started when it is first needed, and again when it has died; its forks died with it then.

    ``modules`` are imported before the first fork. Call it on the main thread.
    """

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str], output: Output) -> None:
        self._modules = modules
        self._environment = {**environment, **_ONE_THREAD, "PYTHONUNBUFFERED": "1"}
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._orders: socket.socket | None = None
        self._life: asyncio.Task[None] | None = None
        self._expected: deque[asyncio.Future[Fork]] = deque()
        self._forks: dict[int, Fork] = {}

    def start(self) -> None:
        """Begin with the imports, unless it runs."""
        if self._life is not None and not self._life.done():
            return
        ours, theirs = socket.socketpair()
        with theirs:
            argv = (sys.executable, "-m", "services.up.fork_server", str(theirs.fileno()), *self._modules)
            keep = (theirs.fileno(),)
            self._process = spawn(Launch(argv, signal.SIGKILL, self._environment, Path.cwd(), keep_open=keep))
        self._orders = ours
        self._life = asyncio.create_task(self._live(self._process, ours), name="fork-server")

    async def fork(self, order: Order, output: int) -> Fork:
        """A new process that is told ``order`` and writes to ``output``. Raises ``OSError`` when the server dies."""
        self.start()
        assert self._orders is not None
        born: asyncio.Future[Fork] = asyncio.get_running_loop().create_future()
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(asdict(order)).encode())
            file.seek(0)
            socket.send_fds(self._orders, [NEXT_ORDER], [file.fileno(), output])
        self._expected.append(born)
        return await asyncio.shield(born)

    def kill(self) -> None:
        """End it and with it every fork, at once."""
        if self._process is not None:
            kill(self._process)

    async def close(self) -> None:
        """Hang up, and wait until it has ended."""
        if self._life is None or self._orders is None:
            return
        with contextlib.suppress(OSError):
            self._orders.shutdown(socket.SHUT_WR)
        await asyncio.wait({self._life}, timeout=_GRACE_S)
        self.kill()
        await self._life

    async def _live(self, process: subprocess.Popen[bytes], orders: socket.socket) -> None:
        """From start to end."""
        lines = LineReader("up", self._output)
        pipe = cast("IO[bytes]", process.stdout)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: lines, pipe)
        reader, writer = await asyncio.open_connection(sock=orders.dup())
        try:
            async for line in reader:
                self._hear(*line.decode().split())
        finally:
            kill(process)
            await exited(process)
            self._bury_all()
            for one in (writer, transport, orders):
                one.close()

    def _hear(self, what: str, pid: str, code: str = "") -> None:
        if what == "born":
            fork = self._forks[int(pid)] = Fork(int(pid))
            self._expected.popleft().set_result(fork)
        else:
            self._forks.pop(int(pid)).ended.set_result(int(code))

    def _bury_all(self) -> None:
        """Its forks have died with it, and nobody else is born."""
        for fork in self._forks.values():
            fork.ended.set_result(-signal.SIGKILL)
        self._forks.clear()
        while self._expected:
            self._expected.popleft().set_exception(OSError(0, "the fork server was killed"))
