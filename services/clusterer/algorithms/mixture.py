"""A mixture of Gaussians, fitted by expectation maximisation from where k-means ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.mixture import GaussianMixture

from services.clusterer.algorithms.fitted import Fitted
from services.clusterer.ground import Ground, IntArray, lloyd
from services.clusterer.library import FloatArray
from shared.events import Configuration

_FLOOR = 1e-3
"""Added to every variance; the spaces have a mean squared norm of 1."""


def gmm(ground: Ground, configuration: Configuration) -> Fitted:
    """A track belongs to the component that most likely made it."""
    start = lloyd(ground.points, ground.start(configuration.clusters or 2, configuration.seed))
    kind = configuration.covariance or "diag"
    shares = np.bincount(start.labels_, minlength=len(start.cluster_centers_)).astype(np.float64) + 1
    model = GaussianMixture(
        len(start.cluster_centers_),
        covariance_type=kind,
        means_init=start.cluster_centers_.astype(np.float64),
        weights_init=shares / shares.sum(),
        precisions_init=_precisions(ground.points, start.labels_, start.cluster_centers_, kind),
        init_params="random_from_data",
        max_iter=25,
        tol=1e-2,
        reg_covar=_FLOOR,
        random_state=configuration.seed,
    ).fit(ground.points)

    def assign(points: FloatArray) -> IntArray:
        return np.asarray(model.predict(points), np.int64)

    return Fitted(assign(ground.points), assign)


def _precisions(points: FloatArray, labels: IntArray, centres: FloatArray, kind: str) -> npt.NDArray[np.float64]:
    """Inverse (co)variances of the clusters of k-means, in the shape of ``kind``."""
    apart = (points - centres[labels]).astype(np.float64)
    if kind == "tied":
        return np.asarray(np.linalg.inv(apart.T @ apart / len(apart) + _FLOOR * np.eye(apart.shape[1])), np.float64)
    squares = np.zeros(centres.shape)
    np.add.at(squares, labels, apart**2)
    counts = np.bincount(labels, minlength=len(centres))[:, None]
    overall = (apart**2).mean(axis=0)
    variances = (squares + 2 * overall) / (counts + 2) + _FLOOR
    return np.asarray(1 / (variances if kind == "diag" else variances.mean(axis=1)), np.float64)
