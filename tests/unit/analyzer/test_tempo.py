"""The tempo of clicks is known; noise has none."""

from __future__ import annotations

import numpy as np
import pytest

from services.analyzer.features.spectrum import Spectrum
from services.analyzer.features.tempo import OnsetStrength, Tempo, tempo
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import FloatArray


def tempo_of(sound: FloatArray) -> Tempo:
    spectrum, onsets = Spectrum(), OnsetStrength()
    for start in range(0, len(sound), 50_000):
        onsets.push(spectrum.push(sound[start : start + 50_000])[1])
    onsets.push(spectrum.finish()[1])
    return tempo(onsets.finish())


@pytest.mark.parametrize("bpm", [*range(60, 181, 5), 66.7, 97.5, 128.3, 174.2])
def test_clicks_are_counted_within_two_per_cent(bpm: float) -> None:
    found = tempo_of(sounds.clicks(bpm, 20))
    assert found.bpm == pytest.approx(bpm, rel=0.02)
    assert found.confidence > 0.5


def test_a_song_has_the_tempo_of_its_beat_and_not_of_its_eighths_or_bars() -> None:
    assert tempo_of(sounds.music(30)[0]).bpm == pytest.approx(120, rel=0.01)


@pytest.mark.parametrize("seconds", [3, 10, 60])
def test_noise_has_no_tempo_worth_believing(seconds: int) -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal(seconds * sounds.RATE)).astype(np.float32)
    found = tempo_of(noise)
    assert found.bpm is None or found.confidence < 0.35


@pytest.mark.parametrize("sound", [sounds.sine(440, 20), np.zeros(20 * sounds.RATE, np.float32)])
def test_a_steady_tone_and_silence_have_no_tempo(sound: FloatArray) -> None:
    assert tempo_of(sound[1000:]) == Tempo(None, 0.0)


def test_sound_too_short_for_a_beat_has_no_tempo() -> None:
    assert tempo_of(sounds.clicks(120, 1.5)) == Tempo(None, 0.0)
