"""A pool of child processes that analyse sound files, for use from asyncio.

A file may hang, crash or bloat the libraries that decode it. Each is a private process, watched from here; when it
misbehaves it is killed, its one track is told so, and a fresh child takes its place while the others go on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import structlog

from services.analyzer import wire
from services.analyzer.analysis import Analysis
from services.analyzer.devices import Device
from services.analyzer.environment import child_environment
from shared.errors import BadAudio, ChildCrashed
from shared.events import Profile
from shared.memory import own_bytes

log = structlog.get_logger(__name__)

StopCheck = Callable[[], Awaitable[bool]]

_LOOK_S: Final = 0.25
_ASK_S: Final = 1.0
_START_S: Final = 60.0
"""How long a child may take to get ready, on a machine that is busy with everything else."""
_CLOSED: Final = "The analyzer is shutting down."
_TRACKS_PER_CHILD: Final = 500
"""After that many a child is replaced, so that whatever the libraries leak stays small."""
_BROKEN: Final = (OSError, EOFError, ValueError, TypeError, TimeoutError)
"""What reading from a child that died, or went wild, raises."""


class AnalysisStopped(Exception):
    """``should_stop`` said so; the child was killed."""


@dataclass(frozen=True, slots=True)
class _Limits:
    timeout_s: float
    memory_mb: int
    device: Device


class _Child:
    """One process and the socket to it."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self.process = process
        self._connection = connection
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self.tracks = 0
        self._held_mb = 0.0

    @classmethod
    async def start(cls, limits: _Limits) -> _Child:
        """A child that is ready for work. Raises ``ChildCrashed`` when it does not get there."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                child = cls(_spawn(theirs.fileno(), limits), ours)
        except OSError as error:
            ours.close()
            raise ChildCrashed(f"A decoding process could not be started ({error.strerror}).") from error
        try:
            await child._get_ready()
            child._settle(limits.device)
        except BaseException as error:
            await child.kill()
            if isinstance(error, _BROKEN):
                detail = f"A decoding process did not start ({_ending(child.process.returncode)})."
                raise ChildCrashed(detail) from error
            raise
        return child

    async def _get_ready(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(sock=self._connection)
        async with asyncio.timeout(_START_S):
            told, _ = await wire.read(self._reader)
        if not told["confined"]:
            _say_unconfined()

    async def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """One request, one answer. Raises ``ChildCrashed``."""
        self.tracks += 1
        assert self._writer is not None
        try:
            self._writer.write(wire.encode(request))
            await self._writer.drain()
            return await wire.read(self._reader)
        except _BROKEN as error:
            await self.kill()
            detail = f"The decoder crashed on this file ({_ending(self.process.returncode)})."
            raise ChildCrashed(detail) from error

    def _settle(self, device: Device) -> None:
        """The libraries of a GPU hold a gigabyte or more before there is a track: that is not the track's."""
        self._held_mb = self.memory_mb() if device == "cuda" else 0.0

    def memory_mb(self) -> float:
        """Resident memory that counts for the track; 0 where the system does not tell, or the process is gone."""
        return max(0.0, own_bytes(self.process.pid) / (1 << 20) - self._held_mb)

    async def kill(self) -> None:
        """End the process, whatever it is doing, and wait until it is gone."""
        self.process.kill()
        if self._writer is None:
            self._connection.close()
        else:
            self._writer.close()
        await asyncio.shield(asyncio.to_thread(self.process.wait))


def _spawn(descriptor: int, limits: _Limits) -> subprocess.Popen[bytes]:
    """Takes 2 ms of the event loop. asyncio's own subprocesses race with themselves for the exit status."""
    arguments = [str(number) for number in (descriptor, os.getpid(), limits.memory_mb)]
    return subprocess.Popen(  # noqa: S603 - our own module, numbers and one of two words for arguments
        [sys.executable, "-m", "services.analyzer.child", *arguments, limits.device],
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        env=child_environment(),
    )


@cache
def _say_unconfined() -> None:
    """Once per process."""
    log.warning(
        "decoding_unconfined", reason="this system has no seccomp filters: damaged files could reach the network"
    )


def _ending(returncode: int | None) -> str:
    if returncode is None:
        return "no answer"
    return signal.Signals(-returncode).name if returncode < 0 else f"exit code {returncode}"


class _Slot:
    """A place in the pool: a child, or the one that is being started to take its place."""

    def __init__(self, limits: _Limits) -> None:
        self._limits = limits
        self._starting: asyncio.Task[_Child] | None = None
        self._child: _Child | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    def start(self) -> None:
        """Begin to start a child, unless that is under way."""
        if self._starting is None and not self._closed:
            self._starting = asyncio.create_task(_Child.start(self._limits))

    async def child(self) -> _Child:
        """The child, ready; one that died while idle is replaced first.

        Raises ``ChildCrashed`` when it did not start; the next call tries again.
        """
        if self._child is not None and self._child.process.poll() is not None:
            self._dismiss()
        if self._child is None:
            self.start()
            self._child = await self._started()
        return self._child

    async def _started(self) -> _Child:
        starting = self._starting
        if starting is None:
            raise ChildCrashed(_CLOSED)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if self._closed:
                raise ChildCrashed(_CLOSED) from None
            raise
        finally:
            if starting.done():
                self._starting = None

    def replace(self) -> None:
        """Kill the child and start another, without waiting for either."""
        self._dismiss()
        self.start()

    def _dismiss(self) -> None:
        if self._child is not None:
            leaving = asyncio.create_task(self._child.kill())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            self._child = None

    async def close(self) -> None:
        """End the child, and whichever is being started; no other follows."""
        self._closed = True
        if (starting := self._starting) is not None:
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled() and starting.exception() is None:
                self._child = starting.result()
        self._dismiss()
        await asyncio.gather(*self._leaving)

    @property
    def pid(self) -> int | None:
        return self._child.process.pid if self._child else None


class AnalyzerPool:
    """``processes`` children; each track gets ``timeout_s`` of wall clock and ``memory_mb`` of resident memory.

    On a GPU (``device``) each child has a context of its own there, with some 500 MB of the GPU's memory.
    """

    def __init__(self, processes: int, timeout_s: float, memory_mb: int, device: Device = "cpu") -> None:
        self._limits = _Limits(timeout_s, memory_mb, device)
        self._slots = [_Slot(self._limits) for _ in range(processes)]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue()

    async def start(self) -> None:
        """Start all children at once; they load their models while the caller goes on."""
        for slot in self._slots:
            slot.start()
            self._free.put_nowait(slot)

    async def ready(self) -> None:
        """Wait until every child is ready. Raises ``ChildCrashed`` when one does not start."""
        await asyncio.gather(*(slot.child() for slot in self._slots))

    @property
    def pids(self) -> list[int]:
        """The children that are ready or at work."""
        return [slot.pid for slot in self._slots if slot.pid is not None]

    async def analyze(
        self, path: Path, profile: Profile, suffix: str = "", should_stop: StopCheck | None = None
    ) -> Analysis:
        """Analyse one file in the next free child.

        Raises ``BadAudio`` (the file is at fault, or takes too much time or memory), ``ChildCrashed`` (the child died
        of this file or was killed; another is started), ``AnalysisStopped``. Cancelling kills the child, too.
        """
        request = {"path": str(path), "profile": profile, "suffix": suffix}
        slot = await self._free.get()
        try:
            child = await slot.child()
            try:
                message, blob = await self._watched(child, request, should_stop)
            except BaseException:
                slot.replace()
                raise
            if child.tracks >= _TRACKS_PER_CHILD or "device" in message:
                slot.replace()
        finally:
            self._free.put_nowait(slot)
        return _result(message, blob)

    async def close(self) -> None:
        """Kill all children. Tracks under analysis end with ``ChildCrashed``."""
        await asyncio.gather(*(slot.close() for slot in self._slots))

    async def _watched(
        self, child: _Child, request: dict[str, Any], should_stop: StopCheck | None
    ) -> tuple[dict[str, Any], bytes]:
        started = asked = time.monotonic()
        work = asyncio.create_task(child.ask(request))
        try:
            while not (await asyncio.wait({work}, timeout=_LOOK_S))[0]:
                self._check(child, time.monotonic() - started)
                if should_stop is not None and time.monotonic() - asked >= _ASK_S:
                    asked = time.monotonic()
                    if await should_stop():
                        raise AnalysisStopped
            return work.result()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def _check(self, child: _Child, elapsed_s: float) -> None:
        limits = self._limits
        if elapsed_s > limits.timeout_s:
            raise BadAudio("time_limit", f"The analysis took longer than the allowed {limits.timeout_s:g} s.")
        if child.memory_mb() > limits.memory_mb:
            raise BadAudio("memory_limit", f"The analysis took more than the allowed {limits.memory_mb} MB of memory.")


def _result(message: dict[str, Any], blob: bytes) -> Analysis:
    if "analysis" in message:
        return wire.decode_analysis(message["analysis"], blob)
    if "bad" in message:
        raise BadAudio(*message["bad"])
    if "device" in message:
        raise ChildCrashed(f"The GPU failed: {message['device']}")
    log.error("analysis.bug", traceback=message.get("error"))
    raise RuntimeError(str(message.get("error", "the child gave no answer")).strip().splitlines()[-1])
