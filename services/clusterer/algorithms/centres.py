"""k-means, and its mini-batch variant for large libraries (D. Sculley, "Web-scale k-means clustering", 2010)."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from services.clusterer.algorithms.fitted import Fitted
from services.clusterer.ground import Ground, IntArray, lloyd, nearest
from services.clusterer.library import FloatArray
from shared.events import Configuration


def kmeans(ground: Ground, configuration: Configuration) -> Fitted:
    """Lloyd's algorithm from shared starting centres; a track belongs to the nearest centre."""
    model = lloyd(ground.points, ground.start(configuration.clusters or 2, configuration.seed))
    return _by_centre(model.labels_, model.cluster_centers_)


def minibatch_kmeans(ground: Ground, configuration: Configuration) -> Fitted:
    """The same on random parts of 1,024 tracks at a time."""
    start = ground.start(configuration.clusters or 2, configuration.seed)
    model = MiniBatchKMeans(
        len(start), init=start, n_init=1, batch_size=1024, max_iter=20, random_state=configuration.seed
    ).fit(ground.points)
    return _by_centre(model.labels_, model.cluster_centers_)


def _by_centre(labels: IntArray, centres: FloatArray) -> Fitted:
    def assign(points: FloatArray) -> IntArray:
        return nearest(points, centres)[0]

    return Fitted(labels.astype(np.int64), assign)
