"""How much more memory a process has taken at its peak (Linux)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024


@dataclass
class Growth:
    """``mb`` is known when the context has ended."""

    mb: float = 0.0


@contextmanager
def growth(pid: int | None = None) -> Iterator[Growth]:
    """The highest resident memory of a process while the context lasts, less what it had at its beginning."""
    proc = Path(f"/proc/{pid or os.getpid()}")
    (proc / "clear_refs").write_text("5")  # forgets the peak so far
    before = _kilobytes(proc, "VmRSS")
    found = Growth()
    yield found
    found.mb = (_kilobytes(proc, "VmHWM") - before) / 1024


def _kilobytes(proc: Path, name: str) -> int:
    line = re.search(rf"{name}:\s+(\d+) kB", (proc / "status").read_text())
    assert line is not None
    return int(line[1])
