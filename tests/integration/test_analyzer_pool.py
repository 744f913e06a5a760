"""Real child processes: what happens when one crashes, hangs, swells, or its parent dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.analyzer.pool import AnalysisStopped, AnalyzerPool
from shared.errors import BadAudio, ChildCrashed
from tests.unit.analyzer import sounds

RATE = 16000
LONG_S = 1200.0
"""A track that keeps a child busy for seconds: long enough to interfere with."""


@pytest.fixture(scope="session")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "Ünïcode\n\udcff.wav"
    soundfile.write(os.fsencode(path), sounds.music(2, RATE).T, RATE, format="WAV")
    return path


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.wav"
    minute = (sounds.music(60, RATE).T * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(int(LONG_S / 60)):
            file.write(minute)
    return path


@pytest.fixture
async def pool() -> AsyncIterator[AnalyzerPool]:
    pool = AnalyzerPool(2, timeout_s=60, memory_mb=700)
    await pool.start()
    await pool.ready()
    yield pool
    await pool.close()


async def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for a condition, with a deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.01)


def reads(pid: int, path: Path) -> bool:
    """Whether a process has a file open."""
    try:
        return any(link.readlink() == path for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False


async def worker_on(pool: AnalyzerPool, path: Path) -> int:
    """The child that is reading ``path``."""
    await until(lambda: any(reads(pid, path) for pid in pool.pids))
    return next(pid for pid in pool.pids if reads(pid, path))


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def test_tracks_are_analysed_side_by_side_with_the_same_result(pool: AnalyzerPool, short: Path) -> None:
    results = await asyncio.gather(*(pool.analyze(short, "fast") for _ in range(6)))
    assert len({result.audio_hash for result in results}) == 1
    assert all(np.array_equal(result.embedding, results[0].embedding) for result in results)
    assert len(set(pool.pids)) == 2


async def test_the_event_loop_goes_on_while_children_work(pool: AnalyzerPool, long: Path) -> None:
    work = asyncio.create_task(pool.analyze(long, "fast"))
    await worker_on(pool, long)
    pauses = []
    for _ in range(50):
        start = time.perf_counter()
        await asyncio.sleep(0.01)
        pauses.append(time.perf_counter() - start)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    assert float(np.median(pauses)) < 0.05


async def test_a_child_killed_at_work_costs_its_track_one_attempt_and_the_other_child_nothing(
    pool: AnalyzerPool, short: Path, long: Path
) -> None:
    doomed = asyncio.create_task(pool.analyze(long, "fast"))
    victim = await worker_on(pool, long)
    other = next(pid for pid in pool.pids if pid != victim)
    os.kill(victim, signal.SIGSEGV)
    with pytest.raises(ChildCrashed, match="SIGSEGV"):
        await doomed
    await asyncio.gather(*(pool.analyze(short, "fast") for _ in range(4)))
    await pool.ready()
    assert other in pool.pids
    assert victim not in pool.pids
    assert len(pool.pids) == 2


async def test_a_child_killed_while_idle_costs_no_track_anything(pool: AnalyzerPool, short: Path) -> None:
    for pid in pool.pids:
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: gone(pid))  # type: ignore[misc]
    results = await asyncio.gather(*(pool.analyze(short, "fast") for _ in range(3)))
    assert len(results) == 3


async def test_a_child_that_hangs_is_killed_when_its_time_is_up(short: Path, long: Path) -> None:
    pool = AnalyzerPool(1, timeout_s=1.5, memory_mb=700)
    await pool.start()
    await pool.ready()
    try:
        work = asyncio.create_task(pool.analyze(long, "fast"))
        hanging = await worker_on(pool, long)
        os.kill(hanging, signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(BadAudio) as caught:
            await work
        assert caught.value.reason == "time_limit"
        assert time.monotonic() - started < 5
        await until(lambda: gone(hanging))
        assert (await pool.analyze(short, "fast")).duration_s == pytest.approx(2, abs=0.01)
    finally:
        await pool.close()


async def test_a_child_over_its_memory_is_killed(long: Path) -> None:
    pool = AnalyzerPool(1, timeout_s=60, memory_mb=16)
    await pool.start()
    try:
        with pytest.raises(BadAudio) as caught:
            await pool.analyze(long, "fast")  # a child is bigger than 16 MB to begin with
        assert caught.value.reason == "memory_limit"
    finally:
        await pool.close()


async def test_memory_does_not_grow_with_the_length_of_a_track(pool: AnalyzerPool, long: Path) -> None:
    await asyncio.gather(*(pool.analyze(long, "fast") for _ in range(2)))
    for pid in pool.pids:
        status = Path(f"/proc/{pid}/status").read_text()
        peak_kb = int(status.partition("VmHWM:")[2].split()[0])
        assert peak_kb < 250 * 1024


async def test_a_bad_file_leaves_its_child_alive(pool: AnalyzerPool, tmp_path: Path) -> None:
    before = set(pool.pids)
    text = tmp_path / "letter.mp3"
    text.write_text("Dear diary, ...\n" * 100)
    for _ in range(4):
        with pytest.raises(BadAudio) as caught:
            await pool.analyze(text, "fast", "mp3")
        assert caught.value.reason == "not_audio"
    assert set(pool.pids) == before


async def test_a_cancelled_analysis_frees_its_child_for_the_next(short: Path, long: Path) -> None:
    pool = AnalyzerPool(1, timeout_s=60, memory_mb=700)
    await pool.start()
    try:
        work = asyncio.create_task(pool.analyze(long, "full"))
        await pool.ready()
        busy = await worker_on(pool, long)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await until(lambda: gone(busy))
        assert (await pool.analyze(short, "fast")).patches == 1
    finally:
        await pool.close()


async def test_an_analysis_stops_when_asked_to(pool: AnalyzerPool, long: Path) -> None:
    async def stop() -> bool:
        return True

    with pytest.raises(AnalysisStopped):
        await pool.analyze(long, "full", should_stop=stop)


async def test_a_child_is_replaced_after_so_many_tracks(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.analyzer.pool._TRACKS_PER_CHILD", 2)
    pool = AnalyzerPool(1, timeout_s=60, memory_mb=700)
    await pool.start()
    try:
        seen = []
        for _ in range(4):
            await pool.ready()
            seen += pool.pids
            await pool.analyze(short, "fast")
        assert seen[0] == seen[1] != seen[2] == seen[3]
    finally:
        await pool.close()


async def test_children_have_few_rights_and_one_thread(pool: AnalyzerPool, short: Path) -> None:
    await asyncio.gather(*(pool.analyze(short, "fast") for _ in range(4)))
    for pid in pool.pids:
        limits = Path(f"/proc/{pid}/limits").read_text()
        values = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
        assert values["Max core file size"] == ["0", "0"]
        assert values["Max file size"] == ["0", "0"]
        assert values["Max open files"] == ["64", "64"]
        assert int(values["Max address space"][1]) < 4 << 30
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert status["NoNewPrivs"].strip() == "1"
        assert status["Seccomp"].strip() == "2"
        assert status["Threads"].strip() == "1"
        assert os.getpriority(os.PRIO_PROCESS, pid) > os.getpriority(os.PRIO_PROCESS, os.getpid())


async def test_children_know_no_secret_of_their_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hush@127.0.0.1")
    pool = AnalyzerPool(1, timeout_s=60, memory_mb=700)
    await pool.start()
    try:
        await pool.ready()
        assert b"hush" not in Path(f"/proc/{pool.pids[0]}/environ").read_bytes()
    finally:
        await pool.close()


async def test_closing_ends_every_child_and_what_it_was_doing(long: Path) -> None:
    pool = AnalyzerPool(2, timeout_s=60, memory_mb=700)
    await pool.start()
    await pool.ready()
    work = [asyncio.create_task(pool.analyze(long, "full")) for _ in range(2)]
    await worker_on(pool, long)
    pids = pool.pids
    await pool.close()
    assert all(gone(pid) for pid in pids)
    assert all(isinstance(error, ChildCrashed) for error in await asyncio.gather(*work, return_exceptions=True))


_PARENT = """
import asyncio, sys
from pathlib import Path
from services.analyzer.pool import AnalyzerPool

async def main():
    pool = AnalyzerPool(2, 600, 700)
    await pool.start()
    await pool.ready()
    print(*pool.pids, flush=True)
    await asyncio.gather(*(pool.analyze(Path(sys.argv[1]), "full") for _ in range(2)))

asyncio.run(main())
"""


async def test_no_child_outlives_a_parent_that_was_killed(long: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", _PARENT, str(long), stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    parent.kill()
    await parent.wait()
    await until(lambda: all(gone(pid) for pid in pids))
