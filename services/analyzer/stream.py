"""From decoded blocks to what the features need: mono at 16 kHz, in frames."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr
from numpy.lib.stride_tricks import sliding_window_view

from services.analyzer.decode import Block

FloatArray = npt.NDArray[np.float32]

RATE: Final = 16000
"""Sampling rate in Hz that the networks were trained at; every feature but loudness works on it."""


class Mono:
    """The mean of the channels at 16 kHz, block by block.

    The mean, not a power-preserving sum: the networks were trained with it. soxr's HQ quality costs 5 ns a sample,
    the cheaper ones save nothing worth having; ffmpeg's resampler is no faster and less exact.
    """

    def __init__(self) -> None:
        self._rate = 0
        self._resampler: soxr.ResampleStream | None = None

    def push(self, block: Block) -> FloatArray:
        """The next samples; their number varies, since the resampler keeps some back."""
        kept_back = self.finish() if block.rate != self._rate else None
        self._start(block.rate)
        mono = block.samples[0] if len(block.samples) == 1 else _mean(block.samples)
        fresh = mono if self._resampler is None else self._resampler.resample_chunk(mono)
        return fresh if kept_back is None or not len(kept_back) else np.concatenate([kept_back, fresh])

    def finish(self) -> FloatArray:
        """What the resampler still holds."""
        if self._resampler is None:
            return np.zeros(0, np.float32)
        rest: FloatArray = self._resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        self._resampler = None
        self._rate = 0
        return rest

    def _start(self, rate: int) -> None:
        if rate == self._rate:
            return
        self._rate = rate
        self._resampler = None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, dtype="float32", quality="HQ")


def _mean(samples: FloatArray) -> FloatArray:
    total: FloatArray = np.add.reduce(samples, axis=0)
    total /= np.float32(len(samples))
    return total


class Framer:
    """Cuts a stream into overlapping frames, with half a frame of zeros before its start and after its end.

    The frames are those of ``librosa.stft(center=True, pad_mode="constant")``: 1 + samples // hop of them.
    """

    def __init__(self, size: int, hop: int) -> None:
        self._size, self._hop = size, hop
        self._rest = np.zeros(size // 2, np.float32)

    def push(self, samples: FloatArray) -> FloatArray:
        """The frames that are complete now, [n, size]; a view, to be used before the next call."""
        data = np.concatenate([self._rest, samples])
        if len(data) < self._size:
            self._rest = data
            return np.zeros((0, self._size), np.float32)
        frames = sliding_window_view(data, self._size)[:: self._hop]
        self._rest = data[len(frames) * self._hop :]
        return frames

    def finish(self) -> FloatArray:
        """The last frames."""
        return self.push(np.zeros(self._size // 2, np.float32))
