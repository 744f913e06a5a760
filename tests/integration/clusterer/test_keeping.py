"""Keeping proposals against the real read models: what was decided is what the next decision finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest

from services.clusterer import keeping
from shared.commands import KeepPlaylists
from shared.errors import LibraryUnusable, StoreUnavailable
from shared.events import (
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringOptions,
    ClusteringRequested,
    ClusterRecipe,
    LibraryTrack,
    ManualRecipe,
    PlaylistDeleted,
    PlaylistLocked,
    PlaylistRenamed,
    PlaylistSaved,
    PlaylistsKept,
    PlaylistsProposed,
    Proposal,
    TracksDiscovered,
    TracksRemoved,
)
from shared.messages import derived_id
from shared.settings import Settings
from shared.streams import Unit
from tests import given
from tests.world import World, world

FIRST, SECOND = derived_id("test", "first clustering"), derived_id("test", "second clustering")


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[World]:
    async with world(settings) as opened:
        tracks = [
            LibraryTrack(
                track_id=given.track(number),
                item_id=f"{number}.ogg",
                content_version="1",
                meta_version="1",
                title=f"Song {number}",
                artist=f"Artist {number % 7}",
            )
            for number in range(80)
        ]
        await opened.happened(TracksDiscovered(run_id=given.RUN, server_id=given.SERVER, tracks=tuple(tracks)))
        yield opened


def _tracks(numbers: Sequence[int]) -> tuple[UUID, ...]:
    return tuple(given.track(number) for number in numbers)


async def _clustered(here: World, run_id: UUID, **proposals: Sequence[int]) -> None:
    """A clustering that ended with these playlists, and is in the read models."""
    proposed = tuple(
        Proposal(number=number, name=name.replace("_", " "), track_ids=_tracks(tracks))
        for number, (name, tracks) in enumerate(proposals.items(), start=1)
    )
    await here.happened(
        ClusteringRequested(run_id=run_id, options=ClusteringOptions(), seed=11),
        PlaylistsProposed(run_id=run_id, proposals=proposed),
        ClusteringCompleted(run_id=run_id, playlists=len(proposed), tracks=80, tracks_used=80),
    )
    await here.projected()


async def _keep(here: World, run_id: UUID, *numbers: int, sync: bool = False) -> PlaylistsKept:
    """Keep, and bring the read models up to what that made of them."""
    outcome = await keeping.keep(KeepPlaylists(run_id=run_id, numbers=numbers, sync=sync), here.pool)
    await here.streams.log.append(Unit(derived_id(outcome.events[-1].id), events=outcome.events))
    await here.projected()
    (kept,) = [event.message for event in outcome.events if isinstance(event.message, PlaylistsKept)]
    return kept


async def _playlists(here: World) -> dict[str, tuple[UUID, ...]]:
    rows = await here.rows("SELECT name, track_ids FROM playlists WHERE NOT deleted ORDER BY name")
    return {row["name"]: tuple(row["track_ids"]) for row in rows}


async def test_a_second_clustering_refreshes_what_the_first_one_made(here: World) -> None:
    await _clustered(here, FIRST, Slow_soul=range(20), Fast_metal=range(20, 40), Quiet_piano=range(40, 60))
    first = await _keep(here, FIRST, sync=True)
    assert len(first.created) == 3 and first.sync
    soul, metal, piano = first.created
    await here.happened(
        PlaylistRenamed(playlist_id=soul, number=2, name="Mine"),
        PlaylistLocked(playlist_id=metal, number=2, locked=True),
        PlaylistDeleted(playlist_id=piano, number=2),
    )
    await here.projected()
    await _clustered(here, SECOND, Old_soul=range(11, 20), Metal=range(21, 41), Piano=range(40, 60), New=range(60, 75))
    second = await _keep(here, SECOND)
    assert (second.refreshed, second.locked, len(second.created)) == ((soul,), (metal,), 2)
    assert await _playlists(here) == {
        "Fast metal": _tracks(range(20, 40)),
        "Mine": _tracks(range(11, 20)),
        "New": _tracks(range(60, 75)),
        "Piano": _tracks(range(40, 60)),
    }
    third = await _keep(here, SECOND)
    assert not third.created and not third.refreshed
    assert set(third.unchanged) == {soul, *second.created} and third.locked == (metal,)


async def test_a_name_given_by_the_listener_outlives_any_number_of_refreshes(here: World) -> None:
    await _clustered(here, FIRST, Slow_soul=range(20))
    (soul,) = (await _keep(here, FIRST)).created
    await here.happened(PlaylistRenamed(playlist_id=soul, number=2, name="Mine"))
    await here.projected()
    for turn in range(1, 4):
        run_id = derived_id("test", "clustering", turn)
        await _clustered(here, run_id, Other=range(9 * turn, 9 * turn + 20))
        assert (await _keep(here, run_id)).refreshed == (soul,)
    assert list(await _playlists(here)) == ["Mine"]
    (row,) = await here.rows("SELECT version, seed, run_id FROM playlists")
    assert (row["version"], row["seed"], row["run_id"]) == (5, 11, run_id)


async def test_pins_and_exclusions_hold_and_removed_tracks_do_not_come_back(here: World) -> None:
    await _clustered(here, FIRST, Slow_soul=range(20))
    (soul,) = (await _keep(here, FIRST)).created
    saved = PlaylistSaved(
        playlist_id=soul,
        number=2,
        name="Slow soul",
        recipe=ClusterRecipe(clustering_id=FIRST, number=1),
        track_ids=_tracks(range(20)),
        pinned=_tracks([19]),
        excluded=_tracks([4]),
        excluded_artists=("ARTIST 3",),
        action="edited",
    )
    await here.happened(saved, TracksRemoved(run_id=given.RUN, server_id=given.SERVER, track_ids=_tracks([6])))
    await here.projected()
    await _clustered(here, SECOND, Slow_soul=[4, 6, *range(8, 19)])
    assert (await _keep(here, SECOND)).refreshed == (soul,)
    assert await _playlists(here) == {"Slow soul": _tracks([8, 9, 11, 12, 13, 14, 15, 16, 18, 19])}


async def test_playlists_made_by_hand_are_never_taken_for_one(here: World) -> None:
    by_hand = derived_id("test", "by hand")
    await here.happened(
        PlaylistSaved(
            playlist_id=by_hand,
            number=1,
            name="slow SOUL",
            recipe=ManualRecipe(),
            track_ids=_tracks(range(20)),
            action="created",
        )
    )
    await _clustered(here, FIRST, Slow_soul=range(20), Fast_metal=range(20, 40))
    kept = await _keep(here, FIRST, 1)
    assert len(kept.created) == 1 and by_hand not in kept.created
    assert sorted(await _playlists(here)) == ["Slow soul 2", "slow SOUL"]
    with pytest.raises(LibraryUnusable, match="no proposal 9"):
        await _keep(here, FIRST, 9)


async def test_it_waits_for_the_read_models_and_not_for_a_clustering_that_failed(here: World) -> None:
    with pytest.raises(StoreUnavailable, match="do not know yet"):
        await keeping.keep(KeepPlaylists(run_id=FIRST), here.pool, patience_s=0.2)
    await here.happened(
        ClusteringRequested(run_id=FIRST, options=ClusteringOptions(), seed=1),
        ClusteringFailed(run_id=FIRST, reason="cancelled", detail="The clustering was cancelled."),
    )
    await here.projected()
    with pytest.raises(LibraryUnusable, match="ended without playlists"):
        await _keep(here, FIRST)
