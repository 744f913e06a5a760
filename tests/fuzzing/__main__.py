"""``python -m tests.fuzzing --cases 3000 --seed 1``: many made-up requests, with and without signing in."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from cryptography.fernet import Fernet

from services.projector.rebuild import ensure_current
from shared import accounts, logs, secrets
from shared.settings import Settings
from tests.fuzzing.making_up import Judge, Target, as_described, closed, fuzz
from tests.fuzzing.target import inhabited
from tests.integration.gateway.api import DOCUMENT
from tests.servers import stores

OPERATIONS = sum(len(item) for item in DOCUMENT["paths"].values()) - 1


def main() -> None:
    """Prints what was asked and answered; raises with the requests that were answered otherwise than described."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--cases", type=int, default=3000, help="how many requests in all, at least")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    logs.configure("fuzzing", level="error", form="console")
    with stores() as environment, tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({**environment, "STARLING_SECRET_KEY": Fernet.generate_key().decode()})
        try:
            asyncio.run(_all(settings, Path(folder), arguments.cases, arguments.seed))
        except ExceptionGroup as faults:
            for fault in faults.exceptions:
                print(f"{fault}\n  {' '.join(getattr(fault, '__notes__', ()))}", file=sys.stderr)
            raise SystemExit(f"{faults.message}") from None


async def _all(settings: Settings, music: Path, cases: int, seed: int) -> None:
    await ensure_current(settings, asyncio.Event())
    await secrets.create_table(settings)
    await accounts.create_tables(settings)
    async with inhabited(settings, music) as (owner, nobody):
        await _one("as the owner", owner, cases * 2 // 3, seed, as_described)
        await _one("as nobody", nobody, cases // 3, seed, closed)


async def _one(who: str, target: Target, cases: int, seed: int, judge: Judge) -> None:
    start = time.monotonic()
    each = -(-cases // OPERATIONS)
    seen = await asyncio.to_thread(fuzz, target, each, seed, judge)
    statuses = ", ".join(f"{status}: {count}" for status, count in sorted(seen.statuses.items()))
    print(f"{who}: {seen.cases} requests to {len(seen.operations)} operations in {time.monotonic() - start:.0f} s")
    print(f"  {statuses}", flush=True)


if __name__ == "__main__":
    main()
