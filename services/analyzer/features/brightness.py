"""Brightness: where on the mel scale the middle of the spectrum lies."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.analyzer.features.silence import BoolArray
from services.analyzer.features.spectrum import SIZE, hz_to_mel
from services.analyzer.stream import RATE

FloatArray = npt.NDArray[np.float32]


class Brightness:
    """The mean over all heard frames of ``sum(m a) / sum(a)``, with a the magnitude and m the mel value of each bin.

    0 is 0 Hz and 1 is 8 kHz; gain changes nothing. Real music lies between 0.2 and 0.7.
    """

    def __init__(self) -> None:
        mel = hz_to_mel(np.arange(SIZE // 2 + 1) * RATE / SIZE)
        self._place = np.stack([mel / mel[-1], np.ones_like(mel)], axis=1).astype(np.float32)
        self._total = 0.0
        self._frames = 0

    def push(self, power: FloatArray, heard: BoolArray) -> None:
        """``power`` [n, 257], ``heard`` [n]."""
        sums = np.sqrt(power[heard]) @ self._place
        self._total += float(np.sum(sums[:, 0] / np.maximum(sums[:, 1], 1e-20)))
        self._frames += len(sums)

    def finish(self) -> float:
        """0..1; 0 when nothing is heard."""
        return self._total / self._frames if self._frames else 0.0
