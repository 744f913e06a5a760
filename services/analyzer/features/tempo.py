"""Tempo: the rate of the pulse a listener would tap.

The onset strength (how much the log-mel spectrum rises) is looked at in windows of 8 s in two ways: its Fourier
spectrum peaks at the tempo and its multiples, its autocorrelation at the tempo and its fractions. Only the tempo itself
is in both, so their product settles most octave questions (Peeters, "Time variable tempo detection and beat marking",
ICMC 2005). What is left open is decided by a preference for 120 BPM, which is where people tap (Moelants, "Preferred
tempo reconsidered", ICMPC 2002).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy import fft

from services.analyzer.features.spectrum import FRAME_RATE

FloatArray = npt.NDArray[np.float32]
DoubleArray = npt.NDArray[np.float64]

LOWEST_BPM: Final = 40.0
HIGHEST_BPM: Final = 220.0
_WINDOW: Final = 512
"""Frames of a window: 8.2 s."""
_HOP: Final = 128
_SPECTRUM: Final = 8192
"""Length of the padded transform: bins are 0.46 BPM apart."""
_CANDIDATES: Final = 342
"""Tempos tried, half a per cent apart."""
_PREFERRED_BPM: Final = 120.0
_OCTAVES: Final = 0.7
"""Standard deviation of the preference."""
_SHORTEST: Final = 188
"""Frames of the shortest sound that is looked at: 3 s hold two beats of the slowest tempo."""
_LEAST_PULSE: Final = 0.06
_CHANCE_S: Final = 0.5
"""There is no pulse where the autocorrelation at the beat is below _LEAST_PULSE + _CHANCE_S / duration: the best of
many lags in white noise is 0.03 in a minute, 0.1 in 10 s and 0.2 in 3 s."""


class Tempo(NamedTuple):
    """``bpm`` is None when no pulse can be found; ``confidence`` 0..1 is how much of the onsets repeats at the beat."""

    bpm: float | None
    confidence: float


class OnsetStrength:
    """Collects the onset strength: the mean rise of the 96 log-mel bands from one frame to the next."""

    def __init__(self) -> None:
        self._parts: list[FloatArray] = []
        self._last: FloatArray | None = None

    def push(self, log_mel: FloatArray) -> None:
        """``log_mel`` [n, 96] at 62.5 frames a second."""
        if not len(log_mel):
            return
        before = log_mel[:1] if self._last is None else self._last
        rise = np.diff(log_mel, axis=0, prepend=before)
        np.maximum(rise, 0, out=rise)
        self._parts.append(rise.mean(axis=1))
        self._last = log_mel[-1:].copy()

    def finish(self) -> FloatArray:
        """Onset strength, one value a frame."""
        return np.concatenate(self._parts) if self._parts else np.zeros(0, np.float32)


def tempo(onsets: FloatArray) -> Tempo:
    """``onsets``: onset strength at 62.5 frames a second, from ``OnsetStrength``."""
    windows = _windows(onsets)
    if not len(windows):
        return Tempo(None, 0.0)
    spectrum, correlation = _spectrum(windows), _correlation(windows)
    grid: DoubleArray = np.geomspace(LOWEST_BPM, HIGHEST_BPM, _CANDIDATES)
    preference = np.exp(-0.5 * (np.log2(grid / _PREFERRED_BPM) / _OCTAVES) ** 2)
    score = _at_bpm(spectrum, grid) * np.maximum(_at_lag(correlation, grid), 0) * preference
    coarse = float(grid[int(np.argmax(score))])
    pulse = float(_at_lag(correlation, np.array([coarse]))[0])
    if pulse < _LEAST_PULSE + _CHANCE_S * FRAME_RATE / len(onsets):
        return Tempo(None, 0.0)
    return Tempo(_refine(spectrum, coarse), min(1.0, max(0.0, pulse)))


def _windows(onsets: FloatArray) -> FloatArray:
    """Windows of the onsets' excess over their mean [n, 512], silent ones left out; short sound makes one short one."""
    size = min(_WINDOW, len(onsets))
    if size < _SHORTEST:
        return np.zeros((0, size), np.float32)
    windows = sliding_window_view(onsets, size)[::_HOP]
    excess = windows - windows.mean(axis=1, keepdims=True)
    scale = excess.std(axis=1, keepdims=True)
    heard = scale[:, 0] > 1e-4
    return np.asarray(excess[heard] / scale[heard], np.float32)


def _spectrum(windows: FloatArray) -> FloatArray:
    taper = np.hanning(windows.shape[1]).astype(np.float32)
    total = np.zeros(_SPECTRUM // 2 + 1, np.float32)
    for start in range(0, len(windows), 64):
        total += np.abs(fft.rfft(windows[start : start + 64] * taper, _SPECTRUM, axis=1)).sum(axis=0)
    return np.asarray(total / len(windows), np.float32)


def _correlation(windows: FloatArray) -> FloatArray:
    """Mean autocorrelation by lag, 1 at lag 0; each lag is divided by the share of the window that overlaps."""
    size = windows.shape[1]
    total = np.zeros(size, np.float32)
    for start in range(0, len(windows), 64):
        power = np.square(np.abs(fft.rfft(windows[start : start + 64], 2 * size, axis=1)))
        total += fft.irfft(power, 2 * size, axis=1)[:, :size].sum(axis=0)
    overlap = 1 - np.arange(size) / size
    return np.asarray(total / (total[0] * overlap), np.float32)


def _at_bpm(spectrum: FloatArray, bpm: DoubleArray) -> DoubleArray:
    bins = bpm / 60 / FRAME_RATE * _SPECTRUM
    return np.interp(bins, np.arange(len(spectrum)), spectrum)


def _at_lag(correlation: FloatArray, bpm: DoubleArray) -> DoubleArray:
    lags = FRAME_RATE * 60 / bpm
    return np.interp(lags, np.arange(len(correlation)), correlation)


def _refine(spectrum: FloatArray, coarse: float) -> float:
    """The tempo within 3 % of ``coarse`` at which it and its next two multiples are strongest."""
    fine = coarse * np.linspace(0.97, 1.03, 241)
    strength = sum(_at_bpm(spectrum, fine * k) for k in (1, 2, 3))
    return float(round(fine[int(np.argmax(strength))], 2))
