"""What is written where, on every kind of server: names, lost tracks, neighbours, and what a killed process left."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.syncer.journal import Before, Entry
from services.syncer.names import fitting
from services.syncer.writing import LeftAlone, Written, remove
from shared.messages import uuid7
from tests.integration.mediaservers.playlist_contract import World as Server
from tests.integration.mediaservers.playlist_contract import listing
from tests.integration.mediaservers.test_folder_playlists import FolderWorld
from tests.integration.syncer.scene import Scene, scene
from tests.integration.syncer.worlds import KINDS, server_world, some, supysonic_world
from tests.world import World

NAMES = ("AC/DC / live", "\"Quoted\" 'names' & <tags> + 50 %", "Slow 🌙 soul 👩‍🎤 東京", "long " * 60)


@pytest.fixture(params=[*KINDS, "supysonic", "folder"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    """One of each kind."""
    if request.param == "folder":
        yield FolderWorld(tmp_path)
    elif request.param == "supysonic":
        async with supysonic_world(request.getfixturevalue("real")) as real:
            yield real
    else:
        async with server_world(request.param) as made:
            yield made


async def test_on_every_kind_of_server(here: World, server: Server) -> None:
    """One after the other on one server: starting it takes longer than trying them."""
    async with scene(here, server) as it:
        await _any_name_is_written_once_and_found_again(it)
        await _lost_tracks_are_left_out_and_counted(it)
        await _no_track_left_leaves_the_playlist_as_it_is(it)
        await _of_two_playlists_with_one_name_the_second_gets_a_number(it)
        await _a_playlist_whose_contents_are_somebody_elses_is_left_alone(it)
        await _a_playlist_that_its_owner_deleted_stays_deleted_until_asked_for(it)
        await _what_a_killed_process_left_is_completed(it)
        await _only_our_own_playlist_is_removed(it)


async def _any_name_is_written_once_and_found_again(it: Scene) -> None:
    for name in NAMES:
        playlist_id, before = uuid7(), await listing(it.server)
        made = await it.written(playlist_id, name, range(3))
        again = await it.written(playlist_id, name, range(4))
        assert (again.remote_id, again.action, again.added) == (made.remote_id, "updated", 1)
        assert (await listing(it.server)).keys() - before.keys() == {made.remote_id}
        assert made.name == fitting(name, it.server.abilities.name_limit)


async def _lost_tracks_are_left_out_and_counted(it: Scene) -> None:
    playlist_id = uuid7()
    made = await it.written(playlist_id, "Half lost", range(4), it.world.unknown_item)
    assert (made.action, made.written, made.missing) == ("created", 4, 1)
    changed = await it.written(playlist_id, "Half lost", (5, 0, 6), it.world.unknown_item)
    assert (changed.action, changed.remote_id, changed.written, changed.missing) == ("updated", made.remote_id, 3, 1)
    assert await it.server.playlist_items(made.remote_id) == some(it.world, (5, 0, 6))
    again = await it.written(playlist_id, "Half lost", (5, 0, 6), it.world.unknown_item)
    assert (again.action, again.written, again.missing) == ("unchanged", 3, 1)


async def _no_track_left_leaves_the_playlist_as_it_is(it: Scene) -> None:
    playlist_id, before = uuid7(), await listing(it.server)
    assert await it.write(playlist_id, "All lost", (), it.world.unknown_item) == LeftAlone("no_tracks")
    assert await listing(it.server) == before
    made = await it.written(playlist_id, "All lost", range(3))
    lost = await it.write(playlist_id, "All lost", (), it.world.unknown_item)
    assert lost == LeftAlone("no_tracks", made.remote_id)
    assert await it.server.playlist_items(made.remote_id) == some(it.world, range(3))


async def _of_two_playlists_with_one_name_the_second_gets_a_number(it: Scene) -> None:
    hand_made = await it.world.by_hand("Twin", some(it.world, range(2)))
    stored = await it.world.stored(hand_made)
    one, two = uuid7(), uuid7()
    first, second = [await it.written(playlist_id, "Twin", range(3, 6)) for playlist_id in (one, two)]
    names = ["Twin (2)", "Twin (3)"] if it.server.abilities.unique_names else ["Twin", "Twin (2)"]
    assert [first.name, second.name] == names
    assert (await it.written(two, "Twin", range(3, 6))) == Written("unchanged", second.remote_id, second.name, 3, 0)
    renamed = await it.written(one, "Other", range(3, 6))
    assert (renamed.remote_id, renamed.name) == (first.remote_id, "Other")
    assert (await listing(it.server))[first.remote_id] == "Other"
    assert await it.world.stored(hand_made) == stored


async def _a_playlist_whose_contents_are_somebody_elses_is_left_alone(it: Scene) -> None:
    """The owner made something of his own of it; or the server gave its id to another one."""
    playlist_id = uuid7()
    made = await it.written(playlist_id, "Taken over", range(3))
    await it.server.set_playlist_items(made.remote_id, some(it.world, (8, 9)))
    theirs = await it.server.playlist_items(made.remote_id)
    assert await it.write(playlist_id, "Taken over", range(4)) == LeftAlone("deleted_on_server", made.remote_id)
    assert await remove(it.server, it.journal(playlist_id)) == made.remote_id
    assert await it.server.playlist_items(made.remote_id) == theirs
    edited = await it.written(playlist_id, "Taken over by nobody", range(3))
    await it.server.set_playlist_items(edited.remote_id, some(it.world, (8, 1)))
    assert (await it.written(playlist_id, "Taken over by nobody", range(3))).action == "updated"


async def _a_playlist_that_its_owner_deleted_stays_deleted_until_asked_for(it: Scene) -> None:
    playlist_id = uuid7()
    made = await it.written(playlist_id, "Unwanted", range(3))
    await it.server.delete_playlist(made.remote_id)
    before = await listing(it.server)
    for _ in range(2):
        assert await it.write(playlist_id, "Unwanted", range(4)) == LeftAlone("deleted_on_server", made.remote_id)
    assert await listing(it.server) == before
    back = await it.write(playlist_id, "Unwanted", range(4), revive=True)
    assert isinstance(back, Written) and back.action == "created"
    assert (await it.written(playlist_id, "Unwanted", range(4))).remote_id == back.remote_id


async def _what_a_killed_process_left_is_completed(it: Scene) -> None:
    wanted = some(it.world, range(6))
    hand_made = await it.world.by_hand("Cut short", some(it.world, range(2)))
    stored, listed = await it.world.stored(hand_made), tuple(await listing(it.server))
    title = "Cut short 2" if it.server.abilities.unique_names else "Cut short"
    plan = Entry("creating", title, title=title, wanted=wanted, listed=listed)

    never_made = uuid7()
    await it.interrupted(never_made, plan)
    assert (await it.written(never_made, title, range(6))).action == "created"
    await remove(it.server, it.journal(never_made))

    half_made = uuid7()
    left = await it.server.create_playlist(title, wanted[:3])
    await it.interrupted(half_made, plan)
    assert (await it.written(half_made, title, range(6))).remote_id == left
    assert await it.server.playlist_items(left) == wanted

    await it.server.set_playlist_items(left, wanted[2:4])
    before = Before(wanted, "Older name")
    await it.interrupted(half_made, Entry("writing", title, left, title, items=wanted, before=before))
    assert (await it.written(half_made, title, (7, 8))).remote_id == left
    assert await it.server.playlist_items(left) == some(it.world, (7, 8))
    assert await it.world.stored(hand_made) == stored


async def _only_our_own_playlist_is_removed(it: Scene) -> None:
    playlist_id, before = uuid7(), await listing(it.server)
    assert await remove(it.server, it.journal(playlist_id)) is None
    made = await it.written(playlist_id, "Not for long", range(3))
    assert await remove(it.server, it.journal(playlist_id)) == made.remote_id
    assert await listing(it.server) == before
    assert await remove(it.server, it.journal(playlist_id)) is None
    again = await it.written(playlist_id, "Not for long", range(3))
    await it.server.delete_playlist(again.remote_id)
    assert await remove(it.server, it.journal(playlist_id)) == again.remote_id
