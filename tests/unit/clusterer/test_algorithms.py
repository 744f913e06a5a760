"""Six ways to cluster: each finds groups that are there, labels tracks it never saw, and survives bad input."""

from __future__ import annotations

import numpy as np
import pytest

from services.clusterer.algorithms import NothingFound, fit
from services.clusterer.ground import Ground
from services.clusterer.library import FloatArray
from shared.events import ALGORITHMS, Algorithm, Configuration

MORE: dict[str, dict[str, object]] = {
    "kmeans": {"clusters": 4},
    "minibatch_kmeans": {"clusters": 4},
    "gmm": {"clusters": 4, "covariance": "diag"},
    "spectral": {"clusters": 4, "neighbours": 8},
    "dbscan": {"neighbours": 4, "reach": 0.9},
    "hdbscan": {"neighbours": 3, "smallest": 10, "reach": 0.9},
}


def _configuration(algorithm: Algorithm, **fields: object) -> Configuration:
    made = {"algorithm": algorithm, "space": "embedding", "dimensions": 0, "seed": 0, **MORE[algorithm], **fields}
    return Configuration.model_validate(made)


def _four_groups(each: int = 50, seed: int = 1) -> tuple[FloatArray, np.ndarray]:
    truth = np.repeat(np.arange(4), each)
    noise = np.random.default_rng(seed).normal(size=(len(truth), 6))
    return (2 * np.eye(4, 6)[truth] + 0.2 * noise).astype(np.float32), truth


def _agree(labels: np.ndarray, truth: np.ndarray) -> float:
    """Share of pairs of tracks on which two clusterings say the same, together or apart."""
    return float(((labels[:, None] == labels) == (truth[:, None] == truth)).mean())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_finds_the_groups_and_knows_where_others_belong(algorithm: Algorithm) -> None:
    points, truth = _four_groups()
    others, others_truth = _four_groups(seed=2)
    fitted = fit(Ground(points, 10), _configuration(algorithm))
    assert _agree(fitted.labels, truth) > 0.85
    assert _agree(fitted.assign(others), others_truth) > 0.85


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_twice_is_the_same(algorithm: Algorithm) -> None:
    points, _ = _four_groups()
    first, second = (fit(Ground(points, 10), _configuration(algorithm)).labels for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_was_tried_before_changes_nothing(algorithm: Algorithm) -> None:
    points, _ = _four_groups()
    used = Ground(points, 10)
    for other in ALGORITHMS:
        fit(used, _configuration(other, seed=1))
    fresh = fit(Ground(points, 10), _configuration(algorithm)).labels
    assert np.array_equal(fit(used, _configuration(algorithm)).labels, fresh)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("rows", [3, 40])
def test_tracks_that_are_all_the_same_are_no_crash(algorithm: Algorithm, rows: int) -> None:
    ground = Ground(np.ones((rows, 5), np.float32), 60)
    try:
        labels = fit(ground, _configuration(algorithm)).labels
    except NothingFound as error:
        assert algorithm in str(error)
    else:
        assert labels.shape == (rows,)


@pytest.mark.parametrize("algorithm", ["kmeans", "minibatch_kmeans", "gmm", "spectral"])
def test_more_clusters_than_tracks_are_as_many_as_can_be(algorithm: Algorithm) -> None:
    points, _ = _four_groups(each=3)
    labels = fit(Ground(points, 400), _configuration(algorithm, clusters=400)).labels
    assert 2 <= len(np.unique(labels)) <= 12


def test_density_that_finds_nothing_says_so() -> None:
    points = np.random.default_rng(1).normal(size=(60, 40)).astype(np.float32)
    with pytest.raises(NothingFound, match="hdbscan found no cluster"):
        fit(Ground(points, 10), _configuration("hdbscan", smallest=29))


def test_a_track_out_of_reach_belongs_to_no_dense_cluster() -> None:
    points, _ = _four_groups()
    fitted = fit(Ground(points, 10), _configuration("dbscan"))
    assert fitted.assign(np.full((1, 6), 50, np.float32)).tolist() == [-1]


def test_a_larger_part_of_the_sample_starts_where_the_smaller_one_ended() -> None:
    points, truth = _four_groups(each=200)
    order = np.random.default_rng(1).permutation(len(points))
    small = Ground(points[order][:100], 10)
    large = Ground(points[order], 10, small)
    assert np.array_equal(large.start(4, 0), Ground(points[order], 10, Ground(points[order][:100], 10)).start(4, 0))
    assert _agree(fit(large, _configuration("kmeans")).labels, truth[order]) > 0.95
