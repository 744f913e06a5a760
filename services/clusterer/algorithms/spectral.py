"""Spectral clustering on the graph of nearest neighbours; the eigenvectors are shared by every number of clusters."""

from __future__ import annotations

import numpy as np

from services.clusterer.algorithms.fitted import Fitted, by_neighbour
from services.clusterer.ground import Ground, lloyd, seeding
from shared.events import Configuration

_STARTS = 3
"""Clusters of the graph lie at corners, where k-means easily puts two centres on one; the best of a few is taken."""


def spectral(ground: Ground, configuration: Configuration) -> Fitted:
    """k-means on the rows of the first k eigenvectors, scaled to length 1. A track of the library belongs to the
    cluster of its nearest track of the sample."""
    vectors = ground.spectrum(configuration.neighbours or 12)
    clusters = min(configuration.clusters or 2, vectors.shape[1])
    rows = np.ascontiguousarray(vectors[:, :clusters])
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    starts = (seeding(rows, clusters, _STARTS * configuration.seed + start) for start in range(_STARTS))
    best = min((lloyd(rows, centres) for centres in starts), key=lambda model: float(model.inertia_))
    labels = best.labels_.astype(np.int64)
    return Fitted(labels, by_neighbour(ground.points, labels))
