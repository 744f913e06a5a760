"""Chords and scales in every key, at every tuning."""

from __future__ import annotations

import numpy as np
import pytest

from services.analyzer.features.key import KEYS, NO_KEY, Key, PitchClasses, find_key
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import C4, HARMONIC_MINOR_SCALE, MAJOR_SCALE, FloatArray


def key_of(sound: FloatArray) -> Key:
    classes = PitchClasses()
    for start in range(0, len(sound), 50_000):
        classes.push(sound[start : start + 50_000])
    return find_key(classes.finish())


@pytest.mark.parametrize("semitone", range(12))
@pytest.mark.parametrize(("scale", "steps"), [("major", (0, 4, 7)), ("minor", (0, 3, 7))])
def test_a_chord_is_in_its_own_key(semitone: int, scale: str, steps: tuple[int, ...]) -> None:
    found = key_of(sounds.chord(C4 + semitone, steps, 3).astype(np.float32))
    assert (found.key, found.scale) == (KEYS[semitone], scale)
    assert found.confidence > 0.5


@pytest.mark.parametrize("semitone", range(12))
@pytest.mark.parametrize(("scale", "steps"), [("major", MAJOR_SCALE), ("minor", HARMONIC_MINOR_SCALE)])
@pytest.mark.parametrize("octave", [-12, 0])
def test_a_scale_is_in_its_own_key(semitone: int, scale: str, steps: tuple[int, ...], octave: int) -> None:
    found = key_of(sounds.scale(C4 + octave + semitone, steps))
    assert (found.key, found.scale) == (KEYS[semitone], scale)


@pytest.mark.parametrize("semitone", range(12))
@pytest.mark.parametrize(
    ("scale", "degrees"),
    [
        ("major", ((0, (0, 4, 7)), (5, (0, 4, 7)), (7, (0, 4, 7)), (0, (0, 4, 7)))),
        ("major", ((0, (0, 4, 7)), (7, (0, 4, 7)), (9, (0, 3, 7)), (5, (0, 4, 7)))),
        ("minor", ((0, (0, 3, 7)), (5, (0, 3, 7)), (7, (0, 4, 7)), (0, (0, 3, 7)))),
    ],
)
def test_a_progression_is_in_the_key_it_circles(
    semitone: int, scale: str, degrees: tuple[tuple[int, tuple[int, ...]], ...]
) -> None:
    chords = [sounds.chord(C4 - 12 + semitone + degree, steps, 0.8) for degree, steps in degrees]
    found = key_of(np.concatenate(chords * 2).astype(np.float32))
    assert (found.key, found.scale) == (KEYS[semitone], scale)


@pytest.mark.parametrize("cents", [-45, -30, -10, 0, 15, 40])
def test_detuned_music_keeps_its_key_and_says_by_how_much_it_is_off(cents: int) -> None:
    tones = [sounds.note(C4 + step + cents / 100, 3) for step in (0, 4, 7)]
    found = key_of(np.sum(tones, axis=0).astype(np.float32))
    assert (found.key, found.scale) == ("C", "major")
    assert found.tuning_cents == pytest.approx(cents, abs=5)


def test_noise_has_no_key_to_be_sure_of() -> None:
    noise = (0.1 * np.random.default_rng(1).standard_normal(20 * sounds.RATE)).astype(np.float32)
    assert key_of(noise).confidence < 0.3


def test_silence_has_no_key() -> None:
    assert key_of(np.zeros(5 * sounds.RATE, np.float32)) == NO_KEY
