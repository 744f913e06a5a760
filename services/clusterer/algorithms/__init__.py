"""The ways to cluster. Each takes the ground and a configuration, and gives labels and a rule for all other tracks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from services.clusterer.algorithms import centres, density, mixture, spectral
from services.clusterer.algorithms.fitted import Fitted, NothingFound
from services.clusterer.ground import Ground
from shared.events import Algorithm, Configuration

__all__ = ["ALGORITHMS", "Fitted", "NothingFound", "fit"]

ALGORITHMS: Mapping[Algorithm, Callable[[Ground, Configuration], Fitted]] = {
    "kmeans": centres.kmeans,
    "minibatch_kmeans": centres.minibatch_kmeans,
    "dbscan": density.dbscan,
    "hdbscan": density.hdbscan,
    "gmm": mixture.gmm,
    "spectral": spectral.spectral,
}


def fit(ground: Ground, configuration: Configuration) -> Fitted:
    """Cluster the points of ``ground``. Raises ``NothingFound`` when no cluster comes out, or the numbers fail.

    That a fit stopped before it settled, or found fewer clusters than asked for, is no warning: the score tells.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            fitted = ALGORITHMS[configuration.algorithm](ground, configuration)
        except (ValueError, np.linalg.LinAlgError, ArithmeticError) as error:
            raise NothingFound(f"{configuration.algorithm} could not be computed: {error}"[:200]) from error
    if not (fitted.labels >= 0).any():
        raise NothingFound(f"{configuration.algorithm} found no cluster: every track lies too far from the others")
    return fitted
