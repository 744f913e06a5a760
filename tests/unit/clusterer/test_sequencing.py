"""A playlist in listening order is smoother than any other order one would think of."""

from __future__ import annotations

import time

import numpy as np
import pytest

from services.clusterer.sequencing import Sounds, artist_repeats, sequence, smoothness, step_costs


def sounds(n: int, *, seed: int = 1, artists: int = 9) -> Sounds:
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(n, 40)).astype(np.float32)
    return Sounds(
        tempo_bpm=random.uniform(60, 180, n).astype(np.float32),
        key=random.integers(0, 12, n),
        scale=random.integers(0, 2, n),
        energy=random.random(n).astype(np.float32),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        artist=[f"Artist {number}" for number in random.integers(0, artists, n)],
    )


def two(**values: list[float]) -> Sounds:
    """Two tracks that are alike in all but ``values``."""
    plain: dict[str, list[float]] = {"tempo_bpm": [120, 120], "key": [0, 0], "scale": [1, 1], "energy": [0.5, 0.5]}
    found = {name: np.array(given, np.float32) for name, given in (plain | values).items()}
    return Sounds(
        tempo_bpm=found["tempo_bpm"],
        key=found["key"].astype(np.int32),
        scale=found["scale"].astype(np.int32),
        energy=found["energy"],
        vectors=np.array([[1, 0], [1, 0]], np.float32),
        artist=["a", "b"],
    )


def cost(**values: list[float]) -> float:
    return float(step_costs(two(**values))[0, 1])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [12, 80, 230])
def test_it_is_smoother_than_the_order_given_and_than_random_orders(n: int, seed: int) -> None:
    given = sounds(n, seed=seed)
    order = sequence(given)
    random = np.random.default_rng(seed)
    assert sorted(order.tolist()) == list(range(n))
    best_random = max(smoothness(given, random.permutation(n)) for _ in range(50))
    assert smoothness(given, order) > max(best_random, smoothness(given, np.arange(n))) + 0.03


def test_no_artist_follows_itself_while_there_is_another() -> None:
    given = sounds(80, artists=3)
    assert artist_repeats(given.artist, np.arange(80)) > 10
    assert artist_repeats(given.artist, sequence(given)) == 0


def test_an_artist_with_most_of_the_tracks_is_spread_as_far_as_it_goes() -> None:
    given = sounds(30)
    artist = ["One"] * 20 + [f"Other {number}" for number in range(10)]
    whose = Sounds(given.tempo_bpm, given.key, given.scale, given.energy, given.vectors, artist)
    assert artist_repeats(artist, sequence(whose)) == 9


def test_energy_rises_to_the_last_third_and_falls_to_the_end() -> None:
    given = sounds(80)
    energy = given.energy[sequence(given)]
    assert energy[44:60].mean() > energy[:16].mean() + 0.2
    assert energy[44:60].mean() > energy[-8:].mean() + 0.3


def test_the_same_tracks_give_the_same_path() -> None:
    assert np.array_equal(sequence(sounds(80)), sequence(sounds(80)))


@pytest.mark.parametrize(
    ("near", "far"),
    [
        ({"tempo_bpm": [120, 124]}, {"tempo_bpm": [120, 150]}),
        ({"tempo_bpm": [70, 140]}, {"tempo_bpm": [70, 100]}),  # half time
        ({"key": [0, 7]}, {"key": [0, 2]}),  # C to G, C to D
        ({"key": [0, 9], "scale": [1, 0]}, {"key": [0, 0], "scale": [1, 0]}),  # C to A minor, C to C minor
        ({"key": [0, 5]}, {"key": [0, 6]}),  # C to F, C to F sharp
        ({"energy": [0.5, 0.6]}, {"energy": [0.5, 0.9]}),
        ({}, {"tempo_bpm": [120, np.nan]}),
        ({"key": [0, 0]}, {"key": [0, -1]}),
    ],
)
def test_a_step_costs_what_a_listener_hears(near: dict[str, list[float]], far: dict[str, list[float]]) -> None:
    assert cost(**near) < cost(**far)


def test_a_step_costs_between_nothing_and_one_in_both_directions_alike() -> None:
    costs = step_costs(sounds(60))
    assert costs.min() >= 0 and costs.max() <= 1
    assert np.allclose(costs, costs.T) and np.allclose(np.diagonal(costs), 0, atol=1e-3)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_shortest_lists_have_an_order_too(n: int) -> None:
    given = sounds(n)
    assert sorted(sequence(given).tolist()) == list(range(n))
    assert smoothness(given, sequence(given)) <= 1.0


def test_nothing_known_is_no_reason_to_fail() -> None:
    n = 20
    unknown = np.full(n, np.nan, np.float32)
    nothing = np.full(n, -1)
    given = Sounds(unknown, nothing, nothing, unknown, np.full((n, 4), 0.5, np.float32), [None] * n)
    assert sorted(sequence(given).tolist()) == list(range(n))
    assert np.isfinite(smoothness(given, sequence(given)))


def test_two_thousand_tracks_take_about_a_second() -> None:
    given = sounds(2000, artists=200)
    started = time.process_time()
    order = sequence(given)
    assert time.process_time() - started < 4.0
    assert smoothness(given, order) > smoothness(given, np.arange(2000)) + 0.2
    assert artist_repeats(given.artist, order) == 0
