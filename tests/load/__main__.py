"""``python -m tests.load [--minutes 10] [--clients 50]``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from shared.pausing import pause
from tests import music
from tests.environment import clean_environment
from tests.instance import Instance
from tests.load.clients import Clients
from tests.load.watching import Watched

TRACKS = 60
MOST_LAG_S = 5.0


def main() -> int:
    """0 when nothing broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "music")
        music.make_library(library, music.many_songs(TRACKS, seconds=30.0))
        starling = Instance(Path(folder, "data"), library)
        try:
            starling.start("--music", str(library))
            return asyncio.run(_load(starling, arguments))
        finally:
            starling.kill()


async def _load(starling: Instance, arguments: argparse.Namespace) -> int:
    stop, counts = asyncio.Event(), {"runs": 0, "rebuilds": 0}
    clients, watched = Clients(starling.url, arguments.clients, arguments.seed), Watched()
    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(clients.run(stop))
        group.create_task(watched.run(starling.url, starling.state(), stop))
        group.create_task(_again_and_again(lambda: _analyse(starling), counts, "runs", stop))
        group.create_task(_again_and_again(lambda: _rebuild(starling, stop), counts, "rebuilds", stop))
        await asyncio.sleep(arguments.minutes * 60)
        stop.set()
    return _judge(clients, watched, counts, time.monotonic() - start)


async def _again_and_again(
    what: Callable[[], Awaitable[bool]], counts: dict[str, int], name: str, stop: asyncio.Event
) -> None:
    while not stop.is_set():
        counts[name] += await what()


async def _analyse(starling: Instance) -> bool:
    """Every track once more, whether or not it is known. False while the run of the start is going on."""
    status, answer = await starling.call("POST", "/api/v1/analysis", {"scope": "all"})
    if status == 409 and answer["reason"] == "run_active":
        await starling.ended(answer["run_id"], seconds=600)
        return False
    assert status == 202, answer
    run = await starling.ended(answer["run_id"], seconds=600)
    assert run["totals"]["failed"] == 0, run
    assert run["state"] == "completed", run
    return True


async def _rebuild(starling: Instance, stop: asyncio.Event) -> bool:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "--data-dir", str(starling.data_dir), "replay",
        env=clean_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    await pause(stop, 5)
    return True


def _judge(clients: Clients, watched: Watched, counts: dict[str, int], seconds: float) -> int:
    told, taken = clients.told, clients.told.all_seconds()
    quantiles = {share: taken[min(len(taken) - 1, int(share * len(taken)))] for share in (0.5, 0.95, 0.99)}
    times = ", ".join(f"p{share * 100:.0f} {value * 1000:.0f} ms" for share, value in quantiles.items())
    print(f"{seconds / 60:.1f} minutes: {counts['runs']} runs of {TRACKS} tracks, {counts['rebuilds']} rebuilds")
    print(f"{told.requests} requests, {told.requests / seconds:.0f} a second: {times}; {told.live} live events")
    for name, own in sorted(told.seconds.items()):
        print(f"  {name:<42} {len(own):>6}  p95 {sorted(own)[int(0.95 * len(own))] * 1000:.0f} ms")
    for name, (before, after) in sorted(watched.growth().items()):
        print(f"  {name:<12} {before:7.1f} MB, in the end {after:7.1f} MB")
    worst = {follower: max(lags) for follower, lags in watched.lags.items()}
    print("  " + ", ".join(f"{follower} at most {lag:.1f} s behind" for follower, lag in sorted(worst.items())))
    problems = [f"{count} x {fault}" for fault, count in told.faults.most_common(10)]
    problems += [f"{name} grew" for name in watched.grown()]
    problems += [f"{follower} was {lag:.1f} s behind" for follower, lag in worst.items() if lag > MOST_LAG_S]
    print("\n".join(problems) or "nothing broke")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
