"""Measures the constants that standardise the embedding, on a folder of real music.

    python -m services.analyzer.models.measure_constants FOLDER

Writes ``standardisation.npy`` beside this file: mean and standard deviation [2, 400] over tracks of each track's mean
network output (every window). Files with the same content count once, silent tracks not at all. New constants make a
new vector space: give it a new name in ``shared.embedding``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from services.analyzer.analysis import listen
from services.analyzer.embedding import CONSTANTS, MODELS
from shared.errors import BadAudio

FloatArray = npt.NDArray[np.float32]

_LEAST_TRACKS = 50


def measure(folder: Path) -> FloatArray:
    """Mean and standard deviation [2, 400] over the tracks below ``folder``. Raises ``SystemExit`` on too few."""
    outputs: dict[str, FloatArray] = {}
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        try:
            _, heard = listen(path, "full")
        except BadAudio:
            continue
        if heard.silent or heard.audio_hash in outputs:
            continue
        outputs[heard.audio_hash], _, windows = heard.raw_embedding()
        print(f"{path.name}: {windows} windows", flush=True)
    if len(outputs) < _LEAST_TRACKS:
        raise SystemExit(f"{len(outputs)} tracks are too few; {_LEAST_TRACKS} at least.")
    tracks = np.stack(list(outputs.values())).astype(np.float64)
    print(f"{len(tracks)} tracks")
    return np.stack([tracks.mean(axis=0), tracks.std(axis=0)]).astype(np.float32)


if __name__ == "__main__":
    np.save(MODELS / CONSTANTS, measure(Path(sys.argv[1])))
