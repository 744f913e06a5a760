"""From windows of the log-mel spectrogram to a track's embedding and tag probabilities."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from services.analyzer.musicnn import Networks
from shared.embedding import EMBEDDING_SIZE, TAG_COUNT

FloatArray = npt.NDArray[np.float32]

MODELS: Final = Path(__file__).parent / "models"
FILES: Final = ("msd_musicnn.onnx", "mtt_musicnn.onnx")
"""In the order of ``shared.embedding``: Million Song Dataset first, MagnaTagATune second."""
CONSTANTS: Final = "standardisation.npy"


@lru_cache(maxsize=1)
def networks() -> Networks:
    """Both networks, loaded once (0.1 s)."""
    return Networks([MODELS / name for name in FILES])


@lru_cache(maxsize=1)
def constants() -> FloatArray:
    """Mean and standard deviation per dimension [2, 400], measured once on real music (``models/README.md``)."""
    values = np.load(MODELS / CONSTANTS)
    return np.asarray(values, np.float32)


class Mean:
    """The mean of the networks' outputs over windows."""

    def __init__(self) -> None:
        self._embedding = np.zeros(EMBEDDING_SIZE)
        self._tags = np.zeros(TAG_COUNT)
        self.count = 0

    def push(self, windows: list[FloatArray]) -> None:
        for window in windows:
            embedding, tags = networks()(window)
            self._embedding += embedding
            self._tags += tags
            self.count += 1

    def finish(self) -> tuple[FloatArray, FloatArray]:
        """(raw embedding [400], tag probabilities [100]), both means over the windows."""
        return (self._embedding / self.count).astype(np.float32), (self._tags / self.count).astype(np.float32)


def standardise(raw: FloatArray) -> FloatArray:
    """Raw embedding [400] -> the vector of space ``musicnn-msd-mtt-1``: standardised per dimension, unit length.

    Standardised halves weigh alike, which is why they are not normalised one by one.
    """
    mean, deviation = constants()
    vector = (raw - mean) / deviation
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
