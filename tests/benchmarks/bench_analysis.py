"""How fast tracks are analysed on this machine's cores, against a plain script in the same run, and in how much memory.

``python -m tests.benchmarks.bench_analysis [FOLDER] [--tracks N] [--quick]``

FOLDER holds real music (any format, subfolders too); without it music is generated. The plain script is what one would
write first: librosa for loading, beats, chroma and mel spectrogram, onnxruntime for every window, one process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import onnxruntime

from services.analyzer.analysis import Analysis
from services.analyzer.embedding import FILES, MODELS
from services.analyzer.pool import AnalyzerPool
from services.analyzer.sniff import sniff
from shared.events import Profile
from tests.unit.analyzer import sounds

_LONG_S = 3 * 3600
_MEMORY_MB = 700


@dataclass
class Run:
    """What one way of analysing took."""

    wall_s: float = 0.0
    music_s: float = 0.0
    tracks: int = 0
    stages_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @property
    def speed(self) -> float:
        """Multiple of real time."""
        return self.music_s / self.wall_s


def find_music(folder: Path, count: int) -> list[Path]:
    """``count`` sound files spread evenly over the folder; the same content counts once."""
    known: dict[tuple[int, bytes], Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size and sniff(path):
            with path.open("rb") as file:
                known.setdefault((path.stat().st_size, file.read(1 << 16)), path)
    found = list(known.values())
    if not found:
        raise SystemExit(f"There is no music in {folder}.")
    return [found[i * len(found) // count] for i in range(count)] if len(found) > count else found


def make_music(folder: Path, count: int, seconds: float) -> list[Path]:
    """Generated songs as Ogg Vorbis."""
    paths = []
    for number in range(count):
        samples = sounds.music(seconds + number, 44100, number)
        paths.append(sounds.write_vorbis(folder / f"{number:03d}.ogg", samples, 44100))
    return paths


def make_long(source: Path, target: Path, seconds: float) -> Path:
    """A track of that length: the first minutes of ``source`` as MP3 over and over, under a header that tells less."""
    samples, rate = librosa.load(source, sr=44100, mono=False, duration=300)
    stereo = np.atleast_2d(samples).repeat(2, axis=0)[:2]
    sounds.write(target, np.clip(stereo, -1, 1), int(rate), "libmp3lame", "mp3", 128_000)
    once = target.read_bytes()
    with target.open("wb") as file:
        for _ in range(int(np.ceil(seconds * rate / stereo.shape[1]))):
            file.write(once)
    return target


@contextmanager
def _stage(run: Run, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    run.stages_s[name] += time.perf_counter() - start


def plain(paths: Sequence[Path]) -> Run:
    """The plain script, as it comes: one process, default thread counts."""
    network: Any = onnxruntime.InferenceSession(MODELS / FILES[0])
    _plain_track(paths[0], network, Run(), duration_s=10)
    run = Run(tracks=len(paths))
    start = time.perf_counter()
    for path in paths:
        _plain_track(path, network, run)
    run.wall_s = time.perf_counter() - start
    return run


def _plain_track(path: Path, network: Any, run: Run, duration_s: float | None = None) -> None:
    with _stage(run, "decode"):
        sound, rate = librosa.load(path, sr=16000, duration=duration_s)
    run.music_s += len(sound) / rate
    with _stage(run, "tempo"):
        librosa.beat.beat_track(y=sound, sr=rate)
    with _stage(run, "key"):
        librosa.feature.chroma_cqt(y=sound, sr=rate)
    with _stage(run, "embedding"):
        mel = librosa.feature.melspectrogram(y=sound, sr=rate, n_fft=512, hop_length=256, n_mels=96)
        frames = np.log10(10000 * mel.T + 1).astype(np.float32)
        count = max(1, len(frames) // 187)
        windows = np.resize(frames, (count * 187, 96)).reshape(count, 187, 96)
        outputs = [network.run(None, {"mel": windows[i : i + 8]})[1] for i in range(0, count, 8)]
        np.concatenate(outputs).mean(axis=0)


async def pooled(pool: AnalyzerPool, paths: Sequence[Path], profile: Profile) -> tuple[Run, list[Analysis]]:
    """Starling's way: as many tracks at once as there are children."""
    start = time.perf_counter()
    results = await asyncio.gather(*(pool.analyze(path, profile) for path in paths))
    run = Run(time.perf_counter() - start, sum(result.duration_s for result in results), len(paths))
    for result in results:
        for name, seconds in result.stages_s.items():
            run.stages_s[name] += seconds
    return run, list(results)


def peak_mb(pids: Sequence[int]) -> float:
    """The most resident memory that any of the processes has had so far."""
    peaks = []
    for pid in pids:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        peaks.append(int(status["VmHWM"].split()[0]) / 1024)
    return max(peaks)


def _print(name: str, run: Run) -> None:
    stages = "  ".join(f"{stage} {seconds / run.tracks:.2f}" for stage, seconds in sorted(run.stages_s.items()))
    print(
        f"  {name:7s}{run.tracks / run.wall_s * 60:9.1f} tracks/min{run.speed:8.0f} x real time   [s/track: {stages}]"
    )


async def measure(paths: Sequence[Path], folder: Path, long_s: float) -> None:
    """Run all of it and print the table."""
    base = plain(paths)
    _print("plain", base)
    cores = len(os.sched_getaffinity(0))
    pool = AnalyzerPool(cores, timeout_s=3600, memory_mb=_MEMORY_MB)
    started = time.perf_counter()
    await pool.start()
    await pool.ready()
    ready_s = time.perf_counter() - started
    try:
        fast, quick_results = await pooled(pool, paths, "fast")
        _print("fast", fast)
        peak_fast = peak_mb(pool.pids)
        full, full_results = await pooled(pool, paths, "full")
        _print("full", full)
        long = make_long(paths[0], folder / "long.mp3", long_s)
        long_run, long_results = await pooled(pool, [long], "fast")
        peak_long = peak_mb(pool.pids)
    finally:
        await pool.close()
    cosines = [float(a.embedding @ b.embedding) for a, b in zip(quick_results, full_results, strict=True)]
    print(f"  fast is {fast.speed / base.speed:.1f} times the plain script; full {full.speed / base.speed:.1f} times")
    print(f"  cosine fast to full: median {np.median(cosines):.4f}, 5th percentile {np.percentile(cosines, 5):.4f}")
    print(f"  {cores} children ready in {ready_s:.1f} s; peak memory of one: {peak_fast:.0f} MB after fast,")
    print(f"  {peak_long:.0f} MB after full and {long_results[0].duration_s / 3600:.2f} h in {long_run.wall_s:.0f} s")


def main(arguments: Sequence[str]) -> None:
    """Measure on the given or on generated music."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="real music")
    parser.add_argument("--tracks", type=int, help="how many tracks (40; with --quick 4)")
    parser.add_argument("--quick", action="store_true", help="under a minute, with a 15-minute track for a long one")
    options = parser.parse_args(arguments)
    count = options.tracks or (4 if options.quick else 40)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds = 60 if options.quick else 180
        paths = find_music(options.folder, count) if options.folder else make_music(folder, count, seconds)
        print(f"\nAnalysis of {len(paths)} {'real' if options.folder else 'generated'} tracks")
        asyncio.run(measure(paths, folder, 900 if options.quick else _LONG_S))


if __name__ == "__main__":
    main(sys.argv[1:])
