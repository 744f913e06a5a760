"""A whole Starling, started as a user starts it, on a data directory and a port of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.up.datadir import RunState, load_environment, load_state
from shared.errors import ConfigurationError
from shared.settings import Settings
from tests.environment import clean_environment

START_S = 60.0


@dataclass
class Instance:
    """``environment`` is added to ours. Output goes to ``<data_dir>.log``."""

    data_dir: Path
    music_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    url: str = ""

    @property
    def log(self) -> Path:
        return self.data_dir.with_suffix(".log")

    def start(self, *arguments: str) -> None:
        """Start and wait until the gateway is ready."""
        environment = {
            **clean_environment(),
            "STARLING_DATA_DIR": str(self.data_dir),
            "STARLING_PORT": "0",
            **self.environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.up", *arguments],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        asyncio.run(self._ready())

    async def _ready(self) -> None:
        assert self.process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"starling up ended with {self.process.returncode}:\n{self.tail()}")
            try:
                self.url = self.state().url
                if (await self.get("/readyz"))["ready"]:
                    return
            except (ConfigurationError, aiohttp.ClientError, OSError, AssertionError):
                pass
            await asyncio.sleep(0.1)
        raise AssertionError(f"not ready within {START_S} s:\n{self.tail()}")

    def tail(self, lines: int = 60) -> str:
        """The end of the log, for messages of failed tests."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def state(self) -> RunState:
        """What runs: process ids and the environment."""
        return load_state(self.data_dir)

    def settings(self) -> Settings:
        """Settings that lead to this instance's stores."""
        return Settings.model_validate(load_environment(self.data_dir))

    def stop(self) -> int:
        """Ctrl-C."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def kill(self) -> None:
        """End it whatever it takes; for clean-up."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request; the status and the JSON answer."""
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.request(method, self.url + path, json=body) as answer,
        ):
            text = await answer.text()
            return answer.status, json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        """A GET that must succeed."""
        status, answer = await self.call("GET", path)
        assert status == 200, (status, answer)
        return answer

    async def post(self, path: str, body: Any = None) -> Any:
        """A POST that must succeed."""
        status, answer = await self.call("POST", path, body)
        assert status in (200, 201, 202), (status, answer)
        return answer

    async def analyse(self, **options: Any) -> str:
        """Start a run and wait until it can be asked for; its id."""
        answer = await self.post("/api/v1/analysis", options)
        await self.get(f"/api/v1/runs/{answer['run_id']}?after={answer['position']}")
        return str(answer["run_id"])

    async def ended(self, run_id: str, *, seconds: float = 90.0) -> dict[str, Any]:
        """Wait until a run is over; the run. The gateway may be away meanwhile."""
        deadline = time.monotonic() + seconds
        run: dict[str, Any] = {}
        while time.monotonic() < deadline:
            try:
                status, run = await self.call("GET", f"/api/v1/runs/{run_id}")
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                status = 0
            # A cancelled run says so at once; it is over when what was in hand has ended.
            if status == 200 and run["ended_at"] is not None:
                return run
            await asyncio.sleep(0.1)
        raise AssertionError(f"run not over within {seconds} s: {run}\n{self.tail()}")


@contextmanager
def running(instance: Instance) -> Iterator[None]:
    """Started, and in the end stopped as a user stops it, which has to go well; whatever happens nothing is left."""
    try:
        instance.start()
        yield
        assert instance.stop() == 0, instance.tail()
    finally:
        instance.kill()
