"""A fault at every single call of a sync: the server ends with the old playlist or the new one, and the next try
completes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from services.syncer.writing import LeftAlone, NotWritten, Written
from shared.messages import uuid7
from tests.breaking import Fault
from tests.integration.mediaservers.playlist_contract import BreakableWorld, listing
from tests.integration.syncer.scene import Scene, scene
from tests.integration.syncer.worlds import KINDS, server_world, some
from tests.world import World

OLD, NEW = range(3), (8, 1, 9, 5)
FAULTS: tuple[Fault, ...] = ("error", "cut", "cut_after")
Write = Callable[[], Awaitable[Written | LeftAlone]]


async def broken(it: Scene, world: BreakableWorld, number: int, fault: Fault, write: Write) -> tuple[bool, bool]:
    """Write while a call breaks: whether that was told, and whether the call was reached at all."""
    calls = world.calls()
    world.break_call(number, fault)
    try:
        assert isinstance(await write(), Written)
    except NotWritten as error:
        assert error.restored is not False
        failed = True
    else:
        failed = False
    reached = world.calls() - calls >= number
    world.break_call(0, fault)
    return failed, reached


@pytest.mark.parametrize("kind", KINDS)
async def test_a_new_playlist_is_there_or_not_and_after_another_try_once(here: World, kind: str) -> None:
    async with server_world(kind) as world, scene(here, world) as it:
        assert sum([await _create_with_each_call_broken(it, world, fault) for fault in FAULTS]) > 2


async def _create_with_each_call_broken(it: Scene, world: BreakableWorld, fault: Fault) -> int:
    before = await listing(it.server)
    number, reached, failures = 0, True, 0
    while reached:
        number += 1
        playlist_id = uuid7()

        async def write(playlist_id: UUID = playlist_id) -> Written | LeftAlone:
            return await it.write(playlist_id, "New", NEW)

        failed, reached = await broken(it, world, number, fault, write)
        failures += failed
        if failed:
            assert await listing(it.server) == before
        again = await write()
        assert isinstance(again, Written)
        assert (await listing(it.server)).keys() - before.keys() == {again.remote_id}
        assert await it.server.playlist_items(again.remote_id) == some(it.world, NEW)
        assert (await write()) == Written("unchanged", again.remote_id, "New", len(NEW), 0)
        await it.server.delete_playlist(again.remote_id)
        await it.here.connection.execute("DELETE FROM sync_journal")
    assert number > 3
    return failures


@pytest.mark.parametrize("kind", KINDS)
async def test_a_changed_playlist_is_the_old_or_the_new_one_and_after_another_try_the_new(
    here: World, kind: str
) -> None:
    async with server_world(kind) as world, scene(here, world) as it:
        playlist_id = uuid7()
        made = await it.write(playlist_id, "Old", OLD)
        assert isinstance(made, Written)
        failures = [
            await _change_with_each_call_broken(it, world, fault, playlist_id, made.remote_id) for fault in FAULTS
        ]
        assert sum(failures) > 2


async def _change_with_each_call_broken(
    it: Scene, world: BreakableWorld, fault: Fault, playlist_id: UUID, remote_id: str
) -> int:
    async def write() -> Written | LeftAlone:
        return await it.write(playlist_id, "New", NEW)

    old = await listing(it.server)
    new = {**old, remote_id: "New"}
    number, reached, failures = 0, True, 0
    while reached:
        number += 1
        failed, reached = await broken(it, world, number, fault, write)
        failures += failed
        assert await listing(it.server) == (old if failed else new)
        assert await it.server.playlist_items(remote_id) == some(it.world, OLD if failed else NEW)
        updated = Written("updated", remote_id, "New", len(NEW), 0, 3, 2)
        assert await write() == (updated if failed else Written("unchanged", remote_id, "New", len(NEW), 0))
        assert await listing(it.server) == new
        assert await it.server.playlist_items(remote_id) == some(it.world, NEW)
        assert isinstance(await it.write(playlist_id, "Old", OLD), Written)
    assert number > 3
    return failures
