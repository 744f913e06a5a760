"""Key, scale and tuning from the spectral peaks of the whole track.

Peaks between 55 Hz and 2 kHz are collected in a histogram of pitch classes 10 cents wide; how far its peaks are off the
tempered scale is the tuning, and with that taken out it folds into twelve pitch classes. These are compared with the
profiles of all 24 keys.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import fft

from services.analyzer.features.spectrum import hann
from services.analyzer.stream import RATE, Framer

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]
Scale = Literal["major", "minor"]

KEYS: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SIZE: Final = 8192
_HOP: Final = 4096
_LOW_HZ: Final = 55.0
_HIGH_HZ: Final = 2000.0
_FINE: Final = 120
"""Bins of the histogram in an octave: 10 cents each."""
_A4_HZ: Final = 440.0
_A: Final = 9

# Weight of each scale degree: A. Faraldo, S. Jorda and P. Herrera, "A multi-profile method for key estimation in EDM",
# AES Conference on Semantic Audio, 2017 (medians over annotated tracks, small ones set to 0; known as "bgate").
# Tried on 232 synthetic chords, scales and progressions, and on whether the halves of 88 real tracks agree: this pair
# 228 and 56, Albrecht & Shanahan 2013 225 and 50, Temperley-Kostka-Payne 201 and 46, Sha'ath 202 and 46,
# EDMA 190 and 43, Krumhansl-Kessler 190 and 46.
_MAJOR: Final = (1.0, 0.0, 0.42, 0.0, 0.53, 0.37, 0.0, 0.77, 0.0, 0.38, 0.21, 0.30)
_MINOR: Final = (1.0, 0.0, 0.36, 0.39, 0.0, 0.38, 0.0, 0.74, 0.27, 0.0, 0.42, 0.23)
_THIRD_HARMONIC: Final = 0.2
_FIFTH_HARMONIC: Final = 0.1
"""Share of a note that its overtones add to the pitch classes 7 and 4 semitones above; taken off again."""


class Key(NamedTuple):
    """``confidence`` 0..1; ``tuning_cents`` in [-50, 50), how far the music is above A4 = 440 Hz."""

    key: str | None
    scale: Scale | None
    confidence: float
    tuning_cents: float


NO_KEY: Final = Key(None, None, 0.0, 0.0)


class PitchClasses:
    """Collects the histogram of pitch classes, fed with 16 kHz mono."""

    def __init__(self) -> None:
        self._framer = Framer(_SIZE, _HOP)
        self._window = hann(_SIZE)
        self._first = int(_LOW_HZ * _SIZE / RATE)
        self._last = int(_HIGH_HZ * _SIZE / RATE)
        self._histogram = np.zeros(_FINE)

    def push(self, samples: FloatArray) -> None:
        self._collect(self._framer.push(samples))

    def finish(self) -> DoubleArray:
        """The histogram [120], bin 0 centred on C of the scale with A4 = 440 Hz."""
        self._collect(self._framer.finish())
        return self._histogram

    def _collect(self, frames: FloatArray) -> None:
        for start in range(0, len(frames), 16):
            spectra = fft.rfft(frames[start : start + 16] * self._window, axis=1)[:, self._first - 1 : self._last + 1]
            self._add_peaks(np.abs(spectra))

    def _add_peaks(self, magnitude: FloatArray) -> None:
        """Peaks count by the square root of their magnitude, so that quiet passages and upper voices are heard too."""
        left, middle, right = magnitude[:, :-2], magnitude[:, 1:-1], magnitude[:, 2:]
        floor = np.maximum(magnitude.max(axis=1, keepdims=True) * 0.01, 1e-3)
        rows, columns = np.nonzero((middle > left) & (middle >= right) & (middle > floor))
        below, peak, above = (np.log(part[rows, columns]) for part in (left, middle, right))
        offset = 0.5 * (below - above) / (below - 2 * peak + above)
        hz = (columns + self._first + offset) * RATE / _SIZE
        fine = np.log2(hz / _A4_HZ) * _FINE + _A * _FINE / 12
        weight = np.exp(0.5 * peak)
        bins = np.round(fine).astype(np.int64) % _FINE
        self._histogram += np.bincount(bins, weight, _FINE)


def find_key(histogram: DoubleArray) -> Key:
    """``histogram`` [120] from ``PitchClasses``."""
    if not histogram.sum():
        return NO_KEY
    cents = tuning_cents(histogram)
    scores = key_scores(fold(histogram, cents))
    order = np.argsort(scores)[::-1]
    best, second = scores[order[0]], scores[order[1]]
    confidence = float(np.clip(best, 0, 1) * np.clip((best - second) / 0.1, 0, 1))
    scale: Scale = "major" if order[0] < 12 else "minor"
    return Key(KEYS[order[0] % 12], scale, confidence, cents)


def tuning_cents(histogram: DoubleArray) -> float:
    """The circular mean of all peaks' distance to the nearest semitone, in [-50, 50)."""
    angle = 2 * np.pi * np.arange(_FINE) / (_FINE / 12)
    mean = np.sum(histogram * np.exp(1j * angle))
    return float(round(np.angle(mean) * 50 / np.pi, 1))


def fold(histogram: DoubleArray, cents: float) -> DoubleArray:
    """Twelve pitch classes [12] without overtones: fine bins count by how near they are to a (detuned) semitone."""
    position = (np.arange(_FINE) * 100 / (_FINE / 12) - cents)[:, None] - 100 * np.arange(12)
    distance = (position + 600) % 1200 - 600
    near = np.where(np.abs(distance) < 50, np.cos(np.pi * distance / 100) ** 2, 0)
    classes = histogram @ near
    overtones = _THIRD_HARMONIC * np.roll(classes, 7) + _FIFTH_HARMONIC * np.roll(classes, 4)
    return np.asarray(np.maximum(classes - overtones, 0), np.float64)


def key_scores(classes: DoubleArray) -> DoubleArray:
    """Correlation with every key's profile [24]: twelve major keys from C, then twelve minor ones."""
    profiles = np.array([np.roll(profile, k) for profile in (_MAJOR, _MINOR) for k in range(12)])
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    centred = classes - classes.mean()
    norm = np.linalg.norm(profiles, axis=1) * np.linalg.norm(centred)
    return np.asarray(profiles @ centred / np.maximum(norm, 1e-12), np.float64)
