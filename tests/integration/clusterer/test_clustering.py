"""A clustering from the request to the proposals, with real clusterers, a real coordinator and real stores."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from services.clusterer.library import Library
from shared.events import (
    ClusteringBatchFailed,
    ClusteringFailed,
    ClusteringOptions,
    ClusteringProgressed,
    ClusteringStarted,
)
from shared.messages import derived_id
from tests import synthetic
from tests.integration.clusterer.system import System
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

TRACKS = 300


def _server(name: str) -> UUID:
    return derived_id("test", "clustering", name)


def _of(server: str, **fields: object) -> ClusteringOptions:
    return ClusteringOptions.model_validate({"server_ids": (_server(server),), "evaluations": 60, **fields})


def _named(tracks: Library, server: str) -> Library:
    """The same tracks under ids of their own."""
    ids = np.empty(len(tracks), np.object_)
    ids[:] = sorted(derived_id("test", server, row) for row in range(len(tracks)))
    return replace(tracks, track_ids=ids)


@pytest.fixture(scope="module")
def songs() -> Library:
    return _named(synthetic.library(TRACKS, styles=8), "songs")


async def _known(system: System, songs: Library) -> None:
    if not await system.world.rows("SELECT 1 FROM servers WHERE server_id = $1", _server("songs")):
        await system.library(_server("songs"), songs)


async def test_a_library_becomes_playlists(system: System, songs: Library) -> None:
    await _known(system, songs)
    async with system.clustering():
        run = await system.request(_of("songs"))
        completed = await system.ended(run)
    tried = [one for event in await system.of(run, ClusteringProgressed) for one in event.evaluations]
    proposals = await system.proposals(run)
    assert completed.tracks == TRACKS
    assert completed.winner.score.total >= max(one.score.total for one in tried if one.score) - 0.02
    assert sorted(one.number for one in tried) == list(range(len(tried)))
    assert len({name for name, _ in proposals}) == len(proposals) == completed.playlists >= 4
    assert {track for _, tracks in proposals for track in tracks} <= set(songs.track_ids)
    assert await system.world.rows("SELECT 1 FROM clusterer_data") == [], "prepared data goes with its run"


async def test_three_clusterers_one_killed_twice_find_what_one_undisturbed_finds(
    system: System, songs: Library, environment: dict[str, str]
) -> None:
    await _known(system, songs)
    async with system.clustering():
        quiet = await system.request(_of("songs", evaluations=60), seed=11)
        await system.ended(quiet)
    with system.replicas(environment, 3) as replicas:
        troubled = await system.request(_of("songs", evaluations=60), seed=11)
        for wanted in (ClusteringStarted, ClusteringProgressed):

            async def holds_work() -> bool:
                return bool(await system.at_work())

            await until(holds_work, "a clusterer works", seconds=40)
            victim = replicas[(await system.at_work())[0]]
            victim.kill()
            victim.start()

            async def went_on(kind: type = wanted) -> bool:
                return bool(await system.of(troubled, kind))

            await until(went_on, f"the run got to {wanted.__name__}", seconds=40)
        await system.ended(troubled)
    assert await system.proposals(troubled) == await system.proposals(quiet)
    assert await system.of(troubled, ClusteringBatchFailed) == []


async def test_cancelling_ends_it_within_two_seconds(system: System, songs: Library) -> None:
    await _known(system, songs)
    async with system.clustering():
        run = await system.request(_of("songs", evaluations=20000, patience=100))

        async def under_way() -> bool:
            return bool(await system.of(run, ClusteringProgressed))

        await until(under_way, "the search is under way")
        asked = time.monotonic()
        await system.cancel(run)
        failed = await system.ended(run)
        await until(system.idle, "nobody works on it any more")
        assert time.monotonic() - asked < 2.0
    assert (failed.reason, len(await system.of(run, ClusteringFailed))) == ("cancelled", 1)
    assert await system.proposals(run) == []

    async def lifted() -> bool:
        return not await system.world.streams.run_states([run])

    await until(lifted, "the flag is lifted once nobody is left")


async def test_clusterings_run_side_by_side_and_each_finds_its_own(system: System, songs: Library) -> None:
    await _known(system, songs)
    async with system.clustering():
        together = [await system.request(_of("songs", evaluations=24), seed=seed) for seed in (1, 2, 1)]
        await asyncio.gather(*(system.ended(run) for run in together))
    found = [await system.proposals(run) for run in together]
    assert found[0] == found[2] != found[1]


async def test_an_empty_library_says_what_to_do(system: System) -> None:
    async with system.clustering():
        failed = await system.ended(await system.request(_of("nothing")))
    assert failed.reason == "no_tracks"
    assert "analyse" in failed.detail


async def test_three_tracks_become_one_playlist(system: System) -> None:
    tracks = _named(synthetic.library(3, styles=2), "three")
    await system.library(_server("three"), tracks)
    async with system.clustering():
        run = await system.request(_of("three"))
        completed = await system.ended(run)
    assert (completed.winner, completed.playlists, completed.tracks) == (None, 1, 3)
    assert {track for _, them in await system.proposals(run) for track in them} == set(tracks.track_ids)


async def test_tracks_that_sound_all_alike_become_one_group(system: System) -> None:
    tracks = _named(synthetic.library(40, styles=2), "alike")
    tracks.vectors[:], tracks.tags[:] = tracks.vectors[0], tracks.tags[0]
    await system.library(_server("alike"), tracks)
    async with system.clustering():
        run = await system.request(_of("alike"))
        completed = await system.ended(run)
    assert completed.winner is None
    assert completed.playlists >= 1
    assert "alike" in (await system.of(run, ClusteringStarted))[0].warnings[0]


async def test_tracks_without_a_usable_embedding_take_no_part_and_are_counted(system: System) -> None:
    tracks = _named(synthetic.library(100, styles=4), "gaps")
    tracks.artist[:] = "The One"
    tracks.vectors[3] = np.nan
    tracks.vectors[4] = 0
    tracks.tags[5] = np.inf
    await system.library(_server("gaps"), tracks, analysed=80)
    async with system.clustering():
        run = await system.request(_of("gaps", clusters_max=400, clusters_min=300))
        completed = await system.ended(run)
    started = (await system.of(run, ClusteringStarted))[0]
    assert (started.tracks, started.without_embedding) == (77, 23)
    assert started.warnings[0].startswith("23 of 100 tracks take no part")
    assert completed.tracks == 77
    used = {track for _, them in await system.proposals(run) for track in them}
    assert used and used.isdisjoint([*tracks.track_ids[3:6], *tracks.track_ids[80:]])
