"""The command line as a user calls it: in a process of its own."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.environment import clean_environment

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
