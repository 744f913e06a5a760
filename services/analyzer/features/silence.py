"""Which parts are silent: the duration below the gate, and whether the whole is."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from services.analyzer.features.spectrum import FRAME_RATE, SIZE

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

GATE_DBFS: Final = -60.0
"""A frame of 32 ms whose level (RMS against a full-scale square wave) is below this is silent."""
_TO_MEAN_SQUARE: Final = 2 / (SIZE * SIZE * 3 / 8)
"""Sum of a frame's power spectrum to mean square; the Hann window passes 3/8 of the power."""


class Silence:
    """Counts silent frames of the mono signal."""

    def __init__(self) -> None:
        self.heard_frames = 0
        self._silent_frames = 0

    def push(self, power: FloatArray) -> BoolArray:
        """``power`` [n, 257] -> which of the frames are heard [n]."""
        heard = power.sum(axis=1) * _TO_MEAN_SQUARE > 10 ** (GATE_DBFS / 10)
        count = int(np.count_nonzero(heard))
        self.heard_frames += count
        self._silent_frames += len(heard) - count
        return np.asarray(heard)

    @property
    def silent(self) -> bool:
        return not self.heard_frames

    @property
    def silence_s(self) -> float:
        """Seconds below the gate, wherever they are."""
        return self._silent_frames / FRAME_RATE
