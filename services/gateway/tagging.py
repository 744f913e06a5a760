"""From tag probabilities to the few words that tell a track from the rest of its library. Pure but for the cache."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from services.gateway.models.tracks import MoodStrip, TopTag
from services.gateway.queries import tag_stats
from services.gateway.tags import CALM, INFO, LIVELY
from shared.embedding import TAG_COUNT, TAGS, FloatArray

if TYPE_CHECKING:
    from shared.postgres import Connection

MIN_TRACKS = 20
"""Below this many tracks a library has no mean worth comparing with."""
AUDIBLE = 0.05
"""A tag of a lower probability can hardly be heard."""
_SLOWEST_BPM, _FASTEST_BPM = 60.0, 180.0
_KEEP_S = 5.0
_PLACES = {name: place for place, name in enumerate(TAGS)}


@dataclass(frozen=True, slots=True)
class TagStats:
    """Mean and standard deviation of each tag's probability [100] over ``n`` analysed tracks."""

    n: int
    mean: FloatArray
    deviation: FloatArray

    def zscores(self, probabilities: FloatArray) -> FloatArray | None:
        """How far ``probabilities`` [tracks, 100] stand out; None while the library is small."""
        if self.n < MIN_TRACKS:
            return None
        scores: FloatArray = ((probabilities - self.mean) / np.maximum(self.deviation, 0.01)).astype(np.float32)
        return scores


NO_STATS = TagStats(0, np.zeros(TAG_COUNT, np.float32), np.ones(TAG_COUNT, np.float32))


def read_tags(contents: Sequence[bytes]) -> FloatArray:
    """The tag probabilities [tracks, 100] of rows, each within 0..1."""
    values = np.frombuffer(b"".join(contents), "<f2").astype(np.float32)
    return np.clip(values, 0.0, 1.0).reshape(-1, TAG_COUNT)


def top_tags(probabilities: FloatArray, stats: TagStats, most: int) -> list[list[TopTag]]:
    """For each track of ``probabilities`` [tracks, 100] the labels that stand out most, each once.

    A tag that can hardly be heard comes after all that can, however rare it is in the library.
    """
    scores = stats.zscores(probabilities)
    ranking = probabilities if scores is None else np.where(probabilities >= AUDIBLE, scores, probabilities - 100.0)
    order = np.argsort(-ranking, axis=1, kind="stable").tolist()
    shares = probabilities.tolist()
    distances: list[list[float] | None] = [None] * len(shares) if scores is None else scores.tolist()
    return [_first_labels(*row, most) for row in zip(order, shares, distances, strict=True)]


def _first_labels(order: list[int], shares: list[float], scores: list[float] | None, most: int) -> list[TopTag]:
    found: dict[str, TopTag] = {}
    for index in order:
        info = INFO[index]
        if info.label in found:
            continue
        found[info.label] = TopTag(
            tag=info.tag,
            label=info.label,
            family=info.family,
            probability=round(shares[index], 4),
            zscore=None if scores is None else round(scores[index], 2),
        )
        if len(found) == most:
            break
    return list(found.values())


def imported_tags(probabilities: Mapping[str, float], most: int) -> list[TopTag]:
    """The most probable of the tags that another program kept. They are not measured against the library, whose means
    are of Starling's own analyses; names that are not in ``TAGS`` are left out."""
    whole = np.zeros((1, TAG_COUNT), np.float32)
    for name, probability in probabilities.items():
        if name in _PLACES:
            whole[0, _PLACES[name]] = probability
    [found] = top_tags(np.clip(whole, 0.0, 1.0), NO_STATS, most)
    return [tag for tag in found if tag.probability > 0]


def moods(probabilities: FloatArray) -> list[float]:
    """For each track of ``probabilities`` [tracks, 100]: 0 calm or sad, 1 bright or lively."""
    lively, calm = probabilities[:, LIVELY].sum(axis=1), probabilities[:, CALM].sum(axis=1)
    # The constant keeps a track of which neither can be heard in the middle.
    found: list[float] = ((lively + 0.1) / (lively + calm + 0.2)).tolist()
    return found


def mood_strip(tempo_bpm: float | None, energy: float, brightness: float, mood: float) -> MoodStrip:
    """Four values within 0..1. Tempo is on a logarithmic scale from 60 to 180 BPM."""
    tempo = 0.0
    if tempo_bpm and tempo_bpm > 0:
        tempo = math.log(tempo_bpm / _SLOWEST_BPM) / math.log(_FASTEST_BPM / _SLOWEST_BPM)
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
