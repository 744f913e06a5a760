"""What the processes of an instance take meanwhile, and how far the projector is behind."""

from __future__ import annotations

import asyncio
import re
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from services.up.datadir import RunState
from shared.pausing import pause

_EVERY_S = 5.0
_LAG = re.compile(r'^starling_follower_lag_seconds\{follower="(\w+)"\} (\S+)', re.MULTILINE)
ALLOWED_GROWTH = 0.10
ALLOWED_MB = 12.0


def proportional_mb(pid: int) -> float:
    """Memory of a process and its descendants, where what is shared is shared out. 0 for one that is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        own = int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (OSError, IndexError):
        return 0.0
    return own + sum(proportional_mb(child) for child in children)


@dataclass
class Watched:
    """Measured every five seconds: seconds since the start and megabytes by process, and lags by follower."""

    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    lags: dict[str, list[float]] = field(default_factory=dict)

    async def run(self, url: str, state: RunState, stop: asyncio.Event) -> None:
        start = time.monotonic()
        async with aiohttp.ClientSession(url) as session:
            while not stop.is_set():
                for name, pid in {**state.services, **state.servers}.items():
                    size = await asyncio.to_thread(proportional_mb, pid)
                    self.memory.setdefault(name, []).append((time.monotonic() - start, size))
                async with session.get("/metrics") as answer:
                    for follower, lag in _LAG.findall(await answer.text()):
                        self.lags.setdefault(follower, []).append(float(lag))
                await pause(stop, _EVERY_S)

    def growth(self) -> dict[str, tuple[float, float]]:
        """By process: the median of the second fifth of the time, and of the last. Before that caches are filled."""
        found = {}
        for name, points in self.memory.items():
            sizes = [size for _, size in points]
            fifth = max(1, len(sizes) // 5)
            found[name] = (statistics.median(sizes[fifth : 2 * fifth] or sizes), statistics.median(sizes[-fifth:]))
        return found

    def grown(self) -> list[str]:
        """Those that hold more in the end than they may."""
        return [
            name
            for name, (before, after) in self.growth().items()
            if after > before * (1 + ALLOWED_GROWTH) + ALLOWED_MB or after == 0
        ]
