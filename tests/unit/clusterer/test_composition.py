"""What playlists clusters become: sizes, limits, duplicates, and libraries that are hard to make any of."""

from __future__ import annotations

import pickle
import time
from collections import Counter
from dataclasses import replace
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pytest

from services.clusterer.composition import Composition, compose
from services.clusterer.composition_duplicates import distinct, plain_title
from services.clusterer.composition_groups import most_different, occurrence
from services.clusterer.library import Library
from services.clusterer.sequencing import Sounds, smoothness
from shared.events import ClusteringOptions
from tests import given, synthetic

OPTIONS = ClusteringOptions()
LIBRARY = synthetic.library(1200, styles=8)


def styles(library: Library) -> npt.NDArray[np.int64]:
    """The clusters that the library was made of."""
    return np.asarray(np.unique(library.genre.astype(str), return_inverse=True)[1], np.int64)


def rows(library: Library, track_ids: tuple[UUID, ...]) -> npt.NDArray[np.intp]:
    places = {track: place for place, track in enumerate(library.track_ids)}
    return np.array([places[track] for track in track_ids], np.intp)


def objects(*values: object) -> npt.NDArray[np.object_]:
    made = np.empty(len(values), np.object_)
    made[:] = values
    return made


@pytest.fixture(scope="module")
def composed() -> Composition:
    return compose(LIBRARY, styles(LIBRARY), OPTIONS, 5)


def test_playlists_keep_to_the_sizes_and_limits_that_were_asked_for(composed: Composition) -> None:
    assert 8 <= len(composed.proposals) <= OPTIONS.playlists_max
    for proposal in composed.proposals:
        found = rows(LIBRARY, proposal.track_ids)
        assert OPTIONS.tracks_min <= len(found) <= OPTIONS.tracks_max
        assert max(Counter(LIBRARY.artist[found]).values()) <= OPTIONS.per_artist
        assert max(Counter(LIBRARY.album[found]).values()) <= OPTIONS.per_album
        assert len(set(proposal.track_ids)) == len(proposal.track_ids)


def test_large_clusters_are_split_so_that_most_tracks_find_a_place(composed: Composition) -> None:
    assert max(Counter(styles(LIBRARY).tolist()).values()) > 3 * OPTIONS.tracks_max
    assert composed.tracks_used == len({track for proposal in composed.proposals for track in proposal.track_ids})
    assert composed.tracks_used > 0.8 * len(LIBRARY)
    assert any("split: 8 became" in note for note in composed.notes)


def test_each_playlist_is_of_one_style_as_its_cluster_was(composed: Composition) -> None:
    for proposal in composed.proposals:
        counts = Counter(styles(LIBRARY)[rows(LIBRARY, proposal.track_ids)].tolist())
        assert max(counts.values()) > 0.9 * len(proposal.track_ids)


def test_numbers_names_and_facts_are_complete(composed: Composition) -> None:
    assert [proposal.number for proposal in composed.proposals] == list(range(1, len(composed.proposals) + 1))
    assert len({proposal.name.casefold() for proposal in composed.proposals}) == len(composed.proposals)
    assert len(composed.examples) == len(composed.proposals) and all(composed.examples)
    for proposal in composed.proposals:
        facts, found = proposal.facts, rows(LIBRARY, proposal.track_ids)
        assert facts.artists == len(set(LIBRARY.artist[found]))
        assert facts.years == (LIBRARY.year[found].min(), LIBRARY.year[found].max())
        assert facts.duration_s == pytest.approx(LIBRARY.duration_s[found].sum(), abs=0.1)
        assert 0 < facts.cohesion <= 1 and facts.tags and facts.tempo_bpm


def test_tracks_are_in_listening_order(composed: Composition) -> None:
    for proposal in composed.proposals:
        found = rows(LIBRARY, proposal.track_ids)
        sounds = Sounds(
            LIBRARY.tempo_bpm[found],
            LIBRARY.key[found],
            LIBRARY.scale[found],
            LIBRARY.energy[found],
            LIBRARY.vectors[found],
            LIBRARY.artist[found].tolist(),
        )
        shuffled = np.random.default_rng(1).permutation(len(found))
        assert smoothness(sounds, np.arange(len(found))) > smoothness(sounds, shuffled) + 0.03


def test_the_same_seed_gives_the_same_playlists(composed: Composition) -> None:
    again = compose(LIBRARY, styles(LIBRARY), OPTIONS, 5)
    assert again == composed
    assert pickle.loads(pickle.dumps(again)) == composed


def test_the_most_different_come_first_and_no_more_than_asked_for(composed: Composition) -> None:
    few = compose(LIBRARY, styles(LIBRARY), OPTIONS.model_copy(update={"playlists_max": 4}), 5)
    assert len(few.proposals) == 4
    assert any("4 most different of" in note for note in few.notes)
    centres = []
    for proposal in few.proposals:
        middle = LIBRARY.vectors[rows(LIBRARY, proposal.track_ids)].mean(axis=0)
        centres.append(middle / np.linalg.norm(middle))
    closest = (np.array(centres) @ np.array(centres).T)[~np.eye(4, dtype=bool)].max()
    assert closest < 0.9


def test_clusters_too_small_for_a_playlist_join_the_nearest() -> None:
    library = LIBRARY.take(np.arange(0, 1200, 3))
    many = styles(library) * 50 + np.arange(len(library)) % 9
    made = compose(library, many, OPTIONS, 1)
    assert min(len(proposal.track_ids) for proposal in made.proposals) >= OPTIONS.tracks_min
    assert made.tracks_used > 0.6 * len(library)
    assert any("joined" in note for note in made.notes)


def test_a_cluster_nearly_large_enough_borrows_what_it_lacks_and_keeps_its_sound() -> None:
    one, other = (np.flatnonzero(styles(LIBRARY) == style) for style in (0, 1))
    library = LIBRARY.take(np.concatenate([one[:60], other[:14]]))
    untagged = replace(library, artist=objects(*[None] * 74), album=objects(*[None] * 74))
    made = compose(untagged, np.arange(74) // 60, OPTIONS, 1)
    assert sorted(len(proposal.track_ids) for proposal in made.proposals) == [15, 59]
    small = min(made.proposals, key=lambda proposal: len(proposal.track_ids))
    assert set(library.track_ids[60:]) < set(small.track_ids)
    assert any("borrowed" in note for note in made.notes)


def test_tracks_in_no_cluster_stay_out_unless_all_are() -> None:
    labels = np.where(styles(LIBRARY) < 2, styles(LIBRARY), -1)
    made = compose(LIBRARY, labels, OPTIONS, 1)
    used = np.concatenate([rows(LIBRARY, proposal.track_ids) for proposal in made.proposals])
    assert (labels[used] >= 0).all()
    nothing = compose(LIBRARY, np.full(len(LIBRARY), -1), OPTIONS, 1)
    assert len(nothing.proposals) > 5
    assert "No groups were found, so all tracks were taken as one." in nothing.notes


def test_copies_of_a_recording_are_used_once() -> None:
    base = LIBRARY.take(np.arange(40))
    twice = LIBRARY.take(np.tile(np.arange(40), 2))
    other = objects(*(given.track(5000 + number) for number in range(40)))
    twice = replace(twice, track_ids=np.concatenate([base.track_ids, other]))
    made = compose(twice, np.zeros(80, int), OPTIONS.model_copy(update={"per_artist": 99, "per_album": 99}), 1)
    assert made.tracks_used == 40
    assert "40 copies of other recordings were left out." in made.notes


def _pair(**changes: npt.NDArray[np.object_] | npt.NDArray[np.float32]) -> Library:
    """Two tracks with nearly the same sound, and 30 others."""
    two = LIBRARY.take(np.array([0, 0, *range(1, 31)]))
    vectors = two.vectors.copy()
    vectors[1] += 0.003 * np.random.default_rng(1).normal(size=400).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hashes, lengths = two.audio_hash.copy(), two.duration_s.copy()
    hashes[1], lengths[1] = "another", lengths[0] + 1.0
    made = replace(two, vectors=vectors, audio_hash=hashes, duration_s=lengths)
    columns = {name: np.concatenate([values, getattr(made, name)[len(values) :]]) for name, values in changes.items()}
    return replace(made, **columns)


def test_tracks_that_sound_alike_are_one_recording_if_they_are_as_long_or_called_the_same() -> None:
    assert len(distinct(_pair())) == 31
    other_length = np.array([200, 260], np.float32)
    assert len(distinct(_pair(duration_s=other_length))) == 31
    assert len(distinct(_pair(duration_s=other_length, title=objects("Song", "Sóng (Live 2004)")))) == 31
    assert len(distinct(_pair(duration_s=other_length, title=objects("Song", "Another")))) == 32
    assert len(distinct(_pair(duration_s=other_length, artist=objects("Ann", "Ben")))) == 32


def test_the_copy_that_is_best_described_is_the_one_to_keep() -> None:
    kept = distinct(_pair(album=objects(None, "Album")))
    assert 1 in kept and 0 not in kept
    kept = distinct(_pair(title=objects("Song [remaster]", "Song")))
    assert 1 in kept and 0 not in kept


def test_remarks_are_no_part_of_a_title() -> None:
    for title in (
        "Song",
        "SONG (Live)",
        "Song [2011 Remaster]",
        "Söng",
        "Song - 2011 Remastered",
        "Song - Live at Home",
    ):
        assert plain_title(title) == "song"
    assert plain_title("Song - Part Two") != "song"
    assert plain_title("(...)") == ""


def test_an_empty_library_gives_nothing() -> None:
    made = compose(LIBRARY.take(np.arange(0)), np.empty(0, int), OPTIONS, 1)
    assert (made.proposals, made.tracks_used) == ((), 0)


@pytest.mark.parametrize("n", [1, 2, 3, 14])
def test_a_library_smaller_than_a_playlist_gives_one_of_what_there_is(n: int) -> None:
    library = LIBRARY.take(np.arange(0, 20 * n, 20))
    made = compose(library, np.arange(n) % 3, OPTIONS, 1)
    assert [len(proposal.track_ids) for proposal in made.proposals] == [n]
    assert made.proposals[0].name


def test_a_library_of_one_track_many_times_gives_that_track() -> None:
    library = replace(LIBRARY.take(np.zeros(500, int)), track_ids=LIBRARY.track_ids[:500])
    made = compose(library, np.zeros(500, int), OPTIONS, 1)
    assert [proposal.track_ids for proposal in made.proposals] == [(library.track_ids[0],)]
    hashes = replace(library, audio_hash=LIBRARY.audio_hash[:500])
    assert compose(hashes, np.zeros(500, int), OPTIONS, 1).tracks_used == 1


def test_a_library_of_one_artist_or_one_album_has_no_limit_and_says_so() -> None:
    library = LIBRARY.take(np.arange(100))
    library = replace(library, artist=objects(*["One"] * 100), album=objects(*["Only"] * 100))
    made = compose(library, np.zeros(100, int), OPTIONS, 1)
    assert made.tracks_used > 90
    assert "All tracks are by one artist, so the limit per artist was not applied." in made.notes
    assert "All tracks are of one album, so the limit per album was not applied." in made.notes


def test_limits_are_loosened_in_a_library_of_few_artists_and_only_there() -> None:
    library = LIBRARY.take(np.arange(300))
    few = replace(library, artist=objects(*(f"Artist {n % 3}" for n in range(300))), album=objects(*[None] * 300))
    made = compose(few, np.arange(300) % 2, OPTIONS, 1)
    assert made.tracks_used > 150
    assert any("more than 4 tracks of one artist: the library has few artists." in note for note in made.notes)


def test_untagged_tracks_are_by_nobody_in_particular() -> None:
    library = LIBRARY.take(np.arange(200))
    none = replace(library, artist=objects(*[None] * 200), album=objects(*[""] * 200), title=objects(*[""] * 200))
    made = compose(none, styles(library), OPTIONS, 1)
    assert made.tracks_used > 150
    assert not any("artist" in note for note in made.notes)


def test_what_is_unknown_of_a_track_does_not_spread() -> None:
    library = LIBRARY.take(np.arange(100))
    unknown = np.full(100, np.nan, np.float32)
    bare = replace(
        library,
        tempo_bpm=unknown,
        energy=unknown,
        brightness=unknown,
        duration_s=unknown,
        year=np.zeros(100, np.int32),
        key=np.full(100, -1, np.int32),
        scale=np.full(100, -1, np.int32),
    )
    made = compose(bare, styles(bare), OPTIONS, 1)
    for proposal in made.proposals:
        facts = proposal.facts
        assert (facts.tempo_bpm, facts.energy, facts.years, facts.key, facts.duration_s) == (None, None, None, None, 0)
        assert "nan" not in proposal.model_dump_json().lower()


def test_thousands_of_tracks_take_seconds() -> None:
    library = synthetic.library(8_000, styles=20)
    started = time.process_time()
    made = compose(library, styles(library), OPTIONS, 1)
    assert time.process_time() - started < 15.0
    assert len(made.proposals) == OPTIONS.playlists_max
    assert made.tracks_used > 0.9 * OPTIONS.playlists_max * OPTIONS.tracks_max


def test_how_often_a_number_came_before() -> None:
    assert occurrence(np.array([3, 1, 3, -1, 3, -1, 1])).tolist() == [0, 0, 1, 0, 2, 0, 1]
    assert occurrence(np.empty(0, np.intp)).tolist() == []


def test_the_farthest_is_chosen_next() -> None:
    centres = np.array([[1, 0], [0.99, 0.14], [0, 1], [0.7, 0.7]], np.float32)
    assert most_different(centres, np.ones(4, np.float32), 3) == [0, 2, 3]
    assert most_different(centres, np.array([0.1, 1, 1, 1], np.float32), 2) == [1, 2]
