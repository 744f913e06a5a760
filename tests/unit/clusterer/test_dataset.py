"""The prepared data: spaces of one scale, a fair sample, and numbers whatever the library lacks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.clusterer.dataset import prepare, rungs, stratified
from services.clusterer.jobs import aligned
from services.clusterer.library import Library
from shared.events import ClusteringOptions
from tests import synthetic

OPTIONS = ClusteringOptions(sample=300)


@pytest.fixture(scope="module")
def songs() -> Library:
    return synthetic.library(1000, styles=6)


def test_both_spaces_have_one_scale(songs: Library) -> None:
    prepared = prepare(songs, OPTIONS, 1)
    for space in (prepared.embedding, prepared.features):
        assert (space**2).sum(axis=1).mean() == pytest.approx(1, abs=0.01)
        assert np.abs(space.mean(axis=0)).max() < 0.05


def test_the_same_seed_prepares_the_same(songs: Library) -> None:
    first, second = prepare(songs, OPTIONS, 1), prepare(songs, OPTIONS, 1)
    assert np.array_equal(first.rows, second.rows)
    assert np.array_equal(first.embedding, second.embedding)
    assert not np.array_equal(first.rows, prepare(songs, OPTIONS, 2).rows)


def test_a_large_genre_does_not_swallow_the_rest() -> None:
    strata = np.repeat([0, 1, 2], [9000, 900, 100])
    rows, weight = stratified(strata, 400, np.random.default_rng(1))
    counts = np.bincount(strata[rows])
    assert len(rows) == len(set(rows.tolist())) == 400
    assert counts[0] < 0.75 * 400 and counts[2] >= 25
    assert weight.sum() == pytest.approx(10_000, rel=1e-3), "together they stand for the library"


def test_every_beginning_of_the_sample_is_stratified() -> None:
    strata = np.repeat([0, 1, 2], [9000, 900, 100])
    rows, _ = stratified(strata, 400, np.random.default_rng(1))
    whole, part = (np.bincount(strata[these], minlength=3) / len(these) for these in (rows, rows[:50]))
    assert np.abs(whole - part).max() < 0.05


def test_a_small_library_is_its_own_sample(songs: Library) -> None:
    prepared = prepare(songs.take(np.arange(50)), OPTIONS, 1)
    assert sorted(prepared.rows.tolist()) == list(range(50))
    assert [len(part) for part in rungs(prepared.sample)] == [50]


def test_unknown_features_count_as_average(songs: Library) -> None:
    silent = replace(songs, tempo_bpm=np.full(1000, np.nan, np.float32), loudness=np.full(1000, np.nan, np.float32))
    assert np.isfinite(prepare(silent, OPTIONS, 1).features).all()


@pytest.mark.parametrize("tracks", [1, 2, 3])
def test_a_handful_of_tracks_can_be_prepared(songs: Library, tracks: int) -> None:
    prepared = prepare(songs.take(np.arange(tracks)), OPTIONS, 1)
    assert len(prepared.sample) == tracks
    assert np.isfinite(prepared.embedding).all()


def test_tracks_that_went_since_are_left_out(songs: Library) -> None:
    prepared = prepare(songs, OPTIONS, 1)
    left = np.arange(1000) % 7 != 0
    reduced, tracks = aligned(prepared, songs.take(np.random.default_rng(1).permutation(1000)[:0]))
    assert (len(reduced.embedding), len(tracks)) == (0, 0)
    order = np.argsort([track.bytes for track in songs.track_ids])
    in_order = songs.take(order)
    prepared = prepare(in_order, OPTIONS, 1)
    reduced, tracks = aligned(prepared, in_order.take(left))
    assert np.array_equal(reduced.embedding, prepared.embedding[left])
    assert len(reduced.rows) <= 300 and reduced.rows.max() < left.sum()
    assert [track.bytes for track in tracks.track_ids] == [bytes(row) for row in reduced.ids]
