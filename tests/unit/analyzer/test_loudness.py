"""Loudness against what ITU-R BS.1770 says a sine must read."""

from __future__ import annotations

import numpy as np
import pytest

from services.analyzer.features.loudness import KFilter, Loudness, k_weighting
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import DoubleArray, FloatArray


def lufs(samples: FloatArray, rate: int, size: int = 50_000) -> float | None:
    loudness = Loudness()
    for block in sounds.blocks(samples, rate, size):
        loudness.push(block)
    return loudness.finish()


def test_the_weighting_is_the_table_of_the_standard() -> None:
    numerators, denominators = k_weighting(48000)
    assert numerators[0] == pytest.approx([1.53512485958697, -2.69169618940638, 1.19839281085285], abs=1e-8)
    assert denominators[0] == pytest.approx([1, -1.69065929318241, 0.73248077421585], abs=1e-8)
    assert numerators[1] == pytest.approx([1, -2, 1])
    assert denominators[1] == pytest.approx([1, -1.99004745483398, 0.99007225036621], abs=1e-8)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_a_sine_reads_its_level(rate: int, channels: int, gain: float) -> None:
    tone = np.tile(sounds.sine(997, 5, rate, gain), (channels, 1))
    expected = -3.01 + 20 * np.log10(gain) + (3.01 if channels == 2 else 0)
    assert lufs(tone, rate) == pytest.approx(expected, abs=0.05)


def test_opposite_channels_are_as_loud_as_equal_ones() -> None:
    tone = sounds.sine(997, 5, 44100, 0.1)
    assert lufs(np.stack([tone, -tone]), 44100) == pytest.approx(lufs(np.stack([tone, tone]), 44100), abs=1e-3)


def test_of_surround_sound_the_back_weighs_more_and_the_subwoofer_nothing() -> None:
    silence = np.zeros(5 * 48000, np.float32)
    tone = sounds.sine(997, 5, 48000, 0.1)
    front = np.stack([tone, *[silence] * 5])
    back = np.stack([*[silence] * 4, tone, silence])
    low = np.stack([*[silence] * 3, tone, silence, silence])
    assert lufs(front, 48000) == pytest.approx(-23.01, abs=0.05)
    assert lufs(back, 48000) == pytest.approx(-23.01 + 1.49, abs=0.05)
    assert lufs(low, 48000) is None


def test_what_lies_above_eight_kilohertz_counts() -> None:
    assert lufs(sounds.sine(12000, 5, 44100, 0.1)[None], 44100) == pytest.approx(-23.01 + 3.35, abs=0.2)


def test_pauses_do_not_count() -> None:
    tone, pause = sounds.sine(997, 10, 44100, 0.1), np.zeros(20 * 44100, np.float32)
    assert lufs(np.concatenate([pause, tone, pause])[None], 44100) == pytest.approx(-23.0, abs=0.2)


def test_a_quiet_part_ten_units_below_does_not_count() -> None:
    loud, quiet = sounds.sine(997, 10, 48000, 0.1), sounds.sine(997, 30, 48000, 0.01)
    assert lufs(np.concatenate([loud, quiet])[None], 48000) == pytest.approx(-23.0, abs=0.2)


def test_silence_has_no_loudness() -> None:
    assert lufs(np.zeros((2, 5 * 44100), np.float32), 44100) is None


def test_sound_shorter_than_a_gating_block_is_measured_as_a_whole() -> None:
    assert lufs(sounds.sine(997, 0.35, 44100)[None], 44100) == pytest.approx(-3.01, abs=0.1)


@pytest.mark.parametrize("size", [1, 777, 32768, 100_000])
def test_the_size_of_the_blocks_changes_nothing(size: int) -> None:
    music = sounds.music(1 if size == 1 else 4, 22050)
    assert lufs(music, 22050, size) == pytest.approx(lufs(music, 22050), abs=1e-4)


def test_a_change_of_rate_and_channels_in_the_middle_is_followed() -> None:
    loudness = Loudness()
    for samples, rate in ((sounds.sine(997, 5, 44100)[None], 44100), (sounds.sine(997, 5, 48000)[None], 48000)):
        for block in sounds.blocks(samples, rate):
            loudness.push(block)
    assert loudness.finish() == pytest.approx(-3.01, abs=0.05)


@pytest.mark.parametrize("rate", [8000, 44100, 192000])
def test_the_filter_in_blocks_equals_the_recursion(rate: int) -> None:
    random = np.random.default_rng(0)
    rumble = sounds.sine(25, 3 * KFilter.CHUNK / rate + 0.01, rate, 0.5)[: 3 * KFilter.CHUNK] + np.float32(0.3)
    sound = rumble + (0.1 * random.standard_normal(3 * KFilter.CHUNK)).astype(np.float32)
    blocks = KFilter(rate, 1)
    ours = np.concatenate([blocks(sound[None, i * KFilter.CHUNK :][:, : KFilter.CHUNK])[0] for i in range(3)])
    assert np.abs(ours - _recursion(sound.astype(np.float64), rate)).max() < 1e-6


def _recursion(sound: DoubleArray, rate: int) -> DoubleArray:
    """Both sections sample by sample, as the standard draws them."""
    for numerator, denominator in zip(*k_weighting(rate), strict=True):
        out = np.zeros_like(sound)
        x1 = x2 = y1 = y2 = 0.0
        for i, x in enumerate(sound.tolist()):
            y = numerator[0] * x + numerator[1] * x1 + numerator[2] * x2 - denominator[1] * y1 - denominator[2] * y2
            out[i] = y
            x1, x2, y1, y2 = x, x1, y, y1
        sound = out
    return sound
