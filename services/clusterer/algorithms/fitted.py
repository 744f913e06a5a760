"""What a fit gives: labels of the points it saw, and the way to label any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.clusterer.ground import IntArray, nearest
from services.clusterer.library import FloatArray


class NothingFound(Exception):
    """A configuration gives no clusters; ``str()`` says why, for the listener."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """``labels`` [m] of the points that were fitted, -1 in no cluster; ``assign`` labels any points [n, d] -> [n]."""

    labels: IntArray
    assign: Callable[[FloatArray], IntArray]


def by_neighbour(points: FloatArray, labels: IntArray, reach: float = np.inf) -> Callable[[FloatArray], IntArray]:
    """A rule: the label of the nearest of the labelled ``points``, -1 when that is farther than ``reach``."""
    known = np.flatnonzero(labels >= 0)
    if not known.size:
        return lambda others: np.full(len(others), -1, np.int64)

    def assign(others: FloatArray) -> IntArray:
        places, squared = nearest(others, points[known])
        found = labels[known][places]
        return np.where(squared <= reach**2 + 1e-6, found, -1).astype(np.int64)

    return assign
