"""Configurations tried on prepared data, one after the other, with everything shared that can be."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence

import numpy as np

from services.clusterer.algorithms import Fitted, NothingFound, fit
from services.clusterer.dataset import SILHOUETTE_SAMPLE, Points, Prepared, rungs
from services.clusterer.ground import Ground, IntArray
from services.clusterer.library import FloatArray
from services.clusterer.score import Yardstick
from shared.events import ClusteringOptions, Configuration, Evaluation, Score

_GROUNDS = 24
"""So many grounds are kept at a time; the one used longest ago goes first."""


class Bench:
    """The workbench of one run: the sample's rungs, and the grounds and yardsticks made of them so far."""

    def __init__(self, sample: Points, options: ClusteringOptions) -> None:
        self._options = options
        self._rungs = rungs(sample)
        self._yardsticks = [Yardstick(part, options) for part in self._rungs]
        self._grounds: OrderedDict[tuple[int, str, int], Ground] = OrderedDict()

    def ground(self, configuration: Configuration, rung: int) -> Ground:
        """The ground of a configuration on a rung."""
        key = (rung, configuration.space, configuration.dimensions)
        if key not in self._grounds:
            smaller = self.ground(configuration, 0) if rung else None
            points = self._rungs[rung].space(configuration.space, configuration.dimensions)
            share = len(points) / len(self._rungs[-1])
            self._grounds[key] = Ground(points, self._options.clusters_max, smaller, share)
        self._grounds.move_to_end(key)
        while len(self._grounds) > _GROUNDS:
            self._grounds.popitem(last=False)
        return self._grounds[key]

    def evaluate(self, number: int, rung: int, configuration: Configuration) -> Evaluation:
        """Try one configuration; one that fails says why in ``problem``."""
        started = time.perf_counter()
        score: Score | None = None
        problem: str | None = None
        try:
            fitted = fit(self.ground(configuration, rung), configuration)
            score = self._yardsticks[rung].measure(fitted.labels)
        except NothingFound as error:
            problem = str(error)
        return Evaluation(
            number=number,
            rung=rung,
            configuration=configuration,
            score=score,
            problem=problem,
            seconds=round(time.perf_counter() - started, 4),
        )

    def evaluate_all(
        self, first_number: int, rung: int, configurations: Sequence[Configuration]
    ) -> Iterator[Evaluation]:
        """Try one after the other, numbered from ``first_number``."""
        for number, configuration in enumerate(configurations, first_number):
            yield self.evaluate(number, rung, configuration)

    def fit_whole(self, configuration: Configuration) -> Fitted:
        """Fit on the whole sample. Raises ``NothingFound``."""
        return fit(self.ground(configuration, len(self._rungs) - 1), configuration)


def assign_whole(
    prepared: Prepared, tags: FloatArray, options: ClusteringOptions, configuration: Configuration
) -> tuple[IntArray, Score]:
    """(labels [n], score) of all tracks by one configuration that was fitted on the sample; ``tags`` [n, 100].

    Raises ``NothingFound``.
    """
    fitted = Bench(prepared.sample, options).fit_whole(configuration)
    whole = prepared.whole(tags)
    labels = fitted.assign(whole.space(configuration.space, configuration.dimensions))
    if not (labels >= 0).any():
        raise NothingFound(f"{configuration.algorithm} assigned no track")
    return labels, Yardstick(whole, options, np.sort(prepared.rows[:SILHOUETTE_SAMPLE])).measure(labels)
