"""Sounds made by formula, and files of them in every format that can be written here."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import numpy.typing as npt
import soundfile

from services.analyzer.decode import Block

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

RATE: Final = 16000
MAJOR_SCALE: Final = (0, 2, 4, 5, 7, 9, 11)
HARMONIC_MINOR_SCALE: Final = (0, 2, 3, 5, 7, 8, 11)
C4: Final = 60


def sine(hertz: float, seconds: float, rate: int = RATE, gain: float = 1.0) -> FloatArray:
    """A sine whose peaks are at ``gain``."""
    return (gain * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def note(midi: float, seconds: float, rate: int = RATE, harmonics: int = 6) -> DoubleArray:
    """A tone with falling harmonics and soft ends, about 0.15 loud."""
    times = np.arange(int(seconds * rate)) / rate
    hertz = 440 * 2 ** ((midi - 69) / 12)
    tone = np.zeros(len(times))
    for k in range(1, harmonics + 1):
        if hertz * k < rate * 0.45:
            tone += np.sin(2 * np.pi * hertz * k * times) / k
    soft = np.clip(np.minimum(times / 0.01, (seconds - times) / 0.03), 0, 1)
    return np.asarray(0.1 * tone * soft, np.float64)


def chord(root: int, steps: Sequence[int], seconds: float, rate: int = RATE) -> DoubleArray:
    """Several notes at once, ``steps`` semitones above ``root``."""
    return np.asarray(np.sum([note(root + step, seconds, rate) for step in steps], axis=0), np.float64)


def scale(root: int, steps: Sequence[int]) -> FloatArray:
    """A scale up an octave and down again."""
    up = [root + step for step in steps] + [root + 12]
    return np.concatenate([note(midi, 0.4) for midi in up + up[-2::-1]]).astype(np.float32)


def clicks(bpm: float, seconds: float, rate: int = RATE) -> FloatArray:
    """Short decaying clicks at ``bpm``."""
    sound = np.zeros(int(seconds * rate), np.float32)
    times = np.arange(int(0.03 * rate)) / rate
    click = (0.5 * np.exp(-times * 200) * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)
    starts = (np.arange(0.1, seconds - 0.05, 60 / bpm) * rate).astype(int)
    for start in starts:
        sound[start : start + len(click)] += click
    return sound


def music(seconds: float, rate: int = RATE, seed: int = 0) -> FloatArray:
    """Something like a song in A minor at 120 BPM, stereo [2, n]: drums, bass, chords that move, a melody."""
    random = np.random.default_rng(seed)
    beat = 0.5
    bars = int(np.ceil(seconds / (4 * beat)))
    parts = [_bar(number, beat, rate, random) for number in range(bars)]
    return 0.5 * np.concatenate(parts, axis=1)[:, : int(seconds * rate)]


def _bar(number: int, beat: float, rate: int, random: np.random.Generator) -> FloatArray:
    """Every eighth bar rests but for the chord, and every sixteenth the drums are louder."""
    roots = (57, 53, 60, 55)
    triads = ((0, 3, 7), (0, 4, 7), (0, 4, 7), (0, 4, 7))
    root, triad = roots[number % 4], triads[number % 4]
    length = int(4 * beat * rate)
    harmony = chord(root, triad, 4 * beat, rate) + 2 * note(root - 12, 4 * beat, rate, 3)
    if number % 8 == 7:
        return np.stack([harmony, harmony * 0.8]).astype(np.float32)
    melody = np.concatenate([note(root + 12 + int(random.choice(triad)), beat, rate) for _ in range(4)])
    drums = _drums(length, beat, rate, random) * (2 if number % 16 == 3 else 1)
    return np.stack([harmony + melody + drums, 0.8 * harmony + 1.2 * melody + drums]).astype(np.float32)


def _drums(length: int, beat: float, rate: int, random: np.random.Generator) -> DoubleArray:
    sound = np.zeros(length)
    times = np.arange(int(0.2 * rate)) / rate
    kick = 0.5 * np.sin(2 * np.pi * 60 * times * np.exp(-times * 6)) * np.exp(-times * 20)
    snare = 0.25 * random.standard_normal(len(times)) * np.exp(-times * 30)
    for hit in range(4):
        start = int(hit * beat * rate)
        sound[start : start + len(times)] += kick if hit % 2 == 0 else snare
    return sound


def blocks(samples: FloatArray, rate: int, size: int = 50_000) -> list[Block]:
    """[channels, n] cut as a decoder would."""
    return [Block(samples[:, start : start + size], rate) for start in range(0, samples.shape[1], size)]


def write_vorbis(path: Path, samples: FloatArray, rate: int) -> Path:
    """Encode [channels, n] with libsndfile; ffmpeg's own encoder is an experiment."""
    with soundfile.SoundFile(path, "w", rate, len(samples), "VORBIS", format="OGG") as file:
        for block in blocks(samples, rate):
            file.write(block.samples.T)
    return path


def write(path: Path, samples: FloatArray, rate: int, codec: str, container: str, bit_rate: int = 192_000) -> Path:
    """Encode [channels, n] with ffmpeg."""
    if codec == "vorbis":
        return write_vorbis(path, samples, rate)
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(samples)]
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = bit_rate
        stream.codec_context.open()
        convert = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=rate)
        fifo = av.AudioFifo()
        # Interleaved: PyAV cannot take eight separate channels.
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for converted in convert.resample(frame) + convert.resample(None):
            converted.pts = None
            fifo.write(converted)
        size = stream.codec_context.frame_size or 4096
        while part := fifo.read(size, partial=True):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path
