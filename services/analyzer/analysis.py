"""One sound file -> everything Starling knows about how it sounds.

The file is decoded once, block by block, and every feature takes what it needs from each block, so memory does not
depend on the length of the track.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from services.analyzer.decode import MAX_DURATION_S, Block, DecodeError, decoders
from services.analyzer.embedding import Evaluate, mean_outputs, standardise, with_numpy
from services.analyzer.features.brightness import Brightness
from services.analyzer.features.energy import energy
from services.analyzer.features.key import NO_KEY, PitchClasses, Scale, find_key
from services.analyzer.features.loudness import Loudness
from services.analyzer.features.silence import Silence
from services.analyzer.features.spectrum import Spectrum
from services.analyzer.features.tempo import OnsetStrength, Tempo, tempo
from services.analyzer.patches import Spread, Windows
from services.analyzer.stream import RATE, Mono
from shared.errors import BadAudio
from shared.events import Profile

FloatArray = npt.NDArray[np.float32]

FAST_PATCHES: Final = 16
"""Windows of the fast profile. Against every window, on 98 real tracks: cosine 0.994 in the median, 0.975 at the 5th
percentile (12: 0.990, 0.958; 20: 0.996, 0.968). Picking them by clustering or weighting them by what they look like
gained less than 0.001."""
_FAST_CANDIDATES: Final = 128
_FULL_PATCHES: Final = 4096
"""Windows of the full profile: every one of 3.4 hours; of a longer track every second, fourth and so on."""
LEAST_S: Final = 0.3
"""Shorter sound is refused."""
_LEAST_DAMAGED_S: Final = 1.0
"""What a damaged file must give at least."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """The fields of ``shared.events.TrackAnalyzed`` that the sound itself decides, in its units, and the vectors.

    ``embedding`` float32 [400], unit length; ``tags`` float32 [100], probabilities in the order of
    ``shared.embedding.TAGS``.
    """

    audio_hash: str
    duration_s: float
    tempo_bpm: float | None
    tempo_confidence: float
    key: str | None
    scale: Scale | None
    key_confidence: float
    tuning_cents: float
    loudness_lufs: float | None
    energy: float
    brightness: float
    silence_s: float
    silent: bool
    patches: int
    decoder: str
    stages_s: dict[str, float]
    embedding: FloatArray
    tags: FloatArray


@dataclass(slots=True)
class _Clock:
    """Seconds spent per stage."""

    stages_s: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("decode", "tempo", "key", "loudness", "embedding"), 0.0)
    )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages_s[name] += time.perf_counter() - start


class Listener:
    """Hears one track block by block and draws the conclusions at its end."""

    def __init__(self, profile: Profile) -> None:
        self._profile: Profile = profile
        self.clock = _Clock()
        self._mono = Mono()
        self._samples = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self._spectrum = Spectrum()
        self._silence = Silence()
        self._brightness = Brightness()
        self._onsets = OnsetStrength()
        self._pitch_classes = PitchClasses()
        self._loudness = Loudness()
        self._windows = Windows()
        self._spread = Spread(_FAST_CANDIDATES if profile == "fast" else _FULL_PATCHES)

    @property
    def duration_s(self) -> float:
        """Seconds of decoded sound so far."""
        return self._samples / RATE

    @property
    def silent(self) -> bool:
        """Whether nothing has been heard so far."""
        return self._silence.silent

    @property
    def audio_hash(self) -> str:
        """BLAKE2b-128 of the sound so far, as 16-bit mono at 16 kHz."""
        return self._hash.hexdigest()

    def hear(self, block: Block) -> None:
        with self.clock.stage("decode"):
            mono = self._mono.push(block)
        with self.clock.stage("loudness"):
            self._loudness.push(block)
        self._hear_mono(mono)

    def _hear_mono(self, mono: FloatArray) -> None:
        self._samples += len(mono)
        with self.clock.stage("decode"):
            self._hash.update(np.clip(np.round(mono * 32767), -32768, 32767).astype("<i2").tobytes())
        with self.clock.stage("key"):
            self._pitch_classes.push(mono)
        with self.clock.stage("tempo"):
            spectra = self._spectrum.push(mono)
        self._hear_spectra(*spectra)

    def _hear_spectra(self, power: FloatArray, log_mel: FloatArray) -> None:
        with self.clock.stage("tempo"):
            mean_square, heard = self._silence.push(power)
            self._brightness.push(power, heard)
            self._onsets.push(log_mel)
        with self.clock.stage("embedding"):
            self._spread.push(self._windows.push(log_mel, mean_square))

    def end(self) -> None:
        """The track is over: take what resampler and frames still hold."""
        with self.clock.stage("decode"):
            rest = self._mono.finish()
        self._hear_mono(rest)
        with self.clock.stage("tempo"):
            spectra = self._spectrum.finish()
        self._hear_spectra(*spectra)

    def raw_embedding(self, evaluate: Evaluate = with_numpy) -> tuple[FloatArray, FloatArray, int]:
        """(mean outputs of the networks [400], tag probabilities [100], windows); after ``end``, once."""
        self._spread.push(self._windows.finish())
        level = self._silence.level_dbfs
        windows = self._spread.pick(FAST_PATCHES if self._profile == "fast" else _FULL_PATCHES, level)
        return *mean_outputs(windows, level, evaluate), len(windows)

    def conclude(self, decoder: str, evaluate: Evaluate = with_numpy) -> Analysis:
        """Everything about the track; after ``end``, once."""
        with self.clock.stage("embedding"):
            raw, tags, patches = self.raw_embedding(evaluate)
            embedding = standardise(raw)
        with self.clock.stage("loudness"):
            loudness = self._loudness.finish()
        silent = self.silent or loudness is None
        with self.clock.stage("tempo"):
            onsets = self._onsets.finish()
            pulse = Tempo(None, 0.0) if silent else tempo(onsets)
        with self.clock.stage("key"):
            key = NO_KEY if silent else find_key(self._pitch_classes.finish())
        intensity = 0.0 if loudness is None else energy(loudness, onsets, self._silence.heard_frames)
        return Analysis(
            audio_hash=self.audio_hash,
            duration_s=round(self.duration_s, 3),
            tempo_bpm=pulse.bpm,
            tempo_confidence=round(pulse.confidence, 3),
            key=key.key,
            scale=key.scale,
            key_confidence=round(key.confidence, 3),
            tuning_cents=key.tuning_cents,
            loudness_lufs=None if silent or loudness is None else round(loudness, 2),
            energy=0.0 if silent else round(intensity, 3),
            brightness=round(self._brightness.finish(), 3),
            silence_s=round(min(self._silence.silence_s, self.duration_s), 3),
            silent=silent,
            patches=patches,
            decoder=decoder,
            stages_s={name: round(seconds, 4) for name, seconds in self.clock.stages_s.items()},
            embedding=embedding,
            tags=tags,
        )


def analyze_file(path: Path, profile: Profile, suffix: str = "", evaluate: Evaluate = with_numpy) -> Analysis:
    """Analyse the sound in ``path``. ``suffix`` (what the library calls the format) only appears in messages;
    ``evaluate`` is where the networks are.

    Raises ``BadAudio``: file_missing, empty_file, not_audio, unsupported, corrupt, too_short or too_long.
    """
    decoder, listener = listen(path, profile, suffix)
    return listener.conclude(decoder, evaluate)


def listen(path: Path, profile: Profile, suffix: str = "") -> tuple[str, Listener]:
    """Decode ``path`` to its end with the first decoder that can. Returns the decoder's name and what was heard."""
    kind, candidates = decoders(path, suffix)
    failures: list[BadAudio] = []
    for name, decoder in candidates:
        try:
            return name, _hear_all(decoder(path, kind), profile)
        except BadAudio as error:
            if error.reason == "too_long":
                raise
            failures.append(error)
    raise next((error for error in failures if error.reason != "corrupt"), failures[0])


def _hear_all(blocks: Iterator[Block], profile: Profile) -> Listener:
    listener = Listener(profile)
    damage = ""
    while True:
        try:
            with listener.clock.stage("decode"):
                block = next(blocks, None)
        except DecodeError as error:
            damage = str(error)
            break
        if block is None:
            break
        listener.hear(block)
        if listener.duration_s > MAX_DURATION_S:
            raise BadAudio("too_long", "The track is longer than 24 hours. Split it to have it analysed.")
    listener.end()
    _check_length(listener.duration_s, damage)
    return listener


def _check_length(duration_s: float, damage: str) -> None:
    """What a damaged file gives before it breaks off is good enough from one second on."""
    if damage and duration_s < _LEAST_DAMAGED_S:
        detail = f"The file is damaged and only {duration_s:.1f} s of it can be decoded ({damage}). Replace the file."
        raise BadAudio("corrupt", detail)
    if duration_s < LEAST_S:
        raise BadAudio("too_short", f"The track is {duration_s:.2f} s long; an analysis takes at least {LEAST_S} s.")
