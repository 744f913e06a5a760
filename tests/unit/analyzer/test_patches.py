"""Which windows of a track the networks get to see."""

from __future__ import annotations

import numpy as np
import pytest

from services.analyzer.embedding import at_level
from services.analyzer.features.spectrum import Spectrum
from services.analyzer.patches import Spread, Window, Windows
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import FloatArray

FRAMES = 187


def numbered(count: int, power: float = 1.0) -> list[Window]:
    return [Window(np.full((1, 1), number, np.float32), power) for number in range(count)]


def numbers(picked: list[FloatArray]) -> list[int]:
    return [int(window[0, 0]) for window in picked]


@pytest.mark.parametrize("length", [1, 15, 16, 17, 100, 127, 128, 129, 500, 5000])
def test_picked_windows_are_spread_over_the_whole_track(length: int) -> None:
    spread = Spread(128)
    for window in numbered(length):
        spread.push([window])
    found = numbers(spread.pick(16, 0.0))
    assert len(found) == len(set(found)) == min(length, 16)
    middles = [(i + 0.5) * length / len(found) for i in range(len(found))]
    assert max(abs(a - b) for a, b in zip(found, middles, strict=True)) <= max(1, length / 50)


def test_silent_windows_are_left_out() -> None:
    spread = Spread(128)
    spread.push(numbered(3, power=1e-9) + numbered(5, power=0.01))
    assert numbers(spread.pick(16, -20.0)) == [0, 1, 2, 3, 4]


def test_a_track_of_nothing_but_silent_windows_keeps_them() -> None:
    spread = Spread(128)
    spread.push(numbered(3, power=0.0))
    assert len(spread.pick(16, -20.0)) == 3


def test_windows_start_with_the_first_sound() -> None:
    power = np.concatenate([np.zeros(100), np.ones(FRAMES + 5)]).astype(np.float32)
    frames = np.repeat(np.arange(len(power), dtype=np.float32)[:, None], 96, axis=1)
    windows = Windows()
    found = [window for i in range(0, len(power), 30) for window in windows.push(frames[i : i + 30], power[i : i + 30])]
    assert [(window.log_mel[0, 0], window.log_mel[-1, 0]) for window in found] == [(100, 100 + FRAMES - 1)]
    assert windows.finish() == []


def test_short_sound_is_repeated_to_fill_a_window() -> None:
    windows = Windows()
    frames = np.repeat(np.arange(50, dtype=np.float32)[:, None], 96, axis=1)
    assert windows.push(frames, np.ones(50, np.float32)) == []
    (only,) = windows.finish()
    assert only.log_mel[:, 0].tolist() == [i % 50 for i in range(FRAMES)]


def test_silence_gives_one_silent_window() -> None:
    windows = Windows()
    for _ in range(5):
        assert windows.push(np.zeros((100, 96), np.float32), np.zeros(100, np.float32)) == []
    (only,) = windows.finish()
    assert only.log_mel.shape == (FRAMES, 96)
    assert not only.log_mel.any()


def test_a_louder_spectrogram_is_that_of_the_louder_sound() -> None:
    sound = sounds.music(3)[0]
    quiet, loud = (Spectrum().push(part)[1] for part in (sound, 2 * sound))
    assert np.abs(at_level(quiet, 20 * np.log10(2)) - loud).max() < 1e-4
