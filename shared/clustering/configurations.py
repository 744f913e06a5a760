"""The room of possible configurations of one library, and how to move in it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from shared.events import Algorithm, ClusteringOptions, ClusterSpace, Configuration

DIMENSIONS: Final[dict[ClusterSpace, tuple[int, ...]]] = {
    "embedding": (4, 6, 8, 12, 16, 24, 32, 48, 64),
    "features": (6, 8, 10, 13, 16, 0),
}
NEIGHBOURS: Final[dict[str, tuple[int, ...]]] = {
    "dbscan": (3, 4, 6, 9, 13),
    "hdbscan": (1, 2, 3, 5, 8),
    "spectral": (8, 12, 18),
}
COVARIANCES: Final[tuple[Literal["diag", "tied", "spherical"], ...]] = ("diag", "tied", "spherical")
SEEDS: Final = 4
"""Starting points that are told apart. Few, so that configurations share the work of finding them."""
DENSITY: Final = ("dbscan", "hdbscan")
"""They see little in a small part of the sample, where nothing is dense."""
_MUTABLE: Final = {
    "clusters": 3.0, "reach": 2.0, "smallest": 2.0, "dimensions": 2.0, "neighbours": 1.0, "covariance": 1.0,
    "seed": 0.7, "space": 0.3,
}  # fmt: skip
"""What a mutation may change, and how readily."""
_CHANGES: Final = (0.6, 0.3, 0.1)
"""Chances that it changes one, two or three of them."""
_COUNTED: Final = ("kmeans", "minibatch_kmeans", "gmm", "spectral")


@dataclass(frozen=True, slots=True)
class Room:
    """Configurations for a library of ``tracks``, tried on at least ``sampled`` of them."""

    options: ClusteringOptions
    tracks: int
    sampled: int
    algorithms: tuple[Algorithm, ...]

    @property
    def clusters(self) -> tuple[int, int]:
        """Fewest and most clusters: as asked for, but never more than half the sample, nor so many that most would be
        too small to play."""
        low = max(2, min(self.options.clusters_min, self.sampled // 2))
        playable = math.ceil(1.5 * self.tracks / self.options.tracks_min)
        return low, max(low, min(self.options.clusters_max, self.sampled // 2, playable))

    def by_rule(self) -> Configuration:
        """k-means with clusters of a middling playable size."""
        low, high = self.clusters
        middling = math.sqrt(self.options.tracks_min * self.options.tracks_max)
        clusters = min(high, max(low, round(self.tracks / middling)))
        return Configuration(algorithm="kmeans", space="embedding", dimensions=16, clusters=clusters, seed=0)

    def spread(self, rng: np.random.Generator, size: int, taken: Collection[Configuration]) -> list[Configuration]:
        """``size`` configurations, an equal share for each algorithm, each share spread evenly over all else."""
        shares = [size // len(self.algorithms)] * len(self.algorithms)
        for at in range(size % len(self.algorithms)):
            shares[at] += 1
        found: dict[Configuration, None] = {}
        if "kmeans" in self.algorithms and "embedding" in self.options.spaces:
            found[self.by_rule()] = None
        for algorithm, share in zip(self.algorithms, shares, strict=True):
            axes = [(rng.permutation(share) + rng.random(share)) / max(share, 1) for _ in range(6)]
            for point in zip(*axes, strict=True):
                found[self._at(algorithm, [float(value) for value in point])] = None
        return [one for one in found if one not in taken][:size]

    def anywhere(self, rng: np.random.Generator, algorithm: str) -> Configuration:
        """A configuration of ``algorithm``, all equally likely."""
        return self._at(algorithm, [float(value) for value in rng.random(6)])

    def _at(self, algorithm: str, point: Sequence[float]) -> Configuration:
        """The configuration at a point of the unit cube."""
        space = _pick(self.options.spaces or ("embedding",), point[0])
        low, high = self.clusters
        made: dict[str, Any] = {
            "algorithm": algorithm,
            "space": space,
            "dimensions": _pick(DIMENSIONS[space], point[1]),
            "seed": 0,
        }
        if algorithm in _COUNTED:
            made["clusters"] = round(low * (high / low) ** point[2])
        if algorithm in NEIGHBOURS:
            made["neighbours"] = _pick(NEIGHBOURS[algorithm], point[3])
        if algorithm == "gmm":
            made["covariance"] = _pick(COVARIANCES, point[3])
        if algorithm in DENSITY:
            made["reach"] = round(0.05 + 0.9 * point[4], 2)
        if algorithm == "hdbscan":
            made["smallest"] = self._smallest(2 ** (1.5 + 3.5 * point[2]))
        if algorithm in _COUNTED:
            made["seed"] = min(int(point[5] * SEEDS), SEEDS - 1)
        return Configuration(**made)

    def _smallest(self, wish: float) -> int:
        return max(2, min(round(wish), self.sampled // 4))

    def mutated(self, rng: np.random.Generator, parent: Configuration) -> Configuration:
        """A neighbour of ``parent``: one to three of its properties changed a little; now and then its algorithm."""
        if len(self.algorithms) > 1 and rng.random() < 0.12:
            other = [name for name in self.algorithms if name != parent.algorithm]
            return self.crossed(rng, self.anywhere(rng, str(rng.choice(other))), parent)
        change = parent.model_dump(exclude_none=True)
        chances = {name: weight for name, weight in _MUTABLE.items() if name in change}
        odds = np.array(list(chances.values())) / sum(chances.values())
        count = min(len(chances), 1 + int(rng.choice(3, p=_CHANGES)))
        for name in rng.choice(list(chances), size=count, replace=False, p=odds):
            self._change(rng, change, str(name))
        return Configuration(**change)

    def _change(self, rng: np.random.Generator, change: dict[str, Any], name: str) -> None:
        low, high = self.clusters
        match name:
            case "clusters":
                factor = math.exp(rng.normal(0, 0.18))
                step = round(change[name] * factor) - change[name] or int(rng.choice([-1, 1]))
                change[name] = min(high, max(low, change[name] + step))
            case "dimensions":
                change[name] = _step(rng, DIMENSIONS[change["space"]], change[name])
            case "space":
                self._move(rng, change)
            case "neighbours":
                change[name] = _step(rng, NEIGHBOURS[change["algorithm"]], change[name])
            case "reach":
                change[name] = round(min(0.98, max(0.02, change[name] + rng.normal(0, 0.08))), 2)
            case "smallest":
                change[name] = self._smallest(change[name] * math.exp(rng.normal(0, 0.3)))
            case "covariance":
                change[name] = str(rng.choice(COVARIANCES))
            case "seed" if change["algorithm"] in _COUNTED:
                change[name] = int(rng.integers(SEEDS))

    def _move(self, rng: np.random.Generator, change: dict[str, Any]) -> None:
        """To another space; its dimensions are others."""
        others = [space for space in self.options.spaces if space != change["space"]]
        if others:
            change["space"] = str(rng.choice(others))
            change["dimensions"] = int(rng.choice(DIMENSIONS[change["space"]]))

    def crossed(self, rng: np.random.Generator, one: Configuration, other: Configuration) -> Configuration:
        """The algorithm of ``one``; each property that both have comes from either, space and dimensions together."""
        mixed = one.model_dump(exclude_none=True)
        given = other.model_dump(exclude_none=True)
        if rng.random() < 0.5:
            mixed |= {"space": given["space"], "dimensions": given["dimensions"]}
        for name in ("clusters", "reach", "smallest", "seed", "covariance"):
            if name in mixed and name in given and rng.random() < 0.5:
                mixed[name] = given[name]
        return Configuration(**mixed)


def _pick(choices: Sequence[Any], at: float) -> Any:
    return choices[min(int(at * len(choices)), len(choices) - 1)]


def _step(rng: np.random.Generator, ladder: Sequence[int], value: int) -> int:
    """One rung up or down a ladder; a value that is not on it starts anywhere."""
    if value not in ladder:
        return int(rng.choice(ladder))
    place = ladder.index(value) + int(rng.choice([-1, 1]))
    return ladder[min(len(ladder) - 1, max(0, place))]
