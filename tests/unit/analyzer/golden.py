"""The networks' outputs for a generated sound, made the straightforward way: librosa's mel spectrogram, onnxruntime.

    python -m tests.unit.analyzer.golden

writes ``tests/fixtures/analyzer/musicnn_golden.npz`` anew. The fixture is kept, so that neither library's next version
can move what is compared with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import librosa
import numpy as np
import onnxruntime

from services.analyzer.embedding import FILES, MODELS
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import FloatArray

FIXTURE: Final = Path(__file__).parents[2] / "fixtures" / "analyzer" / "musicnn_golden.npz"
SECONDS: Final = 12.5


def sound() -> FloatArray:
    """What the golden outputs belong to: 16 kHz mono."""
    left: FloatArray = sounds.music(SECONDS)[0]
    return left


def outputs(windows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Windows [n, 187, 96] -> (embeddings [n, 400], tags [n, 100]) by onnxruntime."""
    embeddings: list[FloatArray] = []
    tags: list[FloatArray] = []
    for name in FILES:
        network: Any = onnxruntime.InferenceSession(MODELS / name)
        for target, output in ((tags, 0), (embeddings, 1)):
            target.append(network.run(None, {"mel": windows})[output])
    return np.concatenate(embeddings, axis=1), np.concatenate(tags, axis=1)


def windows() -> FloatArray:
    """The sound's windows by librosa: [4, 187, 96]."""
    mel = librosa.feature.melspectrogram(y=sound(), sr=sounds.RATE, n_fft=512, hop_length=256, n_mels=96)
    frames = np.log10(10000 * mel.T + 1).astype(np.float32)
    count = len(frames) // 187
    return np.reshape(frames[: count * 187], (count, 187, 96))


if __name__ == "__main__":
    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    embeddings, tags = outputs(windows())
    np.savez_compressed(FIXTURE, embeddings=embeddings, tags=tags)
