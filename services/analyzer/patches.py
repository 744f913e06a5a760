"""Cuts the log-mel spectrogram into the networks' windows, and keeps few of them, spread over a track of any length."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from services.analyzer.features.silence import BoolArray
from services.analyzer.musicnn import FRAMES, MELS

FloatArray = npt.NDArray[np.float32]

_LEAST_HEARD: Final = 0.5
"""Share of a window's frames that must be heard for it to count."""


class Windows:
    """Consecutive windows of 187 frames (2.99 s) without overlap. A shorter track is repeated up to one window.

    Windows that are silent for more than half are left out, since lead-in silence should not move an embedding; if
    there are no others, the one with the least silence stands for the track.
    """

    def __init__(self) -> None:
        self._mel = np.zeros((0, MELS), np.float32)
        self._heard = np.zeros(0, np.bool_)
        self._cut = 0
        self._spare: FloatArray | None = None
        self._spare_heard = -1.0

    def push(self, log_mel: FloatArray, heard: BoolArray) -> list[FloatArray]:
        """``log_mel`` [n, 96], ``heard`` [n] -> the windows that are complete now, [187, 96] each."""
        self._mel = np.concatenate([self._mel, log_mel])
        self._heard = np.concatenate([self._heard, heard])
        complete = len(self._mel) // FRAMES
        ready = []
        for i in range(complete):
            part = slice(i * FRAMES, (i + 1) * FRAMES)
            share = float(self._heard[part].mean())
            if share >= _LEAST_HEARD:
                ready.append(self._mel[part].copy())
            elif share > self._spare_heard:
                self._spare, self._spare_heard = self._mel[part].copy(), share
        self._mel, self._heard = self._mel[complete * FRAMES :], self._heard[complete * FRAMES :]
        self._cut += len(ready)
        return ready

    def finish(self) -> list[FloatArray]:
        """The one window of a track that gave none so far."""
        if self._cut:
            return []
        if self._spare is not None:
            return [self._spare]
        return [np.resize(self._mel, (FRAMES, MELS))]


class Spread:
    """Keeps windows spread evenly over all that come, without knowing how many there will be.

    Every ``stride``-th is kept; when there are 128, every second of them goes and the stride doubles. At most 9 MB.
    """

    CAPACITY: Final = 128

    def __init__(self) -> None:
        self._kept: list[FloatArray] = []
        self._stride = 1
        self._seen = 0

    def push(self, windows: list[FloatArray]) -> None:
        for window in windows:
            if self._seen % self._stride == 0:
                self._kept.append(window)
            self._seen += 1
            if len(self._kept) == self.CAPACITY:
                self._kept = self._kept[::2]
                self._stride *= 2

    def pick(self, count: int) -> list[FloatArray]:
        """``count`` windows (or all, if fewer) from the middles of as many equal parts of the track."""
        have = len(self._kept)
        if have <= count:
            return self._kept
        return [self._kept[int((i + 0.5) * have / count)] for i in range(count)]
