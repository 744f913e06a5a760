"""What the networks are evaluated on: the CPU with numpy, or a GPU with onnxruntime, and never the one for the other.

On a CPU onnxruntime is not even imported: numpy is faster there (``musicnn.py`` says why).
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from services.analyzer.embedding import FILES, MODELS, DeviceFailed, Evaluate, networks, with_numpy
from services.analyzer.musicnn import FRAMES, MELS

FloatArray = npt.NDArray[np.float32]
Device = Literal["cpu", "cuda"]

CUDA: Final = "CUDAExecutionProvider"
_CUDA_OPTIONS: Final = {
    # TF32 keeps ten bits of a factor: too few to agree with the vectors that there are.
    "use_tf32": "0",
    # Trying every algorithm takes long, and may end with another one, so other roundings, in each process.
    "cudnn_conv_algo_search": "HEURISTIC",
    # One process takes what it needs and leaves the rest of the GPU's memory to the others.
    "arena_extend_strategy": "kSameAsRequested",
}
_PATCHES: Final = 8
_MOST_DEVIATION: Final = 1e-3
"""Of any output, from numpy's. Vectors of all analyzers are compared with each other; the CPU's differ by 1e-5."""


class Unusable(Exception):
    """The device is not there, or not right. The message says what was found and what to do, as half a sentence."""


def evaluator(device: Device) -> Evaluate:
    """The networks on that device, after their first batch. Raises ``Unusable``."""
    if device == "cuda":
        return _on_cuda()
    networks()
    return with_numpy


def compare(evaluate: Evaluate) -> None:
    """Raises ``Unusable`` when the outputs for a few patches, always the same, are not numpy's."""
    patches = _patches()
    pairs = zip(evaluate(patches), with_numpy(patches), strict=True)
    # What is no number is the largest for numpy alone, and larger than nothing: hence no max() and no ">".
    deviation = float(np.max([np.abs(found - wanted).max() for found, wanted in pairs]))
    if not deviation <= _MOST_DEVIATION:
        raise Unusable(
            f"its results differ from the CPU's by {deviation:.2g}, which is more than {_MOST_DEVIATION:g}; "
            "update the GPU's driver"
        )


def _patches() -> FloatArray:
    """[8, 187, 96] in the range of log-mel spectrograms, from silence to loud noise."""
    loudness = np.linspace(0, 6, _PATCHES, dtype=np.float32)[:, None, None]
    return loudness * np.random.default_rng(1).random((_PATCHES, FRAMES, MELS), np.float32)


def _on_cuda() -> Evaluate:
    try:
        import onnxruntime
    except ImportError as error:
        raise Unusable(f"onnxruntime cannot be imported ({error}); install starling[gpu]") from error
    # The libraries of CUDA that are installed as Python packages; without them the system's are looked for.
    onnxruntime.preload_dlls()
    release, offered = onnxruntime.__version__, onnxruntime.get_available_providers()
    if CUDA not in offered:
        raise Unusable(
            f"onnxruntime {release} offers only {', '.join(offered)} here; "
            "install starling[gpu] where the package onnxruntime is not installed"
        )
    from services.analyzer.onnx_sessions import Sessions

    try:
        sessions = Sessions([MODELS / name for name in FILES], CUDA, _CUDA_OPTIONS)
        sessions(_patches())
    except DeviceFailed as error:
        raise Unusable(
            f"{CUDA}, which onnxruntime {release} offers, does not start ({error}); "
            "see what onnxruntime says above, and whether nvidia-smi finds a GPU with a driver for its CUDA"
        ) from error
    return sessions
