"""Cuts the log-mel spectrogram into the networks' windows, and keeps few of them, spread over a track of any length."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.analyzer.musicnn import FRAMES, MELS

FloatArray = npt.NDArray[np.float32]

_START: Final = 1e-8
"""Mean square (-80 dBFS) of the frame at which a track begins: silence before it must not shift the windows."""
_SILENT_DB: Final = -40.0
"""A window is silent when its median frame is this far below the track's level."""


class Window(NamedTuple):
    """Three seconds of sound: log-mel spectrogram [187, 96] and its median frame's mean square."""

    log_mel: FloatArray
    power: float


class Windows:
    """Consecutive windows of 187 frames (2.99 s) without overlap, from the first sound on.

    A shorter track is repeated up to one window.
    """

    def __init__(self) -> None:
        self._mel = np.zeros((0, MELS), np.float32)
        self._power = np.zeros(0, np.float32)
        self._begun = False
        self._cut = 0

    def push(self, log_mel: FloatArray, mean_square: FloatArray) -> list[Window]:
        """``log_mel`` [n, 96] and ``mean_square`` [n] of the next frames -> the windows that are complete now."""
        if not self._begun:
            sounding = np.flatnonzero(mean_square > _START)
            self._begun = sounding.size > 0
            first = int(sounding[0]) if self._begun else max(0, len(log_mel) - 1)
            self._mel, self._power = self._mel[:0], self._power[:0]
            log_mel, mean_square = log_mel[first:], mean_square[first:]
        self._mel = np.concatenate([self._mel, log_mel])
        self._power = np.concatenate([self._power, mean_square])
        return self._complete()

    def _complete(self) -> list[Window]:
        count = len(self._mel) // FRAMES
        parts = [slice(i * FRAMES, (i + 1) * FRAMES) for i in range(count)]
        ready = [Window(self._mel[part].copy(), float(np.median(self._power[part]))) for part in parts]
        self._mel, self._power = self._mel[count * FRAMES :], self._power[count * FRAMES :]
        self._cut += count
        return ready

    def finish(self) -> list[Window]:
        """The one window of a track that is too short for one, or silent; of no track that gave some already."""
        if self._cut:
            return []
        return [Window(np.resize(self._mel, (FRAMES, MELS)), 0.0)]


class Spread:
    """Keeps windows spread evenly over all that come, without knowing how many there will be.

    Every ``stride``-th is kept; when ``capacity`` is reached, every second of them goes and the stride doubles. A
    window takes 72 kB.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: list[Window] = []
        self._stride = 1
        self._seen = 0

    def push(self, windows: list[Window]) -> None:
        for window in windows:
            if self._seen % self._stride == 0:
                self._kept.append(window)
            self._seen += 1
            if len(self._kept) == self._capacity:
                self._kept = self._kept[::2]
                self._stride *= 2

    def pick(self, count: int, level_dbfs: float) -> list[FloatArray]:
        """``count`` windows (or all, if fewer) from the middles of as many equal parts of a track of that level.

        Silent ones are left out, unless there are no others.
        """
        floor = 10 ** ((level_dbfs + _SILENT_DB) / 10)
        heard = [window.log_mel for window in self._kept if window.power > floor]
        heard = heard or [window.log_mel for window in self._kept]
        if len(heard) <= count:
            return heard
        return [heard[int((i + 0.5) * len(heard) / count)] for i in range(count)]
