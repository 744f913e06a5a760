"""The networks as evaluated here against the same networks in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.analyzer.embedding import FILES, MODELS, networks
from services.analyzer.features.spectrum import Spectrum
from services.analyzer.onnx_weights import read_weights
from tests.unit.analyzer import golden
from tests.unit.analyzer.sounds import FloatArray


def windows_of(sound: FloatArray, block: int) -> FloatArray:
    spectrum = Spectrum()
    parts = [spectrum.push(sound[start : start + block])[1] for start in range(0, len(sound), block)]
    frames = np.concatenate([*parts, spectrum.finish()[1]])
    count = len(frames) // 187
    return frames[: count * 187].reshape(count, 187, 96)


def test_a_generated_sound_gives_the_golden_outputs() -> None:
    expected = np.load(golden.FIXTURE)
    windows = windows_of(golden.sound(), 10_000)
    assert len(windows) == len(expected["tags"]) == 4
    for window, embedding, tags in zip(windows, expected["embeddings"], expected["tags"], strict=True):
        ours, our_tags = networks()(window)
        assert np.abs(ours - embedding).max() < 1e-4
        assert np.abs(our_tags - tags).max() < 1e-4


def test_the_mel_spectrogram_is_librosas_whatever_the_blocks() -> None:
    expected = golden.windows()
    for block in (999, 10_000, 1_000_000):
        assert np.abs(windows_of(golden.sound(), block) - expected).max() < 2e-5


@pytest.mark.parametrize("scale", [0.0, 1.0, 6.0])
def test_silence_noise_and_extremes_give_what_onnxruntime_gives(scale: float) -> None:
    window = (scale * np.random.default_rng(3).random((187, 96))).astype(np.float32)
    expected_embedding, expected_tags = golden.outputs(window[None])
    embedding, tags = networks()(window)
    assert np.abs(embedding - expected_embedding[0]).max() < 1e-4
    assert np.abs(tags - expected_tags[0]).max() < 1e-4


def test_outputs_do_not_depend_on_what_came_before() -> None:
    random = np.random.default_rng(4)
    first, second = (random.random((187, 96)).astype(np.float32) for _ in range(2))
    alone = networks()(second)[0]
    networks()(first)
    assert np.array_equal(networks()(second)[0], alone)


def test_a_damaged_model_file_is_refused(tmp_path: Path) -> None:
    whole = (MODELS / FILES[0]).read_bytes()
    for name, content in (("cut.onnx", whole[:5000]), ("empty.onnx", b"")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_weights(path)
