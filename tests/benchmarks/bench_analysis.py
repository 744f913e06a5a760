"""How fast tracks are analysed, how close ``fast`` comes to ``full``, and what memory it takes.

The baseline is the plain way in one process: librosa loads the track at 16 kHz, tracks its beat, takes a chroma, a mel
spectrogram, and MusiCNN (MSD) over every patch in batches of eight.

usage: python -m tests.benchmarks.bench_analysis [FOLDER] [--tracks 40] [--quick]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from services.analyzer.analysis import Analysis
from services.analyzer.pool import AnalyzerPool
from shared.errors import BadAudio
from shared.events import Profile

SUFFIXES = (".ogg", ".mp3", ".flac", ".opus", ".m4a", ".wav")
LEAST_BYTES = 300_000
BASELINE = "tests.benchmarks.plain_analysis"
THREE_HOURS_S = 3 * 3600


@dataclass
class Timed:
    """One way of analysing the tracks."""

    seconds: float
    found: dict[Path, Analysis] = field(default_factory=dict)
    peak_mb: float = 0.0

    @property
    def music_s(self) -> float:
        return sum(analysis.duration_s for analysis in self.found.values())


def choose(folder: Path, count: int) -> list[Path]:
    """``count`` files spread evenly over the folder's, long enough to be songs."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    songs = [path for path in files if path.stat().st_size > LEAST_BYTES]
    step = max(1.0, len(songs) / count)
    return [songs[int(place * step)] for place in range(min(count, len(songs)))]


def generated(folder: Path, count: int) -> list[Path]:
    """Songs made by formula, for a machine without music."""
    from tests.unit.analyzer import sounds

    paths = []
    for number in range(count):
        path = folder / f"{number:02d}.ogg"
        soundfile.write(path, sounds.music(120.0, 44_100, seed=number).T, 44_100, format="OGG", subtype="VORBIS")
        paths.append(path)
    return paths


def _peak_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def analyse(paths: Sequence[Path], profile: Profile) -> Timed:
    """All tracks through a pool with a child for every core, as the analyzer does it."""
    pool = AnalyzerPool(len(os.sched_getaffinity(0)), timeout_s=1800, memory_mb=4000)
    await pool.start()
    await pool.ready()
    found: dict[Path, Analysis] = {}

    async def one(path: Path) -> None:
        try:
            found[path] = await pool.analyze(path, profile, path.suffix[1:])
        except BadAudio as error:
            print(f"  left out: {path.name}: {error.detail}")

    await one(paths[0])
    started = time.perf_counter()
    await asyncio.gather(*(one(path) for path in paths))
    timed = Timed(time.perf_counter() - started, found, max(map(_peak_mb, pool.pids)))
    await pool.close()
    return timed


def baseline(paths: Sequence[Path]) -> Timed:
    """The plain way, in a process of its own with the thread counts that a script would have."""
    started_process = subprocess.run(
        [sys.executable, "-m", BASELINE, *map(str, paths)], check=True, capture_output=True, text=True
    )
    seconds = float(started_process.stdout.split()[-1])
    return Timed(seconds)


def cosines(fast: Timed, full: Timed) -> np.ndarray:
    """Cosine of ``fast`` to ``full`` for each track."""
    return np.array([float(fast.found[path].embedding @ full.found[path].embedding) for path in fast.found])


def three_hours(folder: Path, like: Path) -> Path:
    """A three-hour file made of one track over and over."""
    samples, rate = soundfile.read(like, dtype="float32", always_2d=True, frames=60 * 44_100)
    path = folder / "three hours.flac"
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], "PCM_16", format="FLAC") as file:
        for _ in range(int(THREE_HOURS_S * rate / len(samples)) + 1):
            file.write(samples)
    return path


def report(name: str, timed: Timed, music_s: float, tracks: int, against: Timed | None) -> None:
    """One line of the table."""
    ratio = f"{against.seconds / timed.seconds:7.1f} x baseline" if against else ""
    print(
        f"  {name:22s} {tracks / timed.seconds * 60:8.1f} tracks/min {music_s / timed.seconds:8.1f} x real time {ratio}"
    )


def stages(timed: Timed) -> None:
    """Seconds of work per stage, over all processes."""
    names = next(iter(timed.found.values())).stages_s
    total = {name: sum(found.stages_s[name] for found in timed.found.values()) for name in names}
    whole = sum(total.values())
    print("  stages of fast: " + ", ".join(f"{n} {s:.1f} s ({s / whole:.0%})" for n, s in total.items()))


def measure(paths: Sequence[Path], scratch: Path, *, quick: bool) -> None:
    """Run everything and print the table."""
    print(f"\nAnalysis of {len(paths)} tracks on {len(os.sched_getaffinity(0))} cores")
    plain = baseline(paths)
    fast = asyncio.run(analyse(paths, "fast"))
    full = asyncio.run(analyse(paths, "full"))
    music_s, tracks = fast.music_s, len(fast.found)
    print(f"  {music_s:.0f} s of music")
    report("baseline (one process)", plain, music_s, len(paths), None)
    report("full", full, music_s, tracks, plain)
    report("fast", fast, music_s, tracks, plain)
    stages(fast)
    close = cosines(fast, full)
    print(f"  cosine fast to full: median {np.median(close):.4f}, 5th percentile {np.percentile(close, 5):.4f}")
    print(f"  peak memory of a child: fast {fast.peak_mb:.0f} MB, full {full.peak_mb:.0f} MB")
    if not quick:
        long = three_hours(scratch, paths[0])
        for profile in ("fast", "full"):
            timed = asyncio.run(analyse_once(long, profile))
            print(f"  three-hour file, {profile}: {timed.seconds:.0f} s, peak memory {timed.peak_mb:.0f} MB")


async def analyse_once(path: Path, profile: Profile) -> Timed:
    """One track in a fresh child."""
    pool = AnalyzerPool(1, timeout_s=1800, memory_mb=4000)
    await pool.start()
    await pool.ready()
    started = time.perf_counter()
    found = await pool.analyze(path, profile, path.suffix[1:])
    timed = Timed(time.perf_counter() - started, {path: found}, max(map(_peak_mb, pool.pids)))
    await pool.close()
    return timed


def main(arguments: Sequence[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="real music; without it songs are generated")
    parser.add_argument("--tracks", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="few tracks and no three-hour file")
    options = parser.parse_args(arguments)
    count = min(options.tracks, 6) if options.quick else options.tracks
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as scratch:
        paths = choose(options.folder, count) if options.folder else generated(Path(scratch), count)
        if not paths:
            parser.error(f"there is no music in {options.folder}")
        measure(paths, Path(scratch), quick=options.quick)


if __name__ == "__main__":
    main(sys.argv[1:])
