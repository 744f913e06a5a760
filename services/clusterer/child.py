"""Child processes that compute, so that the event loop never does.

One that dies costs the command in its hands one attempt; one that is told to stop in the middle of work is killed.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Awaitable, Callable
from multiprocessing import connection as pipes
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import structlog

from shared.errors import ChildCrashed, Permanent, Transient
from shared.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

log = structlog.get_logger(__name__)

StopCheck = Callable[[], Awaitable[bool]]
_ASK_S = 0.5


class Stopped(Exception):
    """``should_stop`` said so; the child was killed."""


class Child:
    """One process, started when it is first needed and again when it has died."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is none."""
        return self._process.pid if self._process else None

    async def do(self, command: Any, should_stop: StopCheck) -> Any:
        """The result of a command. Raises what the job raised of ``Permanent`` and ``Transient``, ``ChildCrashed``
        when the process dies, ``Stopped``. Cancelling kills the process, too."""
        pipe = await self._started()
        answer = asyncio.create_task(asyncio.to_thread(_ask, pipe, command))
        try:
            await _watched(answer, should_stop)
            return _result(answer.result())
        except (EOFError, OSError) as error:
            await self.kill()
            raise ChildCrashed("The process that computes clusterings died; the work is tried again.") from error
        except BaseException:
            if not answer.done():
                await self.kill()
                await asyncio.gather(answer, return_exceptions=True)
            raise

    async def _started(self) -> Connection:
        if self._process is not None and self._process.is_alive() and self._pipe is not None:
            return self._pipe
        await self.kill()
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self._settings), name="clusterer", daemon=True)
        await asyncio.to_thread(self._process.start)
        theirs.close()
        return self._pipe

    async def kill(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await asyncio.shield(asyncio.to_thread(process.join))
            process.close()
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None


async def _watched(answer: asyncio.Task[Any], should_stop: StopCheck) -> None:
    while not (await asyncio.wait({answer}, timeout=_ASK_S))[0]:
        if await should_stop():
            raise Stopped


def _ask(pipe: Connection, command: Any) -> Any:
    """Blocks until the answer is there. Raises ``EOFError`` or ``OSError`` when the process dies."""
    pipe.send(command)
    return pipe.recv()


def _result(answer: tuple[str, Any]) -> Any:
    kind, content = answer
    match kind:
        case "permanent":
            raise content[0](*content[1:])
        case "transient":
            raise content[0](content[1], retry_after_s=content[2])
        case "bug":
            log.error("clustering_bug", traceback=content)
            raise RuntimeError(content.strip().splitlines()[-1])
    return content


class Children:
    """``count`` children; the one used last is used first, since its data is at hand."""

    def __init__(self, settings: Settings, count: int) -> None:
        self._children = [Child(settings) for _ in range(count)]
        self._free: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        for child in self._children:
            self._free.put_nowait(child)

    @property
    def pids(self) -> list[int]:
        """The processes that are there now."""
        return [child.pid for child in self._children if child.pid is not None]

    async def do(self, command: Any, should_stop: StopCheck) -> Any:
        """As ``Child.do``, in the next free child."""
        child = await self._free.get()
        try:
            return await child.do(command, should_stop)
        finally:
            self._free.put_nowait(child)

    async def close(self) -> None:
        """End all of them."""
        await asyncio.gather(*(child.kill() for child in self._children))


def serve(pipe: Connection, settings: Settings) -> None:
    """The child: answer one command after the other until the parent is gone.

    One thread for all arithmetic, so that replicas share the cores and the same sums come out everywhere.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    from threadpoolctl import threadpool_limits

    from services.clusterer.jobs import Jobs

    jobs = Jobs(settings)
    with threadpool_limits(1):
        while True:
            try:
                command = pipe.recv()
            except EOFError:
                return
            pipe.send(_answer(jobs.do, command))


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        pipes.wait([parent.sentinel])
        os._exit(1)


def _answer(do: Callable[[Any], Any], command: Any) -> tuple[str, Any]:
    try:
        result = do(command)
    except Permanent as error:
        return "permanent", (type(error), error.reason, error.detail)
    except Transient as error:
        return "transient", (type(error), error.detail, error.retry_after_s)
    except Exception:
        return "bug", traceback.format_exc()
    return "done", result
