"""Whole analyses: awkward lengths and silence, and what may move an embedding how far."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.analyzer.analysis import Analysis, analyze_file
from services.analyzer.features.energy import energy
from services.analyzer.wire import decode_analysis, encode_analysis
from shared.embedding import pack
from shared.errors import BadAudio
from shared.events import Profile, TrackAnalyzed
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import FloatArray

RATE = 44100
LEAD_IN = 0.01
"""Bounds of the cosine distance; measured on this song: 0.0023 at most, on twelve real ones 0.03."""
GAIN = 0.001
"""Measured: below 0.0001; on twelve real tracks 0.0006 at most."""
MP3_128 = 0.002
"""Measured: 0.0001; on twelve real tracks 0.0046 at most. The median of neighbours among real tracks is at 0.22."""
FAST = 0.005
"""Measured: 0.0008; on 98 real tracks 0.006 in the median."""


def analysis_of(path: Path, samples: FloatArray, rate: int = RATE, profile: Profile = "fast") -> Analysis:
    soundfile.write(path, samples.T, rate, subtype="FLOAT", format="WAV")
    return analyze_file(path, profile)


def distance(a: Analysis, b: Analysis) -> float:
    return 1 - float(a.embedding @ b.embedding)


@pytest.fixture(scope="module")
def song() -> FloatArray:
    return sounds.music(60, RATE)


@pytest.fixture(scope="module")
def plain(song: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analysis_of(tmp_path_factory.mktemp("plain") / "plain.wav", song)


def test_a_song_is_described_as_it_was_made(plain: Analysis) -> None:
    assert plain.duration_s == pytest.approx(60, abs=0.001)
    assert plain.tempo_bpm == pytest.approx(120, rel=0.01)
    assert (plain.key, plain.scale) in {("A", "minor"), ("C", "major")}
    assert abs(plain.tuning_cents) < 5
    assert plain.loudness_lufs == pytest.approx(-16, abs=1)
    assert 0 < plain.energy < 1
    assert 0 < plain.brightness < 1
    assert plain.silence_s < 1
    assert not plain.silent
    assert plain.patches == 16
    assert plain.decoder == "libsndfile"
    assert set(plain.stages_s) == {"decode", "tempo", "key", "loudness", "embedding"}


def test_vectors_have_the_shapes_and_lengths_that_the_event_carries(plain: Analysis) -> None:
    assert np.linalg.norm(plain.embedding) == pytest.approx(1, abs=1e-6)
    assert (plain.tags >= 0).all()
    assert (plain.tags <= 1).all()
    assert len(pack(plain.embedding, plain.tags)) == 1000


def test_every_scalar_is_a_field_of_the_event() -> None:
    scalars = {item.name for item in fields(Analysis)} - {"embedding", "tags"}
    assert scalars <= set(TrackAnalyzed.model_fields)


def test_an_analysis_survives_the_way_from_child_to_parent(plain: Analysis) -> None:
    message = encode_analysis(plain)
    length = int.from_bytes(message[:4], "little")
    back = decode_analysis(json.loads(message[8 : 8 + length])["analysis"], message[8 + length :])
    assert np.array_equal(back.embedding, plain.embedding)
    assert [getattr(back, item.name) for item in fields(Analysis)[:-2]] == [
        getattr(plain, item.name) for item in fields(Analysis)[:-2]
    ]


@pytest.mark.parametrize("seconds", [0.5, 3.7])
def test_silence_in_front_hardly_moves_the_embedding(
    seconds: float, song: FloatArray, plain: Analysis, tmp_path: Path
) -> None:
    silence = np.zeros((2, int(seconds * RATE)), np.float32)
    later = analysis_of(tmp_path / "later.wav", np.concatenate([silence, song], axis=1))
    assert distance(plain, later) < LEAD_IN
    assert later.silence_s == pytest.approx(plain.silence_s + seconds, abs=0.05)
    assert later.loudness_lufs == pytest.approx(plain.loudness_lufs, abs=0.1)


@pytest.mark.parametrize("decibels", [-20, 6])
def test_gain_does_not_move_the_embedding(decibels: int, song: FloatArray, plain: Analysis, tmp_path: Path) -> None:
    changed = analysis_of(tmp_path / "changed.wav", song * np.float32(10 ** (decibels / 20)))
    assert distance(plain, changed) < GAIN
    assert changed.loudness_lufs == pytest.approx((plain.loudness_lufs or 0) + decibels, abs=0.05)
    assert changed.brightness == pytest.approx(plain.brightness, abs=0.01)
    assert (changed.key, changed.tempo_bpm) == (plain.key, plain.tempo_bpm)


def test_mp3_at_128_kilobit_hardly_moves_the_embedding(song: FloatArray, plain: Analysis, tmp_path: Path) -> None:
    path = sounds.write(tmp_path / "song.mp3", song, RATE, "libmp3lame", "mp3", 128_000)
    assert distance(plain, analyze_file(path, "fast")) < MP3_128


def test_the_fast_profile_is_near_the_full_one(song: FloatArray, plain: Analysis, tmp_path: Path) -> None:
    full = analysis_of(tmp_path / "full.wav", song, profile="full")
    assert full.patches == 20
    assert distance(plain, full) < FAST
    assert full.audio_hash == plain.audio_hash


def test_the_same_sound_in_another_container_has_the_same_hash(song: FloatArray, tmp_path: Path) -> None:
    short = song[:, : 5 * RATE]
    flac = sounds.write(tmp_path / "song.flac", short, RATE, "flac", "flac")
    wav = sounds.write(tmp_path / "song.wav", short, RATE, "pcm_s16le", "wav")
    first, second = analyze_file(flac, "fast"), analyze_file(wav, "fast")
    assert first.decoder != second.decoder
    assert first.audio_hash == second.audio_hash
    assert np.array_equal(first.embedding, second.embedding)
    assert len(first.audio_hash) == 32


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_silence_is_called_silence_and_still_has_an_embedding(rate: int, seconds: float, tmp_path: Path) -> None:
    silent = analysis_of(tmp_path / "silent.wav", np.zeros((2, int(seconds * rate)), np.float32), rate)
    assert silent.silent
    assert silent.silence_s == pytest.approx(seconds, abs=0.001)
    assert (silent.tempo_bpm, silent.key, silent.scale, silent.loudness_lufs) == (None, None, None, None)
    assert silent.energy == 0
    assert np.isfinite(pack_of(silent)).all()


def pack_of(result: Analysis) -> FloatArray:
    return np.frombuffer(pack(result.embedding, result.tags), "<f2").astype(np.float32)


@pytest.mark.parametrize("seconds", [0.31, 1.0, 2.9])
def test_a_second_of_sound_is_enough(seconds: float, tmp_path: Path) -> None:
    result = analysis_of(tmp_path / "short.wav", sounds.music(seconds, RATE))
    assert result.duration_s == pytest.approx(seconds, abs=0.001)
    assert result.patches == 1
    assert result.loudness_lufs is not None


@pytest.mark.parametrize("seconds", [0.0001, 0.29])
def test_less_than_a_third_of_a_second_is_too_short(seconds: float, tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="too_short"):
        analysis_of(tmp_path / "short.wav", sounds.music(1, RATE)[:, : int(seconds * RATE)])


def test_clicks_with_silence_between_them_are_heard(tmp_path: Path) -> None:
    result = analysis_of(tmp_path / "clicks.wav", sounds.clicks(60, 20, RATE)[None])
    assert not result.silent
    assert result.tempo_bpm == pytest.approx(60, rel=0.02)
    assert result.silence_s > 15
    assert result.patches == 6


def test_brightness_rises_with_the_pitch(tmp_path: Path) -> None:
    found = [
        analysis_of(tmp_path / "tone.wav", sounds.sine(hertz, 2, RATE, 0.3)[None]).brightness
        for hertz in (100, 400, 1600, 6400)
    ]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.8


def test_energy_rises_with_loudness_and_with_what_happens() -> None:
    calm, busy = np.full(1000, 0.08, np.float32), np.full(1000, 0.2, np.float32)
    assert energy(-24, calm, 1000) < energy(-12, calm, 1000) < energy(-12, busy, 1000)
    assert energy(-70, np.zeros(9, np.float32), 9) == 0
    assert energy(0, 9 * busy, 1000) == 1


def test_a_louder_track_has_more_energy(song: FloatArray, plain: Analysis, tmp_path: Path) -> None:
    assert analysis_of(tmp_path / "quiet.wav", song * np.float32(0.25)).energy < plain.energy
