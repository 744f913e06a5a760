"""The prepared data of a clustering: everything its configurations are tried on, computed once per run.

Two spaces, each scaled so that a track's mean squared distance from the middle is 1:

    embedding   the standardised embedding on its principal components, the strongest first
    features    tempo, energy, brightness, loudness, mode (each standardised), then principal components of the tags

Fewer dimensions are a prefix of the columns, so one PCA serves every configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from services.clusterer.library import FloatArray, Library
from shared.clustering.search import rung_sizes
from shared.embedding import MSD_TAGS
from shared.events import ClusteringOptions

IntArray = npt.NDArray[np.int64]

COMPONENTS = 64
TAG_COMPONENTS = 16
SILHOUETTE_SAMPLE = 1500
_PCA_ROWS = 20_000
_EAR_EMBEDDING = 0.75
"""Share of the embedding in the distance that separation and diversity are measured with; the rest is the features'."""
_GENRES = (
    "rock", "pop", "alternative", "indie", "electronic", "jazz", "metal", "soul", "folk", "punk", "blues", "ambient",
    "Hip-Hop", "country", "funk", "House", "rnb", "instrumental", "experimental", "easy listening",
)  # fmt: skip
_GENRE_COLUMNS = [MSD_TAGS.index(name) for name in _GENRES]


@dataclass(frozen=True)
class Points:
    """Tracks in both spaces. ``embedding`` [m, up to 64], ``features`` [m, up to 21], ``tags`` [m, 100] as z-scores,
    ``weight`` [m]: how many tracks of the library each stands for."""

    embedding: FloatArray
    features: FloatArray
    tags: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.weight)

    def space(self, name: str, dimensions: int) -> FloatArray:
        """The points in a space, on its first ``dimensions`` columns (0: all)."""
        whole = self.embedding if name == "embedding" else self.features
        return np.ascontiguousarray(whole[:, : dimensions or None])

    @cached_property
    def ear(self) -> FloatArray:
        """Both spaces side by side; what separation and diversity are measured in, whatever was clustered on."""
        parts = [self.embedding * np.sqrt(_EAR_EMBEDDING), self.features * np.sqrt(1 - _EAR_EMBEDDING)]
        return np.hstack(parts).astype(np.float32)

    def first(self, size: int) -> Points:
        """The first ``size`` points, each standing for more."""
        scale = self.weight.sum() / max(float(self.weight[:size].sum()), 1e-9)
        return Points(self.embedding[:size], self.features[:size], self.tags[:size], self.weight[:size] * scale)


@dataclass(frozen=True)
class Prepared:
    """``sample``: what configurations are compared on, in an order whose every beginning is stratified. ``ids``
    [n, 16], ``embedding`` and ``features``: all tracks that take part. ``rows`` [m]: where the sample's are in them."""

    sample: Points
    ids: npt.NDArray[np.uint8]
    embedding: FloatArray
    features: FloatArray
    tags_mean: FloatArray
    tags_std: FloatArray
    rows: IntArray

    def whole(self, tags: FloatArray) -> Points:
        """All tracks; ``tags`` [n, 100] are their probabilities."""
        z = standardised(_log_odds(tags), self.tags_mean, self.tags_std)
        return Points(self.embedding, self.features, z, np.ones(len(z), np.float32))

    def only(self, there: npt.NDArray[np.bool_]) -> Prepared:
        """The same without the tracks that are gone (mask [n]); what was learnt of the sample stays."""
        if there.all():
            return self
        places = np.cumsum(there) - 1
        return replace(
            self,
            ids=self.ids[there],
            embedding=self.embedding[there],
            features=self.features[there],
            rows=places[self.rows[there[self.rows]]],
        )


def prepare(library: Library, options: ClusteringOptions, seed: int) -> Prepared:
    """Both spaces for all of ``library``, and a stratified sample. The same library and seed give the same."""
    rng = np.random.default_rng([seed, 1])
    log_odds = _log_odds(library.tags)
    tags_mean, tags_std = _moments(log_odds)
    tags = standardised(log_odds, tags_mean, tags_std)
    embedding = _embedding_space(library.vectors, rng)
    features = _feature_space(library, tags, rng)
    rows, weight = stratified(genre_strata(tags), options.sample, rng)
    sample = Points(embedding[rows], features[rows], tags[rows], weight)
    ids = np.frombuffer(b"".join(track.bytes for track in library.track_ids), np.uint8).reshape(-1, 16)
    return Prepared(sample, ids, embedding, features, tags_mean, tags_std, rows)


def rungs(points: Points) -> list[Points]:
    """The nested parts of a sample that a configuration is tried on, the smallest first."""
    return [points.first(size) for size in rung_sizes(len(points))]


def _log_odds(probabilities: FloatArray) -> FloatArray:
    """Probabilities are skewed; their log odds are not, and a z-score of them means the same for every tag."""
    p = np.clip(probabilities, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(p / (1 - p)), np.float32)


def _moments(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and spread of each column over what is known of it; a column that never varies gets spread 1."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0).astype(np.float64)
    mean = filled.sum(axis=0) / count
    spread = np.sqrt((np.where(known, filled - mean, 0) ** 2).sum(axis=0) / count)
    return mean.astype(np.float32), np.where(spread > 1e-4, spread, 1).astype(np.float32)


def standardised(values: FloatArray, mean: FloatArray, std: FloatArray) -> FloatArray:
    """z-scores, at most 4 away from 0; what is unknown counts as average (0)."""
    return np.asarray(np.clip(np.nan_to_num((values - mean) / std, nan=0.0), -4, 4), np.float32)


def _embedding_space(vectors: FloatArray, rng: np.random.Generator) -> FloatArray:
    mean, std = _moments(vectors)
    return _unit_spread(_principal(vectors, mean, std, COMPONENTS, rng))


def _feature_space(library: Library, tags: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Half of the spread is the five readable features', half is the tags'."""
    tempo = np.log2(np.where(library.tempo_bpm > 0, library.tempo_bpm, np.nan))
    mode = np.where(library.scale >= 0, library.scale, np.nan)
    columns = (tempo, library.energy, library.brightness, library.loudness, mode)
    readable = np.column_stack(columns).astype(np.float32)
    readable = standardised(readable, *_moments(readable))
    zeros, ones = np.zeros(tags.shape[1], np.float32), np.ones(tags.shape[1], np.float32)
    words = _principal(tags, zeros, ones, TAG_COMPONENTS, rng)
    return _unit_spread(np.hstack([_unit_spread(readable), _unit_spread(words)]))


def _principal(
    values: FloatArray, mean: FloatArray, std: FloatArray, most: int, rng: np.random.Generator
) -> FloatArray:
    """Standardised ``values`` on their principal components (covariance of up to 20,000 rows, by ``eigh``)."""
    rows = np.sort(rng.permutation(len(values))[:_PCA_ROWS])
    part = standardised(values[rows], mean, std).astype(np.float64)
    middle = part.mean(axis=0)
    eigenvalues, vectors = np.linalg.eigh(np.cov(part - middle, rowvar=False, bias=True))
    keep = max(1, int((eigenvalues[::-1][:most] > 1e-6).sum()))
    axes = vectors[:, ::-1][:, :keep]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(keep)] < 0, -1.0, 1.0)
    return _projected(values, mean, std, middle.astype(np.float32), axes.astype(np.float32))


def _projected(
    values: FloatArray, mean: FloatArray, std: FloatArray, middle: FloatArray, axes: FloatArray
) -> FloatArray:
    """In slices, so that the standardised copy of a large library never exists."""
    result = np.empty((len(values), axes.shape[1]), np.float32)
    for start in range(0, len(values), 8192):
        part = slice(start, start + 8192)
        result[part] = (standardised(values[part], mean, std) - middle) @ axes
    return result


def _unit_spread(values: FloatArray) -> FloatArray:
    """Scaled to a mean squared norm of 1, and rounded to half floats, which is how it is kept."""
    norm = float(np.sqrt((values.astype(np.float64) ** 2).sum(axis=1).mean())) if len(values) else 0.0
    return (values / (norm if norm > 1e-6 else 1.0)).astype(np.float16).astype(np.float32)


def genre_strata(tags: FloatArray) -> IntArray:
    """[n]: the genre tag that stands out most in each track, as a number."""
    return np.asarray(tags[:, _GENRE_COLUMNS].argmax(axis=1), np.int64)


def stratified(strata: IntArray, size: int, rng: np.random.Generator) -> tuple[IntArray, FloatArray]:
    """(rows [m], weight [m]) of a sample of at most ``size`` rows.

    Each stratum gets a share proportional to the square root of its size, so that a large genre does not swallow the
    rest. The order spreads every stratum evenly, so that each beginning of the sample is stratified the same way.
    """
    names, counts = np.unique(strata, return_counts=True)
    quotas = counts.astype(np.int64) if len(strata) <= size else _quotas(counts, size)
    rows, keys, weights = [], [], []
    for name, count, quota in zip(names, counts, quotas, strict=True):
        members = rng.permutation(np.flatnonzero(strata == name))[:quota]
        rows.append(members)
        keys.append((np.arange(quota) + rng.random(quota)) / quota)
        weights.append(np.full(quota, count / quota))
    order = np.argsort(np.concatenate(keys), kind="stable")
    return np.concatenate(rows)[order], np.concatenate(weights)[order].astype(np.float32)


def _quotas(counts: IntArray, size: int) -> IntArray:
    """Whole numbers that sum to ``size``, by square root, at least 1 and never more than there are."""
    quotas = np.ones(len(counts), np.int64)
    while (left := size - int(quotas.sum())) > 0:
        wish = np.sqrt(counts) * (quotas < counts)
        share = np.minimum(np.floor(wish / wish.sum() * left).astype(np.int64), counts - quotas)
        if not share.any():
            open_ones = np.flatnonzero(quotas < counts)
            share[open_ones[np.argsort(-wish[open_ones], kind="stable")[:left]]] = 1
        quotas += share
    return quotas
