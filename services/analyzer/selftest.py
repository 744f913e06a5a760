"""Is the device there that was asked for, and are its results right? Asked once, before an analyzer takes any work.

``python -m services.analyzer.selftest DEVICE`` is the process that tries it: what it holds of a GPU ends with it, and a
driver that crashes takes nothing else along. It prints what is wrong, or nothing.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import redirect_stdout
from typing import Final, cast

from services.analyzer.devices import Device, Unusable, compare, evaluator
from services.analyzer.environment import child_environment
from shared.errors import ConfigurationError

_LONGEST_S: Final = 300.0
"""A driver that is newer than its libraries translates them first, which takes minutes."""


async def check(device: Device) -> None:
    """Raises ``ConfigurationError`` unless the networks run on ``device`` and give what numpy gives."""
    if device == "cpu":
        return
    problem = await asyncio.to_thread(_tried, device)
    if problem:
        raise ConfigurationError(
            f"STARLING_ANALYZER_DEVICE asks for {device}, but {problem}, or set STARLING_ANALYZER_DEVICE=cpu"
        )


def _tried(device: Device) -> str:
    """What is wrong and what to do about it, or nothing. What libraries say meanwhile goes to standard error."""
    try:
        done = subprocess.run(  # noqa: S603 - our own module, one of two words for an argument
            [sys.executable, "-m", "services.analyzer.selftest", device],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=child_environment(),
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"a test of it has not ended after {_LONGEST_S:g} s; see whether nvidia-smi answers"
    if done.returncode:
        return f"a test of it crashed with {done.returncode}; see what it said above, and whether nvidia-smi answers"
    return done.stdout.strip()


def main(device: Device) -> None:
    try:
        with redirect_stdout(sys.stderr):
            compare(evaluator(device))
    except Unusable as error:
        print(error)


if __name__ == "__main__":
    main(cast("Device", sys.argv[1]))
