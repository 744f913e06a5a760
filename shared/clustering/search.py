"""The search for a good clustering: explore, halve, breed, stop.

Generation 0 spreads configurations evenly over algorithms, spaces, dimensions and numbers of clusters (stratified as in
a Latin hypercube) and tries each on the smallest part of the sample. From then on every generation does two things: the
best third is tried again on the next larger part (successive halving: K. Jamieson and A. Talwalkar, 2016),
and new configurations are bred from the best (mutation, crossover, and a share of exploration in which an algorithm is
the likelier the better it has done).

Everything here is a pure function of the plan, the seed and the results sorted by number; it never looks at a clock, so
every coordinator decides the same, in whatever order and by whomever the batches were tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np

from shared.clustering.configurations import DENSITY, Room
from shared.events import ALGORITHMS, Algorithm, ClusteringOptions, Configuration, Evaluation
from shared.messages import derived_id

BETTER: Final = 0.001
"""A gain in score below this is no improvement."""
_BATCH_S: Final = 1.0
_BATCH_MOST: Final = 60
_KEEP: Final = 3
"""One in so many goes on to the next rung."""
_FINALISTS: Final = 3
_EXPLORE: Final = 0.2
_CROSS: Final = 0.25
_TRIES: Final = 40


@dataclass(frozen=True, slots=True)
class Plan:
    """What a search rests on, all of it known once the library is prepared."""

    options: ClusteringOptions
    seed: int
    tracks: int
    sampled: int
    algorithms: tuple[Algorithm, ...]

    @property
    def rungs(self) -> int:
        """How many parts of the sample there are; a search of few configurations tries each on the whole at once."""
        return len(rung_sizes(self.sampled)) if self.options.evaluations >= 2 * _generation_size(self.options) else 1

    @property
    def top(self) -> int:
        """The rung that is the whole sample."""
        return len(rung_sizes(self.sampled)) - 1

    @property
    def bottom(self) -> int:
        """The smallest rung in use."""
        return self.top - self.rungs + 1

    def entry(self, configuration: Configuration) -> int:
        """The rung where a new configuration starts."""
        return min(self.top, self.bottom + 1) if configuration.algorithm in DENSITY else self.bottom


@dataclass(frozen=True, slots=True)
class Trial:
    """One configuration to be tried on one rung."""

    number: int
    rung: int
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a trial, and in which generation."""

    generation: int
    evaluation: Evaluation

    @property
    def total(self) -> float | None:
        """Its score; None when there is none."""
        return self.evaluation.score.total if self.evaluation.score else None


def data_id(run_id: UUID) -> UUID:
    """The name under which the prepared data of a run is kept."""
    return derived_id(run_id, "data")


def rung_sizes(sampled: int) -> tuple[int, ...]:
    """Sizes of the nested parts of a sample, the last is the whole."""
    if sampled < 600:
        return (sampled,)
    if sampled < 2400:
        return (sampled // 3, sampled)
    return (sampled // 8, sampled // 3, sampled)


def suitable(options: ClusteringOptions, tracks: int) -> tuple[Algorithm, ...]:
    """The algorithms to search with: those asked for, else those that suit the size of the library."""
    if options.algorithms:
        return tuple(name for name in ALGORITHMS if name in options.algorithms)
    large = tracks >= 20_000
    return tuple(
        name for name in ALGORITHMS if (name != "minibatch_kmeans" or large) and (name != "kmeans" or not large)
    )


def planned_generation(options: ClusteringOptions) -> int:
    """How many configurations generation 0 has."""
    return min(options.evaluations, _generation_size(options))


def _generation_size(options: ClusteringOptions) -> int:
    return max(8, min(48, options.evaluations // 8))


def next_generation(plan: Plan, generation: int, issued: int, results: Sequence[Result]) -> tuple[Trial, ...]:
    """The trials of ``generation``, numbered from ``issued`` (how many were handed out before); empty: it is over.

    ``results`` may miss trials whose batch failed.
    """
    ranking = _Ranking(plan, results)
    left = plan.options.evaluations - issued
    reserve = min(_FINALISTS, plan.options.evaluations // 8) if plan.rungs > 1 else 0
    if left <= reserve or stale_generations(plan, results) >= plan.options.patience:
        return _numbered(issued, ranking.finalists()[: max(0, left)])
    size = min(left - reserve, _generation_size(plan.options))
    rng = np.random.default_rng([plan.seed, 2, generation])
    room = Room(plan.options, plan.tracks, rung_sizes(plan.sampled)[plan.bottom], plan.algorithms)
    promoted = ranking.promotions(size)
    if generation == 0 or not ranking.best_first:
        fresh = room.spread(rng, size, ranking.tried)
    else:
        fresh = _bred(rng, room, ranking, size - len(promoted))
    trials = _numbered(issued, [*promoted, *((plan.entry(configuration), configuration) for configuration in fresh)])
    return trials or _numbered(issued, ranking.finalists()[:left])


def winner(plan: Plan, results: Sequence[Result]) -> Evaluation | None:
    """The best configuration: by score among those tried on the whole sample, else by estimate. None: none worked."""
    scored = [result.evaluation for result in results if result.evaluation.score is not None]
    on_top = [one for one in scored if one.rung == plan.top]
    if on_top:
        return max(on_top, key=lambda one: (one.score.total if one.score else 0.0, -one.number))
    ranking = _Ranking(plan, results)
    best = ranking.best_first[0] if ranking.best_first else None
    return next((one for one in scored if one.configuration == best), None)


def fallback(plan: Plan) -> Configuration:
    """By rule, for when nothing worked: k-means on the embedding, with clusters of a playable size."""
    room = Room(plan.options, plan.tracks, plan.sampled, ("kmeans",))
    return room.by_rule()


def stale_generations(plan: Plan, results: Sequence[Result]) -> int:
    """How many generations in a row did not improve the best score on the whole sample."""
    best, stale, seen = -math.inf, 0, False
    last = max((result.generation for result in results), default=-1)
    for generation in range(last + 1):
        totals = [
            result.total
            for result in results
            if result.generation == generation and result.evaluation.rung == plan.top and result.total is not None
        ]
        top = max(totals, default=-math.inf)
        stale = 0 if top > best + BETTER else stale + seen
        seen = seen or bool(totals)
        best = max(best, top)
    if not seen and last >= plan.options.patience + plan.rungs:
        return plan.options.patience
    return stale


def batches(plan: Plan, trials: Sequence[Trial]) -> list[tuple[Trial, ...]]:
    """Trials in batches of about a second, each of one rung, with consecutive numbers."""
    made: list[tuple[Trial, ...]] = []
    batch: list[Trial] = []
    spent = 0.0
    for trial in trials:
        cost = seconds(trial.configuration, rung_sizes(plan.sampled)[trial.rung])
        other = bool(batch) and _kinship(batch[-1]) != _kinship(trial) and spent > _BATCH_S / 2
        full = spent + cost > _BATCH_S or len(batch) >= _BATCH_MOST
        if batch and (batch[-1].rung != trial.rung or full or other):
            made.append(tuple(batch))
            batch, spent = [], 0.0
        batch.append(trial)
        spent += cost
    return [*made, tuple(batch)] if batch else made


def seconds(configuration: Configuration, size: int) -> float:
    """About how long a trial takes on one core; only the sizes of batches rest on it."""
    thousands = size / 1000
    clusters = configuration.clusters or 20
    match configuration.algorithm:
        case "kmeans" | "minibatch_kmeans":
            return 0.01 + 0.0002 * thousands * clusters
        case "gmm":
            return 0.03 + 0.0005 * thousands * clusters
        case "spectral":
            return 0.03 + 0.1 * thousands**2
        case "dbscan":
            return 0.01 + 0.02 * thousands**2
        case "hdbscan":
            return 0.02 + 0.06 * thousands**2


def _kinship(trial: Trial) -> tuple[object, ...]:
    """Trials that share prepared work are put side by side."""
    one = trial.configuration
    return (one.algorithm, one.space, one.dimensions, one.neighbours or 0)


def _numbered(first: int, picks: Sequence[tuple[int, Configuration]]) -> tuple[Trial, ...]:
    drafts = [Trial(0, rung, configuration) for rung, configuration in picks]
    drafts.sort(key=lambda trial: (-trial.rung, *map(str, _kinship(trial)), trial.configuration.model_dump_json()))
    return tuple(Trial(first + at, trial.rung, trial.configuration) for at, trial in enumerate(drafts))


class _Ranking:
    """What the results say about configurations. Scores of different rungs are made comparable by the mean change that
    was seen in those that were tried on both."""

    def __init__(self, plan: Plan, results: Sequence[Result]) -> None:
        self._plan = plan
        self._totals: dict[Configuration, dict[int, float]] = {}
        self.tried: set[Configuration] = set()
        for result in sorted(results, key=lambda one: one.evaluation.number):
            self.tried.add(result.evaluation.configuration)
            if result.total is not None:
                self._totals.setdefault(result.evaluation.configuration, {})[result.evaluation.rung] = result.total
        self._shift = [self._mean_change(rung) for rung in range(plan.top + 1)]
        self.best_first = sorted(self._totals, key=lambda one: (-self.estimate(one), one.model_dump_json()))

    def _mean_change(self, rung: int) -> float:
        """From ``rung`` to the next, drawn towards 0 while it has been seen seldom."""
        changes = [
            totals[rung + 1] - totals[rung] for totals in self._totals.values() if rung in totals and rung + 1 in totals
        ]
        return sum(changes) / (len(changes) + 2)

    def estimate(self, configuration: Configuration) -> float:
        """What a configuration would score on the whole sample."""
        totals = self._totals[configuration]
        highest = max(totals)
        return totals[highest] + sum(self._shift[highest : self._plan.top])

    def promotions(self, size: int) -> list[tuple[int, Configuration]]:
        """Those of the best third that got as far as a rung, to the next one; at most half of ``size``."""
        picks: list[tuple[int, Configuration]] = []
        best = self.best_first[: math.ceil(len(self.best_first) / _KEEP)]
        for rung in range(self._plan.top - 1, self._plan.bottom - 1, -1):
            ready = [one for one in best if max(self._totals[one]) == rung]
            most = size // (6 if rung + 1 == self._plan.top else 3)
            picks += [(rung + 1, one) for one in ready[: max(1, most)]]
        return picks[:size]

    def finalists(self) -> list[tuple[int, Configuration]]:
        """Those of the very best that were not tried on the whole sample yet."""
        top = self._plan.top
        return [(top, one) for one in self.best_first[:_FINALISTS] if top not in self._totals[one]]

    def elite(self) -> list[Configuration]:
        """Who is bred from: the best sixth, of which one algorithm has no more than half, so that a good start of one
        does not end the search for the others."""
        size = max(6, len(self.best_first) // 6)
        places = dict.fromkeys(self._plan.algorithms, size // 2 if len(self._plan.algorithms) > 1 else size)
        chosen: list[Configuration] = []
        for one in self.best_first:
            if places.get(one.algorithm, 0) and len(chosen) < size:
                places[one.algorithm] -= 1
                chosen.append(one)
        return chosen

    def chances(self) -> dict[Algorithm, float]:
        """How likely exploration takes an algorithm: by the best that it has done, and never less than a little."""
        best = dict.fromkeys(self._plan.algorithms, 0.0)
        for one in self.best_first:
            if one.algorithm in best:
                best[one.algorithm] = max(best[one.algorithm], self.estimate(one))
        highest = max(best.values(), default=0.0)
        weights = {name: 0.1 + math.exp(-(highest - value) / 0.05) for name, value in best.items()}
        return {name: weight / sum(weights.values()) for name, weight in weights.items()}


def _bred(rng: np.random.Generator, room: Room, ranking: _Ranking, size: int) -> list[Configuration]:
    """Up to ``size`` configurations that nobody has tried; fewer when there are no more."""
    elite = ranking.elite()
    chances = ranking.chances()
    taken = set(ranking.tried)
    fresh: list[Configuration] = []
    for _ in range(_TRIES * max(0, size)):
        if len(fresh) >= size:
            break
        child = _child(rng, room, elite, chances)
        if child not in taken:
            taken.add(child)
            fresh.append(child)
    return fresh


def _child(
    rng: np.random.Generator, room: Room, elite: Sequence[Configuration], chances: dict[Algorithm, float]
) -> Configuration:
    draw = float(rng.random())
    if draw < _EXPLORE:
        return room.anywhere(rng, str(rng.choice(list(chances), p=list(chances.values()))))
    parent = elite[_by_rank(rng, len(elite))]
    if draw < _EXPLORE + _CROSS:
        return room.crossed(rng, parent, elite[_by_rank(rng, len(elite))])
    return room.mutated(rng, parent)


def _by_rank(rng: np.random.Generator, count: int) -> int:
    """A place in a ranking; the first is drawn most often."""
    return min(int(count * rng.random() ** 2), count - 1)
