"""How much memory a process and its children hold, and how much they may. Linux; elsewhere nothing is known."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP_LIMITS = ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes")
_PAGE = os.sysconf("SC_PAGE_SIZE")


def own_bytes(pid: int) -> int:
    """Resident memory of a process alone; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def resident_bytes(pid: int) -> int:
    """Resident memory of a process and all its descendants; what they share counts for each. 0 for one that is gone."""
    try:
        own = own_bytes(pid)
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return 0  # it ended while we looked
    return own + sum(resident_bytes(child) for child in children)


def limit_bytes(root: Path = Path("/")) -> int | None:
    """What the container allows, or what the machine has where that is less; None if neither can be read."""
    found = [limit for name in _CGROUP_LIMITS if (limit := _number(root / name)) is not None]
    machine = _machine(root / "proc/meminfo")
    return min([*found, *([machine] if machine else [])], default=None)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None  # not there, or the word ``max``


def _machine(path: Path) -> int | None:
    try:
        lines = dict(line.split(":", 1) for line in path.read_text().splitlines())
        return int(lines["MemTotal"].removesuffix("kB")) * 1024
    except (OSError, ValueError, KeyError):
        return None
