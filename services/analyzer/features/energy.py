"""Energy: how intense the music is, from its loudness and from how much happens in it."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

_QUIET_LUFS: Final = -36.0
_LOUD_LUFS: Final = -8.0
_CALM: Final = 0.02
_BUSY: Final = 0.10
_LOUDNESS_SHARE: Final = 0.6


def energy(loudness_lufs: float, onsets: npt.NDArray[np.float32], heard_frames: int) -> float:
    """``0.6 l + 0.4 a``, each cut to 0..1.

    ``l`` is the integrated loudness from -36 LUFS (0) to -8 LUFS (1). ``a`` is the mean onset strength (rise of the
    log-mel spectrum a frame) over the heard frames from 0.02 (0) to 0.10 (1). The ends are about the 2nd and the 98th
    percentile of real music.
    """
    loud = (loudness_lufs - _QUIET_LUFS) / (_LOUD_LUFS - _QUIET_LUFS)
    active = (float(onsets.sum()) / max(heard_frames, 1) - _CALM) / (_BUSY - _CALM)
    return float(_LOUDNESS_SHARE * np.clip(loud, 0, 1) + (1 - _LOUDNESS_SHARE) * np.clip(active, 0, 1))
