"""Which parts are silent, how long they last, and how loud the rest is."""

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
    """Tells heard frames of the mono signal from silent ones, and sums up both."""

    def __init__(self) -> None:
        self.heard_frames = 0
        self._silent_frames = 0
        self._power = 0.0

    def push(self, power: FloatArray) -> tuple[FloatArray, BoolArray]:
        """``power`` [n, 257] -> (mean square of each frame [n], which of them are heard [n])."""
        mean_square = power.sum(axis=1) * np.float32(_TO_MEAN_SQUARE)
        heard = np.asarray(mean_square > 10 ** (GATE_DBFS / 10))
        count = int(np.count_nonzero(heard))
        self._power += float(mean_square[heard].sum())
        self.heard_frames += count
        self._silent_frames += len(heard) - count
        return mean_square, heard

    @property
    def silent(self) -> bool:
        return not self.heard_frames

    @property
    def level_dbfs(self) -> float:
        """Level (RMS) of the heard frames together; the gate's level when nothing is heard."""
        return float(10 * np.log10(self._power / self.heard_frames)) if self.heard_frames else GATE_DBFS

    @property
    def silence_s(self) -> float:
        """Seconds below the gate, wherever they are."""
        return self._silent_frames / FRAME_RATE
