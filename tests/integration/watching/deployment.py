"""Services as processes of their own, each with a port that shows its metrics."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from services.up.ports import choose
from tests.environment import clean_environment


@dataclass(frozen=True)
class Scrape:
    """What one process showed: a value for every name and its labels, and the names without a value yet."""

    samples: Mapping[tuple[str, frozenset[tuple[str, str]]], float]
    families: frozenset[str]

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of all samples with these labels and any others; None when there is none."""
        wanted = labels.items()
        found = [value for (sample, has), value in self.samples.items() if sample == name and wanted <= has]
        return sum(found) if found else None


def read(text: str) -> Scrape:
    """Prometheus' text form."""
    families = list(text_string_to_metric_families(text))
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }
    return Scrape(samples, frozenset(family.name for family in families))


class Deployment:
    """Started by name; ``environment`` leads to the stores."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self._ports: dict[str, int] = {}
        self._health: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Start services; ``scrape`` says when they are there."""
        for name in names:
            port, self._health[name] = choose(), choose()
            self._ports[name] = port if name == "gateway" else self._health[name]
            own = {"STARLING_HEALTH_PORT": str(self._health[name]), "STARLING_PORT": str(port)}
            own["STARLING_LOG_FORMAT"] = "json"
            environment = clean_environment({**self._environment, **own, "STARLING_LOG_LEVEL": "debug"})
            with self._log(name).open("ab") as log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", f"services.{name}"], env=environment, stderr=log, stdout=log
                )

    def stop(self) -> None:
        """End them all."""
        for process in self.processes.values():
            os.kill(process.pid, signal.SIGCONT)
            process.terminate()
        codes = {name: process.wait(20) for name, process in self.processes.items()}
        assert set(codes.values()) <= {0}, codes

    def kill(self) -> None:
        """End what is left, at once."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def url(self, name: str) -> str:
        """Where a service listens."""
        return f"http://127.0.0.1:{self._ports[name]}"

    async def ask(self, name: str, path: str) -> tuple[int, str]:
        """Status and text of a page of a service."""
        async with aiohttp.ClientSession(self.url(name)) as session, session.get(path) as answer:
            return answer.status, await answer.text()

    async def scrape(self, name: str) -> Scrape:
        """What the service shows now on its health port; nothing while it does not listen yet."""
        address = f"http://127.0.0.1:{self._health[name]}/metrics"
        try:
            async with aiohttp.ClientSession() as session, session.get(address) as answer:
                assert answer.status == 200, await answer.text()
                return read(await answer.text())
        except aiohttp.ClientError:
            return Scrape({}, frozenset())

    async def are_all_there(self) -> bool:
        """Whether everything that was started listens."""
        return all([(await self.scrape(name)).families for name in self.processes])

    async def shows(self, name: str, metric: str, value: float, **labels: str) -> bool:
        """Whether a service shows a value now."""
        return (await self.scrape(name)).value(metric, **labels) == value

    def lines(self, name: str, event: str) -> list[dict[str, Any]]:
        """What a service has logged as ``event``."""
        texts = self._log(name).read_text().splitlines()
        lines = [json.loads(text) for text in texts if text.startswith("{") and text.endswith("}")]
        return [line for line in lines if line["event"] == event]

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
