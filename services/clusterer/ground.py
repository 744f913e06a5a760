"""The points that configurations are fitted on, with the work that many of them share.

Everything shared is a function of the points alone, never of what was tried before: whoever computes it gets the same.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import LinearOperator, eigsh
from sklearn.cluster import HDBSCAN, KMeans, kmeans_plusplus
from sklearn.neighbors import NearestNeighbors

from services.clusterer.library import FloatArray

IntArray = npt.NDArray[np.int64]
MOST_NEIGHBOURS = 20
_SLICE = 4096
_DENSE_GRAPH = 200
_TREE_DIMENSIONS = 32
"""With more, a tree of the points is slower than all distances."""


class Ground:
    """``points`` [m, d] of one rung in one space, ``most`` clusters at most. ``smaller`` is the same of the smallest
    rung: its prefix, where starting points are searched for. ``share`` is how much of the sample it is."""

    def __init__(self, points: FloatArray, most: int, smaller: Ground | None = None, share: float = 1.0) -> None:
        self.points = points
        self.share = share
        self.most = min(most, len(points))
        self.smaller = smaller
        self._seedings: dict[int, FloatArray] = {}
        self._spectra: dict[int, FloatArray] = {}
        self._dense: dict[tuple[int, int], IntArray] = {}

    def __len__(self) -> int:
        return len(self.points)

    def start(self, clusters: int, seed: int) -> FloatArray:
        """Starting centres [clusters, d]: those that k-means finds on the smallest rung, else the first ones of one
        k-means++ sequence that all numbers of clusters share."""
        clusters = min(clusters, len(self))
        if self.smaller is not None and clusters <= len(self.smaller):
            below = self.smaller
            return np.asarray(lloyd(below.points, below.start(clusters, seed)).cluster_centers_, np.float32)
        if seed not in self._seedings:
            self._seedings[seed] = seeding(self.points, self.most, seed)
        return self._seedings[seed][:clusters]

    @cached_property
    def _neighbours(self) -> tuple[FloatArray, IntArray]:
        """(distances, indices), each [m, up to 20], nearest first, without the point itself."""
        count = min(MOST_NEIGHBOURS, len(self) - 1)
        found = NearestNeighbors(n_neighbors=count, algorithm="auto").fit(self.points).kneighbors()
        return found[0].astype(np.float32), found[1].astype(np.int64)

    def reach(self, neighbours: int, quantile: float) -> float:
        """A quantile of the distances to the ``neighbours``-th neighbour."""
        distances = self._neighbours[0]
        column = distances[:, min(neighbours, distances.shape[1]) - 1]
        return float(np.quantile(column, quantile))

    def dense(self, smallest: int, neighbours: int) -> IntArray:
        """Labels of HDBSCAN [m], -1 between the clusters."""
        if (smallest, neighbours) not in self._dense:
            model = HDBSCAN(
                min_cluster_size=smallest,
                min_samples=neighbours,
                algorithm="kd_tree" if self.points.shape[1] <= _TREE_DIMENSIONS else "brute",
                copy=True,
            )
            self._dense[smallest, neighbours] = model.fit(self.points).labels_.astype(np.int64)
        return self._dense[smallest, neighbours]

    def spectrum(self, neighbours: int) -> FloatArray:
        """[m, most]: the first eigenvectors of the graph of ``neighbours`` nearest neighbours (normalised Laplacian; A.
        Ng, M. Jordan and Y. Weiss, "On spectral clustering", 2001). For k clusters one takes the first k columns."""
        if neighbours not in self._spectra:
            self._spectra[neighbours] = self._eigenvectors(neighbours)
        return self._spectra[neighbours]

    def _eigenvectors(self, neighbours: int) -> FloatArray:
        size = len(self)
        indices = self._neighbours[1][:, :neighbours]
        rows = np.repeat(np.arange(size), indices.shape[1])
        directed = csr_matrix((np.ones(rows.size), (rows, indices.ravel())), shape=(size, size))
        graph = (directed + directed.T) * 0.5
        return leading_eigenvectors(graph, min(self.most, size - 1))


def leading_eigenvectors(graph: csr_matrix, wanted: int) -> FloatArray:
    """[m, wanted]: of the normalised adjacency, the largest eigenvalues first. Those of the graph's connected parts are
    known beforehand and share the eigenvalue 1, of which Lanczos finds but one vector; so they are taken out first."""
    size = graph.shape[0]
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-9)
    scale = diags(1 / np.sqrt(degree))
    matrix = scale @ graph @ scale
    parts, part_of = connected_components(graph, directed=False)
    known = np.zeros((size, parts))
    known[np.arange(size), part_of] = np.sqrt(degree)
    known = known[:, np.argsort(-np.bincount(part_of), kind="stable")[:wanted]]
    known /= np.linalg.norm(known, axis=0)
    more = wanted - known.shape[1]
    if more <= 0:
        return np.asarray(known, np.float32)
    if size < _DENSE_GRAPH or more >= size // 2:
        found = np.linalg.eigh(matrix.toarray() - 2 * known @ known.T)[1][:, ::-1][:, :more]
    else:
        rest = LinearOperator((size, size), matvec=lambda x: matrix @ x - 2 * known @ (known.T @ x), dtype=np.float64)
        start = np.random.default_rng(size).normal(size=size)
        values, vectors = eigsh(rest, k=more, which="LA", v0=start, tol=1e-3)
        found = vectors[:, np.argsort(-values, kind="stable")]
    return np.asarray(np.hstack([known, found]), np.float32)


def seeding(points: FloatArray, clusters: int, seed: int) -> FloatArray:
    """A k-means++ sequence of centres: every beginning of it is a good start for that many clusters."""
    centres, _ = kmeans_plusplus(points, min(clusters, len(points)), random_state=seed, n_local_trials=4)
    return np.asarray(centres, np.float32)


def lloyd(points: FloatArray, centres: FloatArray) -> KMeans:
    """k-means from given centres."""
    return KMeans(len(centres), init=centres, n_init=1, max_iter=50, tol=1e-3, algorithm="lloyd").fit(points)


def nearest(points: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """([n] index of the nearest of ``centres``, [n] squared distance to it), in slices."""
    places = np.empty(len(points), np.int64)
    squared = np.empty(len(points), np.float32)
    squares = np.einsum("ij,ij->i", centres, centres)
    for begin in range(0, len(points), _SLICE):
        part = points[begin : begin + _SLICE]
        table = squares - 2 * (part @ centres.T)
        at = table.argmin(axis=1)
        places[begin : begin + _SLICE] = at
        squared[begin : begin + _SLICE] = table[np.arange(len(part)), at] + np.einsum("ij,ij->i", part, part)
    return places, np.maximum(squared, 0)
