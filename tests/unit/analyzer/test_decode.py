"""Every container and codec that can be written here decodes to the same sound, and damage has a name."""

from __future__ import annotations

import io
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile

from services.analyzer.analysis import Analysis, analyze_file
from services.analyzer.decode import decoders
from services.analyzer.sniff import sniff
from services.analyzer.stream import Mono
from shared.errors import BadAudio
from tests.unit.analyzer import sounds
from tests.unit.analyzer.sounds import FloatArray

SECONDS = 4.0
FORMATS = {
    "mp3": ("libmp3lame", "mp3", 44100, 2),
    "mp3-22k-mono": ("libmp3lame", "mp3", 22050, 1),
    "flac": ("flac", "flac", 44100, 2),
    "flac-96k": ("flac", "flac", 96000, 2),
    "flac-5.1": ("flac", "flac", 48000, 6),
    "vorbis": ("vorbis", "ogg", 44100, 2),
    "opus": ("libopus", "ogg", 48000, 2),
    "opus-webm": ("libopus", "webm", 48000, 2),
    "opus-mka": ("libopus", "matroska", 48000, 1),
    "aac-m4a": ("aac", "ipod", 44100, 2),
    "flac-7.1": ("flac", "flac", 48000, 8),
    "aac-5.1": ("aac", "ipod", 48000, 6),
    "aac-7.1": ("aac", "ipod", 48000, 8),
    "opus-7.1": ("libopus", "ogg", 48000, 8),
    "aac-adts": ("aac", "adts", 44100, 2),
    "alac": ("alac", "ipod", 44100, 2),
    "wma": ("wmav2", "asf", 44100, 2),
    "wav-16": ("pcm_s16le", "wav", 44100, 2),
    "wav-24": ("pcm_s24le", "wav", 44100, 2),
    "wav-u8": ("pcm_u8", "wav", 8000, 1),
    "wav-float": ("pcm_f32le", "wav", 16000, 2),
    "wav-64": ("pcm_f64le", "wav", 48000, 1),
    "wav-8k": ("pcm_s16le", "wav", 8000, 2),
    "aiff": ("pcm_s16be", "aiff", 44100, 2),
    "caf": ("pcm_s16be", "caf", 44100, 2),
    "au": ("pcm_s16be", "au", 44100, 2),
    "wavpack": ("wavpack", "wv", 44100, 2),
    "tta": ("tta", "tta", 44100, 2),
    "ac3": ("ac3", "ac3", 48000, 2),
}
ROUGH = ("mp3", "vorbis", "opus", "aac", "wma", "ac3", "wav-u8")


@cache
def music(rate: int, channels: int, seconds: float = SECONDS) -> FloatArray:
    stereo = sounds.music(seconds, rate)
    if channels == 1:
        return np.asarray(stereo.mean(axis=0, keepdims=True), np.float32)
    return np.tile(stereo, (channels // 2, 1))


def write(path: Path, name: str) -> Path:
    codec, container, rate, channels = FORMATS[name]
    return sounds.write(path, music(rate, channels), rate, codec, container)


def resampled(samples: FloatArray, rate: int) -> FloatArray:
    mono = Mono()
    return np.concatenate([*(mono.push(block) for block in sounds.blocks(samples, rate)), mono.finish()])


def mono_of(path: Path, which: int = 0) -> FloatArray:
    kind, candidates = decoders(path)
    mono = Mono()
    parts = [mono.push(block) for block in candidates[which][1](path, kind)]
    return np.concatenate([*parts, mono.finish()])


def fidelity_db(decoded: FloatArray, expected: FloatArray) -> float:
    """Signal to difference, after the best delay (up to 0.1 s) and gain."""
    length = min(len(decoded), len(expected))
    size = 2 * length
    likeness = np.fft.irfft(np.fft.rfft(decoded[:length], size) * np.conj(np.fft.rfft(expected[:length], size)))
    reach = sounds.RATE // 10
    delay = int(np.argmax(np.roll(likeness, reach)[: 2 * reach])) - reach
    a, b = decoded[max(0, delay) : length], expected[max(0, -delay) : length]
    a, b = a[: len(b)], b[: len(a)]
    gain = float(a @ b) / float(a @ a)
    assert gain == pytest.approx(1, abs=0.08)
    return float(10 * np.log10(float(b @ b) / max(float(np.square(b - gain * a).sum()), 1e-12)))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_decodes_to_the_same_sound_whatever_its_name(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "track.with.a.wrong.jpg", name)
    expected = resampled(music(*FORMATS[name][2:]), FORMATS[name][2])
    decoded = mono_of(path)
    assert len(decoded) == pytest.approx(len(expected), abs=0.06 * sounds.RATE)
    rough = any(word in name for word in ROUGH)
    assert fidelity_db(decoded, expected) > (10 if rough else 40)


@pytest.mark.parametrize("name", ["flac", "vorbis", "wav-24", "wav-float", "aiff", "mp3", "opus", "flac-5.1"])
def test_both_decoders_agree(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "track", name)
    first, second = mono_of(path, 0), mono_of(path, 1)
    assert len(first) == pytest.approx(len(second), abs=0.05 * sounds.RATE)
    assert fidelity_db(first, second) > 50


def test_the_downmix_is_the_mean_and_not_the_sum_of_powers(tmp_path: Path) -> None:
    tone = sounds.sine(440, 2, 44100, 0.5)
    path = tmp_path / "left only.wav"
    soundfile.write(path, np.stack([tone, np.zeros_like(tone)], axis=1), 44100, subtype="FLOAT")
    assert np.abs(mono_of(path)[1000:-1000]).max() == pytest.approx(0.25, abs=0.002)


def test_a_tag_in_front_and_rubbish_before_the_first_frame_do_not_hide_an_mp3(tmp_path: Path) -> None:
    frames = write(tmp_path / "plain.mp3", "mp3").read_bytes()
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + b"\x00" * 256
    for front in (tag, tag + tag, b"some rubbish \xff\xfb\x90" * 9):
        path = tmp_path / "front.mp3"
        path.write_bytes(front + frames)
        assert sniff(path) == "mp3"
        assert len(mono_of(path)) > 1.5 * sounds.RATE


def test_a_picture_in_the_file_does_not_matter(tmp_path: Path) -> None:
    frames = write(tmp_path / "plain.mp3", "mp3").read_bytes()
    picture = b"\x00image/png\x00\x03\x00" + b"\x89PNG\r\n\x1a\n" + b"\x00" * 1000
    frame = b"APIC" + len(picture).to_bytes(4, "big") + b"\x00\x00" + picture
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    path = tmp_path / "cover.mp3"
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame + frames)
    assert analyze_file(path, "fast").duration_s == pytest.approx(SECONDS, abs=0.1)


def test_a_header_that_lies_about_the_length_is_not_believed(tmp_path: Path) -> None:
    path = write(tmp_path / "track.wav", "wav-16")
    content = bytearray(path.read_bytes())
    data = content.index(b"data")
    for claim in (0, 0x7FFFFFFF, 0xFFFFFFFF):
        content[data + 4 : data + 8] = struct.pack("<I", claim)
        content[4:8] = struct.pack("<I", min(claim + 36, 0xFFFFFFFF))
        path.write_bytes(content)
        assert analyze_file(path, "fast").duration_s == pytest.approx(SECONDS, abs=0.01)


def test_repeated_mp3_bytes_are_heard_to_their_end(tmp_path: Path) -> None:
    once = write(tmp_path / "once.mp3", "mp3").read_bytes()
    path = tmp_path / "many.mp3"
    path.write_bytes(once * 5)
    assert analyze_file(path, "fast").duration_s == pytest.approx(20, abs=0.5)


def test_chained_streams_of_different_rates_are_one_track(tmp_path: Path) -> None:
    parts = []
    for rate, channels in ((44100, 2), (22050, 1), (48000, 2)):
        buffer = io.BytesIO()
        soundfile.write(buffer, sounds.music(2, rate)[:channels].T, rate, format="OGG", subtype="VORBIS")
        parts.append(buffer.getvalue())
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(parts))
    assert analyze_file(path, "fast").duration_s >= 2


def reason_for(path: Path, suffix: str = "mp3") -> tuple[str, str]:
    with pytest.raises(BadAudio) as caught:
        analyze_file(path, "fast", suffix)
    assert str(path.parent) not in caught.value.detail
    return caught.value.reason, caught.value.detail


@pytest.mark.parametrize(
    "content",
    [
        b"Dear diary, today I renamed a letter to .mp3.\n" * 2000,
        b"#EXTM3U\nhttp://127.0.0.1:9/\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
        bytes(100_000),
        b"\xff" * 100_000,
        np.random.default_rng(7).bytes(200_000),
        b"RIFF\x24\x00\x00\x00AVI LIST",
        b"a",
    ],
    ids=["text", "m3u", "dash", "concat", "png", "zeros", "ones", "random", "avi", "one byte"],
)
def test_what_is_no_sound_is_called_so_and_never_followed(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(content)
    reason, detail = reason_for(path)
    assert reason == "not_audio"
    assert ".mp3" in detail


def test_an_empty_file_and_a_missing_one_have_their_own_reasons(tmp_path: Path) -> None:
    empty = tmp_path / "empty.flac"
    empty.touch()
    assert reason_for(empty)[0] == "empty_file"
    assert reason_for(tmp_path / "gone.flac")[0] == "file_missing"


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_file_is_analysed_as_far_as_it_goes(name: str, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", name).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[: int(len(whole) * 0.7)])
    if FORMATS[name][1] == "ipod":  # the index is at the end
        assert reason_for(path)[0] == "corrupt"
    else:
        assert 0.45 * SECONDS < analyze_file(path, "fast").duration_s < 1.02 * SECONDS


@pytest.mark.parametrize("name", FORMATS)
def test_a_bare_header_is_no_track(name: str, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", name).read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(whole[:64])
    assert reason_for(path)[0] in ("corrupt", "too_short", "not_audio", "unsupported")


@pytest.mark.parametrize("name", FORMATS)
def test_noise_over_the_middle_of_a_file_ends_in_a_result_or_a_reason(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / "track", name)
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(5)
    start, end = len(content) // 3, len(content) // 2
    content[start:end] = random.bytes(end - start)
    path.write_bytes(content)
    try:
        result = analyze_file(path, "fast")
    except BadAudio as error:
        assert error.reason in ("corrupt", "too_short")
    else:
        assert np.isfinite(result.embedding).all()


def finite(result: Analysis) -> bool:
    return bool(np.isfinite(result.embedding).all() and np.isfinite(result.tags).all())


def test_samples_that_are_no_numbers_become_silence(tmp_path: Path) -> None:
    samples = sounds.music(4, 16000).T.copy()
    samples[20000:20100] = np.nan
    samples[30000:30100] = np.inf
    samples[40000] = 1e30
    path = tmp_path / "odd.wav"
    soundfile.write(path, samples, 16000, subtype="FLOAT")
    result = analyze_file(path, "fast")
    assert finite(result)
    assert result.loudness_lufs is not None
    assert -30 < result.loudness_lufs < 10
