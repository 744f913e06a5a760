"""The score, part by part, on clusterings whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from services.clusterer.dataset import Points
from services.clusterer.score import Yardstick, distances, playable, silhouette
from shared.events import ClusteringOptions, ScoreWeights

OPTIONS = ClusteringOptions(clusters_min=2, tracks_min=10, tracks_max=40)


def _points(groups: int = 3, each: int = 20, apart: float = 1.0) -> tuple[Points, np.ndarray]:
    """Groups around corners, and a tag that each group has for itself."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(groups), each)
    places = apart * np.eye(groups)[labels] + 0.05 * rng.normal(size=(groups * each, groups))
    tags = np.zeros((len(labels), 100), np.float32)
    for tag in range(3):
        tags[np.arange(len(labels)), 3 * labels + tag] = 2.0
    points = places.astype(np.float32)
    return Points(points, points, tags - tags.mean(axis=0), np.ones(len(labels), np.float32)), labels


def test_the_right_groups_score_better_than_shuffled_ones_in_every_part_that_hears() -> None:
    points, labels = _points()
    right = Yardstick(points, OPTIONS).measure(labels)
    wrong = Yardstick(points, OPTIONS).measure(np.random.default_rng(1).permutation(labels))
    assert (right.separation, right.coverage, right.sizes) == (1.0, 1.0, 1.0)
    assert right.purity > 0.5 > wrong.purity
    assert right.diversity > 0.9 > wrong.diversity
    assert right.total > wrong.total + 0.5


def test_the_silhouette_is_that_of_scikit_learn() -> None:
    points, labels = _points(apart=0.1)
    ours = silhouette(distances(points.ear), labels)
    assert ours == pytest.approx(silhouette_score(points.ear, labels), abs=1e-4)


def test_a_track_in_no_cluster_wins_nothing() -> None:
    points, labels = _points()
    some = labels.copy()
    some[::2] = -1
    whole, half = (Yardstick(points, OPTIONS).measure(these) for these in (labels, some))
    assert (half.coverage, half.unassigned) == (0.5, 0.5)
    assert half.silhouette == pytest.approx(whole.silhouette / 2, abs=0.02)
    assert half.total < whole.total


def test_numbers_of_clusters_have_no_meaning_of_their_own() -> None:
    points, labels = _points()
    assert Yardstick(points, OPTIONS).measure(labels * 7 + 3) == Yardstick(points, OPTIONS).measure(labels)


def test_one_cluster_separates_nothing() -> None:
    points, labels = _points()
    score = Yardstick(points, OPTIONS).measure(np.zeros_like(labels))
    assert (score.separation, score.diversity, score.clusters, score.coverage) == (0.0, 0.0, 1, 1.0)


def test_no_cluster_scores_nothing() -> None:
    points, labels = _points()
    assert Yardstick(points, OPTIONS).measure(np.full_like(labels, -1)).total == 0.0


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([20, 40], 1.0), ([5, 5], 0.5), ([160, 160], 1 / 1.5), ([2, 2], 0.2), ([20.0] * 120, 0.5)],
    ids=["playable", "too small", "large ones can be split", "far too small", "twice as many as asked for"],
)
def test_sizes(sizes: list[float], expected: float) -> None:
    assert playable(np.array(sizes, np.float64), OPTIONS) == pytest.approx(expected)


def test_a_track_of_the_sample_counts_as_many_as_it_stands_for() -> None:
    points, labels = _points()
    heavy = Points(points.embedding, points.features, points.tags, np.full(len(labels), 8, np.float32))
    assert Yardstick(heavy, OPTIONS).measure(labels).sizes < 1.0


def test_weights_decide_what_counts() -> None:
    points, labels = _points()
    only = ScoreWeights(separation=0, purity=0, diversity=0, coverage=0.2, sizes=0)
    score = Yardstick(points, OPTIONS.model_copy(update={"weights": only})).measure(np.where(labels == 0, -1, labels))
    assert score.total == pytest.approx(2 / 3, abs=1e-4)
