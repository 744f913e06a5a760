"""Tracks whose decoding kills the child: given up by name after three deaths, while the others go on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests import music
from tests.instance import Instance, running
from tests.waiting import until

GOOD = 10
POISON = ("poison one.flac", "poison two.flac")


@pytest.fixture
def starling(tmp_path: Path) -> Iterator[Instance]:
    library = tmp_path / "music"
    music.make_library(library, music.many_songs(GOOD, seconds=2.0))
    for number, name in enumerate(POISON):
        music.write_tone(library / name, seconds=240.0, hertz=200.0 + 50 * number)
    instance = Instance(tmp_path / "data", library, {"STARLING_RETRY_BASE_S": "0.1"})
    with running(instance):
        yield instance


def _open_files(pid: int) -> list[str]:
    names = []
    with suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                names.append(link.readlink().name)
    return names


async def _kill_whoever_reads_poison(instance: Instance, over: asyncio.Event) -> Counter[str]:
    """What a malicious file does to a decoder: the process that reads it is gone. Each death of each file once."""
    deaths: Counter[str] = Counter()
    killed: set[int] = set()
    analyzer = instance.state().services["analyzer"]
    children = Path(f"/proc/{analyzer}/task/{analyzer}/children")
    while not over.is_set():
        for child in map(int, children.read_text().split()):
            names = set(_open_files(child)) & set(POISON)
            if names and child not in killed:
                killed.add(child)
                os.kill(child, signal.SIGKILL)
                deaths.update(names)
        await asyncio.sleep(0.002)
    return deaths


async def _letters(instance: Instance, count: int) -> bool:
    return len((await instance.get("/api/v1/dead"))["items"]) == count


async def _analysed(instance: Instance, run_id: str, count: int) -> bool:
    return bool((await instance.get(f"/api/v1/runs/{run_id}"))["totals"]["analysed"] == count)


@pytest.mark.timeout(180)
async def test_poison_is_given_up_after_three_deaths_and_can_be_retried(starling: Instance) -> None:
    server = await starling.post(
        "/api/v1/servers", {"type": "folder", "name": "Poison", "path": str(starling.music_dir)}
    )
    over = asyncio.Event()
    killer = asyncio.create_task(_kill_whoever_reads_poison(starling, over))
    run_id = await starling.analyse(server_id=server["id"])

    run = await starling.ended(run_id)
    over.set()
    deaths = await killer

    assert deaths == Counter(dict.fromkeys(POISON, 3))
    assert run["totals"] == {"discovered": GOOD + 2, "analysed": GOOD, "skipped": 0, "failed": 2, "remaining": 0}
    (failure,) = run["failures"]
    assert (failure["reason"], failure["count"]) == ("decoder_crashed", 2)

    letters = (await starling.get("/api/v1/dead"))["items"]
    assert {letter["reason"] for letter in letters} == {"decoder_crashed"}
    await starling.post(f"/api/v1/dead/{letters[0]['id']}/retry")
    await until(lambda: _analysed(starling, run_id, GOOD + 1), "the first one was retried over HTTP", seconds=40)
    status, _ = await starling.call("POST", f"/api/v1/dead/{letters[0]['id']}/retry")
    assert status == 404

    command = [sys.executable, "-m", "services.cli", "--data-dir", str(starling.data_dir), "dead", "retry"]
    process = await asyncio.create_subprocess_exec(*command, letters[1]["id"])
    assert await asyncio.wait_for(process.wait(), 30) == 0
    await until(lambda: _analysed(starling, run_id, GOOD + 2), "the second one was retried from the CLI", seconds=40)

    run = await starling.get(f"/api/v1/runs/{run_id}")
    assert (run["totals"]["failed"], run["failures"]) == (0, [])
    assert await _letters(starling, 0)
