"""What the embedded PostgreSQL and Valkey have in common: a folder, a port, a password, a life tied to ours."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from signal import Signals
from typing import IO, ClassVar

from services.up import ports
from services.up.datadir import kept_secret, private_dir, take_lock, write_private
from services.up.process import Launch, describe_exit, exited, kill, send, spawn
from shared.errors import StoreUnavailable

LOG_LIMIT = 8 * 1024 * 1024
_PORT_TRIES = 5


class ServerProcess(ABC):
    """One server program on 127.0.0.1, in a folder of its own with mode 0700.

    The folder keeps its password and its port, so it comes back as it was after any death. All methods run on the
    main thread. ``port`` 0 takes the port of last time, or a free one if that is taken.
    """

    name: ClassVar[str]
    host: ClassVar[str] = "127.0.0.1"
    death_signal: ClassVar[Signals]
    """What the server gets when our process dies."""
    stop_steps: ClassVar[tuple[tuple[Signals, float], ...]]
    """Signals that ask it to stop, each with the seconds it is given; SIGKILL follows."""

    def __init__(self, data_dir: Path, port: int = 0) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self.password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, or None when it does not run."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log_path(self) -> Path:
        return self.data_dir / "server.log"

    async def start(self, timeout_s: float = 60.0) -> None:
        """Start and wait until it answers. Raises ``StoreUnavailable`` with the end of its log."""
        if self.pid is not None:
            return
        deadline = time.monotonic() + timeout_s
        private_dir(self.data_dir)
        self.password = kept_secret(self.data_dir / "password", lambda: secrets.token_urlsafe(32))
        try:
            # The server and all its children inherit this lock. So once we have it, nothing of an earlier life still
            # works on the files, even if that life was ended by SIGKILL.
            lock = await take_lock(self.data_dir / "lock", timeout_s)
        except TimeoutError as error:
            raise StoreUnavailable(f"an earlier {self.name} still works in {self.data_dir}") from error
        try:
            await self._prepare(lock)
            await self._start_on_a_port(lock, deadline)
        except BaseException:
            self.kill()
            raise
        finally:
            os.close(lock)

    async def stop(self) -> None:
        """Ask it to stop, with more and more emphasis, and wait until it did. Takes seconds at most."""
        process = self._process
        if process is None:
            return
        for number, patience_s in self.stop_steps:
            send(process, number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await exited(process)
                    return
        kill(process)
        await exited(process)

    def kill(self) -> None:
        """End it at once. What it confirmed is on disk."""
        if self._process is not None:
            kill(self._process)
            self._process.wait()

    async def restart(self) -> None:
        """Stop and start, on the same port."""
        await self.stop()
        await self.start()

    async def wait(self) -> str:
        """Wait until it ends, and say how it did."""
        return describe_exit(await exited(self._process)) if self._process is not None else "never ran"

    def limit_log(self) -> None:
        """Move a log that has grown long to ``server.log.1``. The server appends, so it goes on from the start."""
        if self.log_path.exists() and self.log_path.stat().st_size > LOG_LIMIT:
            write_private(self.log_path.with_suffix(".log.1"), self._log_tail(LOG_LIMIT))
            os.truncate(self.log_path, 0)

    @abstractmethod
    async def _prepare(self, lock: int) -> None:
        """Make the folder ready for a start; ``lock`` is to be inherited by every child."""

    @abstractmethod
    def _launch(self, port: int, log: IO[bytes], lock: int) -> Launch:
        """How to start it."""

    @abstractmethod
    async def _answers(self, port: int) -> bool:
        """Whether our own process, and not another on that port, answers with the password."""

    async def _start_on_a_port(self, lock: int, deadline: float) -> None:
        if self.port and not ports.is_free(self.port):
            raise StoreUnavailable(f"{self.name} cannot start: its port {self.port} is in use by another program")
        for _ in range(_PORT_TRIES):
            port = self.port or self._choose_port()
            self._start_process(port, lock)
            if await self._becomes_ready(port, deadline):
                self.port = port
                write_private(self.data_dir / "port", f"{port}\n")
                return
            self.kill()
            if self.port or ports.is_free(port):
                break
        tail = self._log_tail(1500).strip()
        raise StoreUnavailable(f"{self.name} did not start; the end of {self.log_path} says:\n{tail}")

    def _start_process(self, port: int, lock: int) -> None:
        self.limit_log()
        with self._open_log() as log:
            self._process = spawn(self._launch(port, log, lock))

    def _open_log(self) -> IO[bytes]:
        return os.fdopen(os.open(self.log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    async def _becomes_ready(self, port: int, deadline: float) -> bool:
        while self.pid is not None and time.monotonic() < deadline:
            if await self._answers(port):
                return True
            await asyncio.sleep(0.02)
        return False

    def _choose_port(self) -> int:
        with contextlib.suppress(FileNotFoundError, ValueError):
            remembered = int((self.data_dir / "port").read_text())
            if ports.is_free(remembered):
                return remembered
        return ports.choose()

    def _log_tail(self, size: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - size))
            return log.read().decode(errors="replace")
