"""Changes the key again and again, and ends by SIGKILL before the first file is touched, before the second, and so on,
until nothing is left to be done. After each it says how that ended, and waits for a line before it goes on."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from typing import Any

from services.cli.rotation import rotate_key
from services.cli.session import Session
from services.up import key_file, stores

EARLIER = (key_file, stores)
"""What the first child would otherwise import alone."""


def die_before(number: int, folder: str) -> None:
    """End this process before its ``number``-th look at, or change of, a file in ``folder``."""
    touched = itertools.count(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        named = [os.fsdecode(path) for path in arguments[:2] if isinstance(path, str | bytes)]
        ours = event in ("open", "os.rename", "os.remove") and any(path.startswith(folder) for path in named)
        if ours and next(touched) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main() -> None:
    """``python -m tests.integration.killed_rotation``, with the environment of a Starling."""
    for number in itertools.count(1):
        child = os.fork()
        if not child:
            die_before(number, os.environ["STARLING_DATA_DIR"])
            os._exit(asyncio.run(rotate_key(Session())))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        if os.WIFEXITED(status):
            return
        sys.stdin.readline()


if __name__ == "__main__":
    main()
