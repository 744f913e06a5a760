"""What the analyzer's child processes are told of the world."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_KEPT_VARIABLES: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"),
    # Which GPU is meant, where there are several.
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"),
)
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def child_environment() -> dict[str, str]:
    """What a child may know: no address or password of any server. Every library gets one thread."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    root = str(Path(__file__).resolve().parents[2])
    return {**kept, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": root}
