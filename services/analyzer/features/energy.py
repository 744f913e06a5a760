"""Energy: how intense the music is, from its loudness and from how much happens in it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_QUIET_LUFS: Final = -30.0
_LOUD_LUFS: Final = -8.0
_CALM: Final = 0.06
_BUSY: Final = 0.20
_LOUDNESS_SHARE: Final = 0.5


def energy(loudness_lufs: float, onsets: npt.NDArray[np.float32], heard_frames: int) -> float:
    """``0.5 l + 0.5 a``, each cut to 0..1.

    ``l`` is the integrated loudness from -30 LUFS (0) to -8 LUFS (1). ``a`` is the mean onset strength (rise of the
    log-mel spectrum a frame) over the heard frames from 0.06 (0) to 0.20 (1): on 51 real tracks it lies between 0.076
    (2nd percentile) and 0.193 (98th), with 0.131 in the median, and hardly depends on the loudness (r = 0.29).
    """
    loud = (loudness_lufs - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS)
    active = (float(onsets.sum()) / max(heard_frames, 1) - _CALM) / (_BUSY - _CALM)
    return float(_LOUDNESS_SHARE * np.clip(loud, 0, 1) + (1 - _LOUDNESS_SHARE) * np.clip(active, 0, 1))
