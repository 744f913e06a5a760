"""The short-time spectrum that several features share, and the log-mel spectrogram that the networks look at."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import fft

from services.analyzer.stream import RATE, Framer

FloatArray = npt.NDArray[np.float32]

SIZE: Final = 512
HOP: Final = 256
MELS: Final = 96
FRAME_RATE: Final = RATE / HOP
"""Frames a second: 62.5."""


def hann(size: int) -> FloatArray:
    """Periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)


def hz_to_mel(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Slaney's mel scale (Auditory Toolbox, 1998): linear to 1 kHz, logarithmic above."""
    values = np.asarray(hz, np.float64)
    return np.where(values < 1000, values * 3 / 200, 15 + np.log(np.maximum(values, 1) / 1000) * 27 / np.log(6.4))


def mel_to_hz(mel: npt.ArrayLike) -> npt.NDArray[np.float64]:
    values = np.asarray(mel, np.float64)
    return np.where(values < 15, values * 200 / 3, 1000 * np.exp((values - 15) * np.log(6.4) / 27))


def mel_filters() -> FloatArray:
    """96 triangles of equal area between 0 and 8 kHz [96, 257], as librosa's ``filters.mel`` makes them."""
    edges = mel_to_hz(np.linspace(0, hz_to_mel(RATE / 2), MELS + 2))
    bins = np.arange(SIZE // 2 + 1) * RATE / SIZE
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    height = 2 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * height[:, None]).astype(np.float32)


class Spectrum:
    """Power spectra of 512 samples every 256, fed with 16 kHz mono."""

    def __init__(self) -> None:
        self._framer = Framer(SIZE, HOP)
        self._window = hann(SIZE)
        self._filters = np.ascontiguousarray(mel_filters().T)

    def push(self, samples: FloatArray) -> tuple[FloatArray, FloatArray]:
        """(power [n, 257], log-mel [n, 96]) of the frames that are complete now."""
        return self._transform(self._framer.push(samples))

    def finish(self) -> tuple[FloatArray, FloatArray]:
        """The last frames."""
        return self._transform(self._framer.finish())

    def _transform(self, frames: FloatArray) -> tuple[FloatArray, FloatArray]:
        spectra = fft.rfft(frames * self._window, axis=1)
        power = np.square(spectra.real)
        power += np.square(spectra.imag)
        mel = power @ self._filters
        # float32 throughout: float16 would overflow on any loud music.
        mel *= np.float32(10000)
        mel += np.float32(1)
        return power, np.log10(mel, out=mel)
