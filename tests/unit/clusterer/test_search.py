"""The search explores, halves, breeds and stops; the same results always lead to the same next step."""

from __future__ import annotations

import random
from typing import Any

import pytest

from shared.clustering.configurations import DIMENSIONS, Room
from shared.clustering.search import (
    Plan,
    Result,
    Trial,
    batches,
    fallback,
    next_generation,
    rung_sizes,
    stale_generations,
    suitable,
    winner,
)
from shared.events import ALGORITHMS, ClusteringOptions, Configuration, Evaluation, Score


def _plan(sampled: int = 4000, tracks: int = 10_000, seed: int = 5, **options: object) -> Plan:
    asked = ClusteringOptions.model_validate(options)
    return Plan(asked, seed, tracks, sampled, suitable(asked, tracks))


def _score(total: float) -> Score:
    parts = dict.fromkeys(("separation", "purity", "diversity", "coverage", "sizes", "silhouette"), 0.5)
    return Score(total=total, **parts, clusters=5, unassigned=0.0)


def _landscape(one: Configuration) -> float:
    """A score with one hill: k-means with 30 clusters of the embedding on 24 dimensions."""
    kind = {"kmeans": 0.2, "gmm": 0.15}.get(one.algorithm, 0.0)
    place = -abs((one.clusters or 4) - 30) / 100
    width = -abs((one.dimensions or 64) - 24) / 200 - (0.05 if one.space == "features" else 0)
    return 0.6 + kind + place + width


def _tried(generation: int, trial: Trial) -> Result:
    score = None if trial.configuration.algorithm == "dbscan" else _score(_landscape(trial.configuration))
    problem = None if score else "found no cluster"
    evaluation = Evaluation(
        number=trial.number, rung=trial.rung, configuration=trial.configuration, score=score, problem=problem
    )
    return Result(generation, evaluation)


def _searched(plan: Plan, shuffle: int | None = None) -> list[Result]:
    results: list[Result] = []
    generation = issued = 0
    while trials := next_generation(plan, generation, issued, results):
        assert [trial.number for trial in trials] == list(range(issued, issued + len(trials)))
        issued += len(trials)
        results += [_tried(generation, trial) for trial in trials]
        if shuffle is not None:
            random.Random(shuffle).shuffle(results)
        generation += 1
        assert generation < 200
    return results


def test_it_climbs_the_hill_within_its_budget() -> None:
    plan = _plan()
    results = _searched(plan)
    found = winner(plan, results)
    assert found is not None and found.score is not None
    assert found.score.total > 0.77
    assert found.rung == plan.top
    assert len(results) <= plan.options.evaluations


def test_the_order_in_which_results_arrive_changes_nothing() -> None:
    plan = _plan()
    straight, shuffled = _searched(plan), _searched(plan, shuffle=3)
    assert sorted(map(repr, straight)) == sorted(map(repr, shuffled))


def test_another_seed_tries_other_configurations() -> None:
    first, second = (next_generation(_plan(seed=seed), 0, 0, []) for seed in (1, 2))
    assert {trial.configuration for trial in first} != {trial.configuration for trial in second}


def test_the_first_generation_tries_every_algorithm_and_both_spaces() -> None:
    tried = [trial.configuration for trial in next_generation(_plan(), 0, 0, [])]
    assert {one.algorithm for one in tried} == set(ALGORITHMS) - {"minibatch_kmeans"}
    assert {one.space for one in tried} == {"embedding", "features"}
    assert len(set(tried)) == len(tried)


def test_nothing_is_tried_twice_on_the_same_part_of_the_sample() -> None:
    seen = [(result.evaluation.configuration, result.evaluation.rung) for result in _searched(_plan())]
    assert len(set(seen)) == len(seen)


def test_only_the_better_ones_reach_the_whole_sample() -> None:
    plan = _plan()
    results = _searched(plan)
    top = [_landscape(result.evaluation.configuration) for result in results if result.evaluation.rung == plan.top]
    below = [_landscape(result.evaluation.configuration) for result in results if result.evaluation.rung < plan.top]
    assert 0 < len(top) < len(below)
    assert sum(top) / len(top) > sum(below) / len(below)


def test_it_stops_when_nothing_improves() -> None:
    plan = _plan(sampled=300, tracks=300, evaluations=20_000, patience=2)
    results = _searched(plan)
    assert stale_generations(plan, results) >= 2
    assert len(results) < 20_000


def test_it_ends_when_there_is_nothing_left_to_try() -> None:
    options: dict[str, Any] = {"algorithms": ("kmeans",), "spaces": ("features",), "clusters_min": 2, "clusters_max": 3}
    plan = _plan(sampled=20, tracks=20, evaluations=20_000, patience=100, **options)
    tried = {result.evaluation.configuration for result in _searched(plan)}
    assert len(tried) == 4 * len(DIMENSIONS["features"]), "two clusters, four starting points, every dimension"


def test_one_evaluation_is_tried_on_the_whole_sample_at_once() -> None:
    plan = _plan(evaluations=1)
    (only,) = _searched(plan)
    assert only.evaluation.rung == plan.top


def test_when_nothing_works_the_search_ends_and_a_rule_answers() -> None:
    plan = _plan(algorithms=("dbscan",))
    results = _searched(plan)
    assert winner(plan, results) is None
    assert (fallback(plan).algorithm, fallback(plan).clusters) == ("kmeans", 60)


def test_lost_batches_do_not_keep_it_from_ending() -> None:
    plan = _plan(evaluations=60)
    generation = issued = 0
    while trials := next_generation(plan, generation, issued, []):
        issued, generation = issued + len(trials), generation + 1
        assert generation < 60
    assert issued <= 60


@pytest.mark.parametrize(("tracks", "sampled"), [(10, 10), (30, 30), (2000, 2000), (100_000, 4000)])
def test_numbers_of_clusters_suit_the_library(tracks: int, sampled: int) -> None:
    plan = _plan(tracks=tracks, sampled=sampled, clusters_max=400)
    low, high = Room(plan.options, tracks, rung_sizes(sampled)[0], ALGORITHMS).clusters
    counts = [trial.configuration.clusters for trial in next_generation(plan, 0, 0, []) if trial.configuration.clusters]
    assert 2 <= low <= min(counts) <= max(counts) <= high <= max(2, sampled // 2)


def test_batches_have_one_rung_each_and_consecutive_numbers() -> None:
    plan = _plan()
    results = [_tried(0, trial) for trial in next_generation(plan, 0, 0, [])]
    trials = next_generation(plan, 1, len(results), results)
    made = batches(plan, trials)
    assert [trial for batch in made for trial in batch] == list(trials)
    assert all(len({trial.rung for trial in batch}) == 1 for batch in made)
    assert len(made) > 1


def test_rungs_are_parts_of_the_sample() -> None:
    assert [rung_sizes(size) for size in (3, 599, 900, 4000)] == [(3,), (599,), (300, 900), (500, 1333, 4000)]
