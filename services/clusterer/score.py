"""The score of a clustering: five parts, each 0 (bad) to 1 (good), and their weighted mean.

A track of the sample stands for ``weight`` tracks of the library; "size" below is the sum of the weights of a cluster.
The ear's space (``Points.ear``) is scaled so that the mean squared distance of a track from the library's middle is 1.

    separation  (s + 0.1) / 0.5, cut to 0..1. s: mean silhouette coefficient of a fixed sample (P. J. Rousseeuw,
                "Silhouettes", 1987), Euclidean in the ear's space; a track in no cluster has 0, so that nothing is won
                by leaving the difficult ones out. 0 when fewer than two clusters.
    purity      1 - exp(-t). t: mean, over assigned tracks, of their cluster's tag strength: the mean of the three
                highest mean z-scores of a tag in the cluster, times m / (m + 4) for a cluster seen with m tracks,
                so that chance in a small cluster does not count.
    diversity   mean over clusters of min(1, distance from its centre to the nearest other centre). 0 for one cluster.
    coverage    share of the library that is in a cluster.
    sizes       half the mean over clusters, half the mean over assigned tracks, of how playable the cluster's size n
                is: n / tracks_min below the lower bound, 1 between the bounds, 1 / (1 + 0.25 log2(n / tracks_max))
                above, since a large cluster can be split, but a small one cannot be filled. All of it times
                k / clusters_min for fewer clusters than asked for, times clusters_max / k for more.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from services.clusterer.dataset import SILHOUETTE_SAMPLE, Points
from services.clusterer.library import FloatArray
from shared.events import ClusteringOptions, Score, ScoreWeights

Labels = npt.NDArray[np.int64]
_DIGITS = 4
"""Scores are rounded to this, so that the last bits of a processor's arithmetic decide nothing."""
_TELLING_TAGS = 3
_CHANCE = 4


@dataclass(frozen=True)
class Yardstick:
    """What labels of ``points`` are measured with. The distances are computed at the first use, and once."""

    points: Points
    options: ClusteringOptions
    silhouette_rows: npt.NDArray[np.int64] | None = None
    """Which points the silhouette is measured on; None: the first ones."""

    @cached_property
    def _rows(self) -> npt.NDArray[np.int64]:
        if self.silhouette_rows is None:
            return np.arange(min(len(self.points), SILHOUETTE_SAMPLE))
        return self.silhouette_rows[:SILHOUETTE_SAMPLE]

    @cached_property
    def distances(self) -> FloatArray:
        """[s, s] Euclidean, of the silhouette's sample in the ear's space."""
        return distances(self.points.ear[self._rows])

    def measure(self, labels: Labels) -> Score:
        """The score of ``labels`` [m]: cluster numbers of any kind, below 0 is in no cluster."""
        names, inner = np.unique(labels[labels >= 0], return_inverse=True)
        compact = np.full(len(labels), -1, np.int64)
        compact[labels >= 0] = inner
        weight = self.points.weight.astype(np.float64)
        assigned = compact >= 0
        sizes = np.bincount(compact[assigned], weight[assigned], len(names)).astype(np.float64)
        coefficient = silhouette(self.distances, compact[self._rows])
        many = len(names) >= 2
        parts = {
            "separation": float(np.clip((coefficient + 0.1) / 0.5, 0, 1)) if many else 0.0,
            "purity": purity(compact, sizes, self.points) if len(names) else 0.0,
            "diversity": diversity(compact, sizes, self.points) if many else 0.0,
            "coverage": float(weight[assigned].sum() / weight.sum()),
            "sizes": playable(sizes, self.options) if len(names) else 0.0,
        }
        return Score(
            total=_round(total(parts, self.options.weights)),
            **{name: _round(value) for name, value in parts.items()},
            silhouette=_round(coefficient),
            clusters=len(names),
            unassigned=_round(1 - parts["coverage"]),
        )


def total(parts: dict[str, float], weights: ScoreWeights) -> float:
    """Weighted mean of the parts."""
    by_name = weights.model_dump()
    return float(sum(by_name[name] * value for name, value in parts.items()) / sum(by_name.values()))


def distances(points: FloatArray) -> FloatArray:
    """[m, m] Euclidean distances."""
    squares = np.einsum("ij,ij->i", points, points)
    squared = squares[:, None] + squares[None, :] - 2 * (points @ points.T)
    np.fill_diagonal(squared, 0)
    return np.asarray(np.sqrt(np.maximum(squared, 0)), np.float32)


def silhouette(distances: FloatArray, labels: Labels) -> float:
    """Mean silhouette coefficient, -1..1; 0 for a point that is not labelled, and when there are fewer than two
    clusters."""
    rows = np.flatnonzero(labels >= 0)
    names, own = np.unique(labels[rows], return_inverse=True)
    if len(names) < 2:
        return 0.0
    belongs = np.zeros((len(rows), len(names)), np.float32)
    belongs[np.arange(len(rows)), own] = 1
    counts = belongs.sum(axis=0)
    near = distances if len(rows) == len(labels) else distances[np.ix_(rows, rows)]
    sums = near @ belongs
    mine = sums[np.arange(len(rows)), own]
    within = mine / np.maximum(counts[own] - 1, 1)
    others = sums / counts
    others[np.arange(len(rows)), own] = np.inf
    nearest = others.min(axis=1)
    values = (nearest - within) / np.maximum(np.maximum(nearest, within), 1e-9)
    return float(np.where(counts[own] > 1, values, 0).astype(np.float64).sum() / len(labels))


def purity(labels: Labels, sizes: npt.NDArray[np.float64], points: Points) -> float:
    """See the top. ``labels`` count from 0 without a gap."""
    means = _means(labels, sizes, points.tags, points.weight)
    telling = min(_TELLING_TAGS, means.shape[1])
    strongest = np.partition(means, -telling, axis=1)[:, -telling:].mean(axis=1)
    seen = np.bincount(labels[labels >= 0], minlength=len(sizes))
    strength = np.maximum(strongest, 0) * seen / (seen + _CHANCE)
    return float(1 - np.exp(-(strength * sizes).sum() / sizes.sum()))


def diversity(labels: Labels, sizes: npt.NDArray[np.float64], points: Points) -> float:
    """See the top. ``labels`` count from 0 without a gap."""
    between = distances(_means(labels, sizes, points.ear, points.weight).astype(np.float32))
    np.fill_diagonal(between, np.inf)
    return float(np.minimum(1, between.min(axis=1)).mean())


def playable(sizes: npt.NDArray[np.float64], options: ClusteringOptions) -> float:
    """See the top. ``sizes`` [k] in tracks of the library."""
    above = 1 / (1 + 0.25 * np.log2(np.maximum(sizes / options.tracks_max, 1)))
    fit = np.where(sizes < options.tracks_min, sizes / options.tracks_min, above)
    bounds = min(1.0, len(sizes) / options.clusters_min, options.clusters_max / len(sizes))
    return float(bounds * (0.5 * fit.mean() + 0.5 * (fit * sizes).sum() / sizes.sum()))


def _means(
    labels: Labels, sizes: npt.NDArray[np.float64], values: FloatArray, weight: FloatArray
) -> npt.NDArray[np.float64]:
    """[k, columns]: weighted mean of ``values`` in each cluster."""
    rows = np.flatnonzero(labels >= 0)
    shape = (len(sizes), len(labels))
    belongs = csr_matrix((weight[rows].astype(np.float64), (labels[rows], rows)), shape=shape)
    return np.asarray(belongs @ values) / sizes[:, None]


def _round(value: float) -> float:
    return round(value, _DIGITS)
