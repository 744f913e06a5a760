"""What becomes of the listener's playlists when a clustering is kept."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from services.clusterer.keeping import Held, Situation, Wanted, decide, playlist_id
from shared.events import ClusterRecipe
from shared.matching import match
from shared.messages import derived_id
from tests import given

OLD_RUN = derived_id("test", "old clustering")
OLD = derived_id("test", "old playlist")


def tracks(*numbers: int) -> tuple[UUID, ...]:
    return tuple(given.track(number) for number in numbers)


def held(track_ids: tuple[UUID, ...], name: str = "Slow soul") -> Held:
    return Held(OLD, 3, name, track_ids, ClusterRecipe(clustering_id=OLD_RUN, number=1))


def situation(*proposals: Wanted, held: tuple[Held, ...] = (), names: tuple[str, ...] = ()) -> Situation:
    known = dict.fromkeys(tracks(*range(200)), "Nobody")
    return Situation(given.RUN, 7, proposals, held, names or tuple(item.name for item in held), known)


def test_a_proposal_that_nothing_resembles_becomes_a_playlist() -> None:
    (saved,), kept = decide(situation(Wanted(2, "Fast metal", tracks(1, 2, 3))), sync=True)
    assert saved.playlist_id == playlist_id(given.RUN, 2)
    assert (saved.number, saved.action, saved.seed, saved.run_id) == (1, "created", 7, given.RUN)
    assert saved.recipe == ClusterRecipe(clustering_id=given.RUN, number=2)
    assert kept.created == (saved.playlist_id,) and kept.sync


def test_a_playlist_that_is_recognised_is_refreshed_in_place() -> None:
    old = held(tracks(*range(20)))
    (saved,), kept = decide(situation(Wanted(1, "Other words", tracks(*range(3, 23))), held=(old,)))
    assert (saved.playlist_id, saved.number, saved.action) == (OLD, 4, "refreshed")
    assert saved.track_ids == tracks(*range(3, 23))
    assert saved.name == "Slow soul"
    assert kept.refreshed == (OLD,) and not kept.created


def test_a_name_follows_its_tracks_unless_the_listener_gave_it() -> None:
    old = held(tracks(*range(20)))
    proposal = Wanted(1, "Fast soul", tracks(*range(9, 29)))
    (saved,), _ = decide(situation(proposal, held=(old,)))
    assert saved.name == "Fast soul"
    (saved,), _ = decide(situation(proposal, held=(replace(old, named_by_user=True),)))
    assert saved.name == "Slow soul"


def test_pinned_tracks_stay_where_they_were_and_excluded_ones_stay_away() -> None:
    old = replace(held(tracks(*range(10))), pinned=tracks(2, 9), excluded=tracks(11), excluded_artists=("Loud Band",))
    seen = situation(Wanted(1, "Slow soul", tracks(9, 0, 1, 3, 11, 4, 12, 5, 6)), held=(old,))
    artists = {**seen.artists, given.track(12): " loud band"}
    (saved,), _ = decide(replace(seen, artists=artists))
    assert saved.track_ids == tracks(0, 1, 2, 3, 4, 5, 6, 9)
    assert (saved.pinned, saved.excluded, saved.excluded_artists) == (old.pinned, old.excluded, old.excluded_artists)


def test_a_locked_playlist_is_left_alone_and_not_made_twice() -> None:
    old = replace(held(tracks(*range(20))), locked=True)
    saved, kept = decide(situation(Wanted(1, "Slow soul", tracks(*range(3, 23))), held=(old,)))
    assert saved == () and kept.locked == (OLD,)


def test_what_would_not_change_is_not_saved_again() -> None:
    old = held(tracks(*range(20)))
    saved, kept = decide(situation(Wanted(1, "Slow soul", tracks(*range(20))), held=(old,)))
    assert saved == () and kept.unchanged == (OLD,)


def test_keeping_a_clustering_twice_changes_nothing() -> None:
    proposals = (Wanted(1, "One", tracks(1, 2, 3)), Wanted(2, "Two", tracks(4, 5, 6)))
    saved, _ = decide(situation(*proposals))
    now = tuple(Held(event.playlist_id, 1, event.name, event.track_ids, _recipe(event.recipe)) for event in saved)
    again, kept = decide(situation(*proposals, held=now))
    assert again == () and kept.unchanged == tuple(event.playlist_id for event in saved)


def test_a_playlist_deleted_since_comes_back_when_its_proposal_is_kept_again() -> None:
    gone = Held(
        playlist_id(given.RUN, 1),
        2,
        "One",
        tracks(1, 2),
        ClusterRecipe(clustering_id=given.RUN, number=1),
        deleted=True,
    )
    (saved,), kept = decide(situation(Wanted(1, "One", tracks(1, 2)), held=(gone,)))
    assert (saved.playlist_id, saved.number, saved.name) == (gone.playlist_id, 3, "One 2")
    assert kept.created == (gone.playlist_id,)


def test_no_two_playlists_get_one_name() -> None:
    proposals = (Wanted(1, "Slow soul", tracks(1, 2)), Wanted(2, "slow soul", tracks(3, 4)))
    saved, _ = decide(situation(*proposals, names=("Slow Soul", "slow soul 2")))
    assert [event.name for event in saved] == ["Slow soul 3", "slow soul 4"]


def test_tracks_that_left_the_library_and_lists_that_are_empty_are_not_kept() -> None:
    seen = situation(Wanted(1, "One", tracks(1, 500)), Wanted(2, "Two", tracks(501)))
    (saved,), kept = decide(seen)
    assert saved.track_ids == tracks(1) and kept.created == (saved.playlist_id,)


def test_the_pair_with_most_in_common_is_matched_first_and_each_playlist_once() -> None:
    playlists = {"a": tracks(*range(20)), "b": tracks(*range(10, 30))}
    proposals = {1: tracks(*range(5, 25)), 2: tracks(*range(20)), 3: tracks(*range(100, 120))}
    assert match(proposals, playlists) == {2: "a", 1: "b"}


def test_few_common_tracks_are_no_resemblance() -> None:
    assert match({1: tracks(*range(20))}, {"a": tracks(*range(16, 36))}) == {}
    assert match({1: tracks(*range(6))}, {"a": tracks(*range(80))}) == {1: "a"}
    assert match({1: tracks(1)}, {"a": tracks(*range(80))}) == {}


def _recipe(recipe: object) -> ClusterRecipe:
    assert isinstance(recipe, ClusterRecipe)
    return recipe
