"""From tag probabilities to the few words that tell a track from the rest of its library. Pure but for the cache."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from services.gateway.models.tracks import MoodStrip, TopTag
from services.gateway.queries import tag_stats
from services.gateway.tags import CALM, INFO, LIVELY
from shared.embedding import TAG_COUNT, FloatArray

if TYPE_CHECKING:
    from shared.postgres import Connection

MIN_TRACKS = 20
"""Below this many tracks a library has no mean worth comparing with."""
AUDIBLE = 0.05
"""A tag of a lower probability can hardly be heard."""
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 180.0
_KEEP_S = 5.0


@dataclass(frozen=True, slots=True)
class TagStats:
    """Mean and standard deviation of each tag's probability [100] over ``n`` analysed tracks."""

    n: int
    mean: FloatArray
    deviation: FloatArray

    def zscores(self, probabilities: FloatArray) -> FloatArray | None:
        """How far ``probabilities`` [100] stand out; None while the library is small."""
        if self.n < MIN_TRACKS:
            return None
        scores: FloatArray = ((probabilities - self.mean) / np.maximum(self.deviation, 0.01)).astype(np.float32)
        return scores


NO_STATS = TagStats(0, np.zeros(TAG_COUNT, np.float32), np.ones(TAG_COUNT, np.float32))


def read_tags(content: bytes) -> FloatArray:
    """The tag probabilities [100] of a row, each within 0..1."""
    return np.clip(np.frombuffer(content, "<f2").astype(np.float32), 0.0, 1.0)


def top_tags(probabilities: FloatArray, stats: TagStats, most: int) -> list[TopTag]:
    """The labels that stand out most, each once.

    A tag that can hardly be heard comes after all that can, however rare it is in the library.
    """
    scores = stats.zscores(probabilities)
    ranking = probabilities if scores is None else np.where(probabilities >= AUDIBLE, scores, probabilities - 100.0)
    found: dict[str, TopTag] = {}
    for index in np.argsort(-ranking, kind="stable").tolist():
        info = INFO[index]
        if info.label in found:
            continue
        found[info.label] = TopTag(
            tag=info.tag,
            label=info.label,
            family=info.family,
            probability=round(float(probabilities[index]), 4),
            zscore=None if scores is None else round(float(scores[index]), 2),
        )
        if len(found) == most:
            break
    return list(found.values())


def mood_strip(tempo_bpm: float | None, energy: float, brightness: float, probabilities: FloatArray) -> MoodStrip:
    """Four values within 0..1. Tempo is on a logarithmic scale from 60 to 180 BPM; mood is lively against calm tags."""
    tempo = 0.0
    if tempo_bpm and tempo_bpm > 0:
        tempo = math.log(tempo_bpm / _SLOWEST_BPM) / math.log(_FASTEST_BPM / _SLOWEST_BPM)
    lively, calm = float(probabilities[list(LIVELY)].sum()), float(probabilities[list(CALM)].sum())
    # The constant keeps a track of which neither can be heard in the middle.
    mood = (lively + 0.1) / (lively + calm + 0.2)
    return MoodStrip(tempo=_share(tempo), energy=_share(energy), brightness=_share(brightness), mood=_share(mood))


def _share(value: float) -> float:
    return round(min(1.0, max(0.0, value)), 3) if math.isfinite(value) else 0.0


class LibraryTags:
    """Statistics over all libraries, read anew every few seconds."""

    def __init__(self) -> None:
        self._stats = NO_STATS
        self._read_at = -math.inf

    async def stats(self, connection: Connection) -> TagStats:
        """At most five seconds old."""
        now = time.monotonic()
        if now - self._read_at > _KEEP_S:
            n, mean, deviation = await tag_stats.read(connection)
            self._stats = TagStats(n, mean, deviation)
            self._read_at = now
        return self._stats
