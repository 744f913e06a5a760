"""Clusters as dense places: DBSCAN (M. Ester et al., 1996) and HDBSCAN (R. Campello et al., 2013)."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import DBSCAN

from services.clusterer.algorithms.fitted import Fitted, by_neighbour
from services.clusterer.ground import Ground
from shared.events import Configuration

_REACH = 0.5


def dbscan(ground: Ground, configuration: Configuration) -> Fitted:
    """eps is a quantile of the distances between neighbours, so that it means the same in every space. A track of the
    library belongs to the cluster of the nearest core track within eps."""
    least = configuration.neighbours or 4
    eps = max(ground.reach(least, configuration.reach or _REACH), 1e-6)
    model = DBSCAN(eps=eps, min_samples=least).fit(ground.points)
    labels = model.labels_.astype(np.int64)
    cores = np.full(len(labels), -1, np.int64)
    cores[model.core_sample_indices_] = labels[model.core_sample_indices_]
    return Fitted(labels, by_neighbour(ground.points, cores, eps))


def hdbscan(ground: Ground, configuration: Configuration) -> Fitted:
    """The smallest cluster is meant on the whole sample, and scaled down with a part of it. A track between the
    clusters joins the nearest one within a reach, a quantile of the distances between neighbours as in ``dbscan``."""
    least = configuration.neighbours or 3
    labels = ground.dense(max(2, round((configuration.smallest or 5) * ground.share)), min(least, len(ground) - 1))
    assign = by_neighbour(ground.points, labels, ground.reach(least, configuration.reach or _REACH))
    return Fitted(assign(ground.points), assign)
