"""Everything is killed, again and again, while sixty tracks are analysed; nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.projector.compare import compare
from shared.errors import ConfigurationError
from shared.streams import Streams
from tests import music
from tests.instance import Instance, running
from tests.waiting import until

TRACKS = 60
KILLS_EACH = 5
SEED = 20261122
SERVICES = ("gateway", "fetcher", "analyzer", "projector", "coordinator")
STORES = ("valkey", "postgres")
VICTIMS = (*SERVICES, "child", *STORES)
TERMINAL = ("track.analyzed", "track.analysis_failed", "track.analysis_skipped")


@pytest.fixture
def starling(tmp_path: Path) -> Iterator[Instance]:
    library = tmp_path / "music"
    songs = [
        song
        for number, suffix in enumerate(("ogg", "mp3", "flac"))
        for song in music.many_songs(TRACKS, suffix=suffix, seconds=4.0)[number::3]
    ]
    music.make_library(library, tuple(songs))
    instance = Instance(tmp_path / "data", library, {"STARLING_LEASE_S": "2", "STARLING_RETRY_BASE_S": "0.2"})
    with running(instance):
        yield instance


def _pid_of(instance: Instance, victim: str) -> int | None:
    """The process to kill now, if it is there at the moment."""
    try:
        state = instance.state()
    except (ConfigurationError, OSError, ValueError):
        return None
    if victim in STORES:
        return state.servers.get(victim)
    if victim != "child":
        return state.services.get(victim)
    parent = state.services.get("analyzer")
    children = _children(parent) if parent else []
    return random.choice(children) if children else None


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


async def _kill_all(instance: Instance, chance: random.Random) -> Counter[str]:
    """Each victim at least ``KILLS_EACH`` times, in random order at random moments."""
    order = list(VICTIMS) * KILLS_EACH
    chance.shuffle(order)
    killed: Counter[str] = Counter()
    last: dict[str, int] = {}
    for victim in order:
        await asyncio.sleep(chance.uniform(0.1, 0.9))
        pid = None
        for _ in range(400):
            pid = _pid_of(instance, victim)
            if pid is not None and pid != last.get(victim):
                break
            await asyncio.sleep(0.05)
        assert pid is not None, f"{victim} never came back:\n{instance.tail()}"
        last[victim] = pid
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            killed[victim] += 1
    return killed


async def _patient_post(instance: Instance, path: str, body: Any) -> tuple[int, Any]:
    """An answer of a gateway, or of a store behind it, that may just be starting again."""
    for _ in range(300):
        with suppress(aiohttp.ClientError, OSError, ValueError):
            status, answer = await instance.call("POST", path, body)
            if status < 500:
                return status, answer
        await asyncio.sleep(0.1)
    raise AssertionError(f"the gateway never came back:\n{instance.tail()}")


async def _analyse_until(killing: asyncio.Task[Counter[str]], instance: Instance, server_id: str) -> list[str]:
    """One run over all tracks after the other for as long as the killing goes on; their ids."""
    runs: list[str] = []
    while not runs or not killing.done():
        status, answer = await _patient_post(instance, "/api/v1/analysis", {"server_id": server_id, "force": True})
        assert status in (202, 409), answer
        # The gateway may have died between doing what was asked and saying so.
        if answer["run_id"] not in runs:
            runs.append(answer["run_id"])
        await instance.ended(runs[-1], seconds=150)
    return runs


@pytest.mark.timeout(240)
async def test_sixty_tracks_survive_the_death_of_everything(starling: Instance) -> None:
    server = await starling.post(
        "/api/v1/servers", {"type": "folder", "name": "Chaos", "path": str(starling.music_dir)}
    )
    killing = asyncio.create_task(_kill_all(starling, random.Random(SEED)))
    runs = await _analyse_until(killing, starling, server["id"])
    killed = await killing
    assert min(killed[victim] for victim in VICTIMS) >= KILLS_EACH

    streams = Streams(starling.settings())
    try:
        await _nothing_is_left(streams)
        for run_id in runs:
            await _all_adds_up(starling, run_id)
            await _one_terminal_event_each(streams, run_id)
    finally:
        await streams.close()
    assert await compare(starling.settings()) == []


async def _all_adds_up(instance: Instance, run_id: str) -> None:
    run = await instance.get(f"/api/v1/runs/{run_id}")
    totals = run["totals"]
    assert (run["state"], totals["discovered"]) == ("completed", TRACKS)
    assert totals["analysed"] + totals["skipped"] + totals["failed"] == TRACKS


async def _nothing_is_left(streams: Streams) -> None:
    async def idle() -> bool:
        return not any((await streams.backlog()).values()) and await streams.pending() == 0

    await until(idle, "nothing pending, delayed or dead", seconds=20)


async def _one_terminal_event_each(streams: Streams, run_id: str) -> None:
    subjects: Counter[str] = Counter()
    position = 0
    while page := await streams.log.page(position, 1000):
        position = page[-1].position
        subjects.update(
            entry.raw.subject
            for entry in page
            if entry.raw.type in TERMINAL and str(entry.raw.correlation_id) == run_id
        )
    assert len(subjects) == TRACKS
    assert set(subjects.values()) == {1}
