"""The command line as a user calls it: in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    def document(self) -> Any:
        """The JSON on stdout."""
        return json.loads(self.out)


def clean_environment(more: Mapping[str, str]) -> dict[str, str]:
    """Ours without what would lead to another Starling, and with ``more``."""
    names = ("REDIS_URL", "POSTGRES_", "STARLING_")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(names)}, **more}


async def start(environment: Mapping[str, str], *arguments: str) -> Process:
    """``starling`` with these arguments."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *arguments, stdout=PIPE, stderr=PIPE, env=clean_environment(environment)
    )


async def run(environment: Mapping[str, str], *arguments: str) -> Said:
    """Run ``starling`` to its end."""
    process = await start(environment, *arguments)
    out, err = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
