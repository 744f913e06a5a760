"""The baseline of ``bench_analysis``: what a straightforward script would do, one track after the other.

usage: python -m tests.benchmarks.plain_analysis FILE ...; prints the seconds it took, libraries warm.
"""

from __future__ import annotations

import sys
import time
import warnings
from pathlib import Path

import librosa
import numpy as np
import onnxruntime

MODEL = Path(__file__).parents[2] / "services" / "analyzer" / "models" / "msd_musicnn.onnx"
RATE, PATCH, BATCH = 16_000, 187, 8


def analyse(path: Path, session: onnxruntime.InferenceSession) -> np.ndarray:
    """Beat, chroma, mel spectrogram and the mean embedding [200] over all patches."""
    samples, _ = librosa.load(path, sr=RATE, mono=True)
    librosa.beat.beat_track(y=samples, sr=RATE)
    librosa.feature.chroma_cqt(y=samples, sr=RATE)
    mel = librosa.feature.melspectrogram(y=samples, sr=RATE, n_fft=512, hop_length=256, n_mels=96)
    frames = np.log10(1 + 10_000 * mel).T.astype(np.float32)
    if len(frames) < PATCH:
        frames = np.resize(frames, (PATCH, 96))
    patches = np.stack([frames[start : start + PATCH] for start in range(0, len(frames) - PATCH + 1, PATCH)])
    outputs = [
        session.run(["embedding"], {"mel": patches[start : start + BATCH]})[0]
        for start in range(0, len(patches), BATCH)
    ]
    mean: np.ndarray = np.concatenate(outputs).mean(axis=0)
    return mean


def main(paths: list[Path]) -> None:
    """Warm up on the first track, then time all."""
    warnings.simplefilter("ignore")
    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    analyse(paths[0], session)
    started = time.perf_counter()
    for path in paths:
        analyse(path, session)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
