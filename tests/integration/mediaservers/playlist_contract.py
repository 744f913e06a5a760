"""What every adapter must do with playlists. A subclass gives the fixture ``world``; the fixture ``server`` is its
adapter.

``PlaylistContract`` runs for every adapter. ``PlaylistFaultContract`` adds what can only be tried over a network; its
``world`` is a ``BreakableWorld``. Inherit both as ``class TestX(PlaylistContract, PlaylistFaultContract)``. A world is
made anew for each test or shared; tests clean up nothing and do not rely on what others left.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from itertools import cycle, islice
from uuid import uuid4

import pytest

from shared.errors import Permanent, ServerRefused, StarlingError
from shared.mediaservers.base import Played, PlaylistServer, RemoteLibrary
from tests.breaking import Breaker, Fault

CHUNK = 10
"""Ids in one call while calls are broken, instead of a hundred: what is tried is the same, and quicker."""
FAULTS: tuple[Fault, ...] = ("error", "cut", "cut_after", "login")


class World(ABC):
    """One server with music on it, seen from outside the adapter."""

    items: tuple[str, ...]
    """Item ids the server knows, at least 10; 250 where its playlists hold nothing twice."""
    unknown_item: str
    """An id as the server might give it, but of nothing."""
    words: tuple[str, str]
    """An item that has lyrics, and the lyrics, as plain lines."""
    wordless: str
    """An item that has none."""
    played: dict[str, Played]
    """All that was ever played, rated or marked, by item id."""
    libraries: tuple[RemoteLibrary, ...] = ()

    @abstractmethod
    def connect(self) -> PlaylistServer:
        """A new adapter with the right login."""

    @abstractmethod
    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        """A playlist as its owner makes it on the server, not through the adapter; returns its remote id."""

    @abstractmethod
    async def stored(self, remote_id: str) -> object:
        """All the server keeps of a playlist, to be compared: bytes of the file, every field of the record."""

    def listed_name(self, name: str, server: PlaylistServer) -> str:
        """How a playlist's name comes back from a listing. Override where a server changes names."""
        return name[: server.abilities.name_limit].strip()


class BreakableWorld(World):
    """A server whose calls can be counted and broken."""

    breaker: Breaker

    def calls(self) -> int:
        """How many requests the server got so far."""
        return self.breaker.calls

    def break_call(self, number: int, fault: Fault) -> None:
        """Break the ``number``-th request from now (1 is the next), and only that one; replaces an earlier order.
        ``number`` 0 breaks nothing any more."""
        self.breaker.order(number, fault)

    @abstractmethod
    def connect_wrongly(self) -> PlaylistServer:
        """A new adapter with a wrong password or token."""


async def listing(server: PlaylistServer) -> dict[str, str]:
    """Remote id -> name."""
    return {playlist.remote_id: playlist.name for playlist in await server.playlists()}


def some(world: World, count: int, start: int = 0) -> tuple[str, ...]:
    """``count`` item ids; they come round again where the server has fewer."""
    return tuple(islice(cycle(world.items), start, start + count))


class _Base:
    @pytest.fixture
    async def server(self, world: World) -> AsyncIterator[PlaylistServer]:
        server = world.connect()
        yield server
        await server.close()


class PlaylistContract(_Base):
    """What holds for every adapter; see the module. ``longest`` goes over two chunks of 100 ids; it may be less where
    chunks are made smaller, for a server that takes its time."""

    longest = 250

    @pytest.mark.parametrize("count", [0, 1, 250])
    async def test_a_new_playlist_holds_what_it_was_given_in_order(
        self, server: PlaylistServer, world: World, count: int
    ) -> None:
        count = min(count, self.longest)
        remote_id = await server.create_playlist(f"With {count}", some(world, count))
        assert await server.playlist_items(remote_id) == some(world, count)
        assert (await listing(server))[remote_id] == f"With {count}"
        await server.delete_playlist(remote_id)

    async def test_the_listing_counts_tracks_or_says_nothing(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Counted", some(world, 7))
        counts = {playlist.remote_id: playlist.track_count for playlist in await server.playlists()}
        assert counts[remote_id] in {7, None}

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (range(6), range(6)),
            (range(6), range(9)),
            (range(9), range(2, 5)),
            (range(5), range(5, 10)),
            (range(6), (5, 4, 3, 2, 1, 0)),
            (range(6), (9, 0, 1, 2, 3, 4, 5)),
            (range(6), (0, 8, 1, 7, 2)),
            ((), range(3)),
            (range(3), ()),
        ],
    )
    async def test_any_list_becomes_any_other(
        self, server: PlaylistServer, world: World, before: Sequence[int], after: Sequence[int]
    ) -> None:
        remote_id = await server.create_playlist("Changing", [world.items[place] for place in before])
        await server.set_playlist_items(remote_id, [world.items[place] for place in after])
        assert await server.playlist_items(remote_id) == tuple(world.items[place] for place in after)

    async def test_a_long_playlist_is_replaced_as_a_whole(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Long", some(world, self.longest - 5))
        wanted = tuple(reversed(some(world, self.longest - 10, 5)))
        await server.set_playlist_items(remote_id, wanted)
        assert await server.playlist_items(remote_id) == wanted
        await server.delete_playlist(remote_id)

    async def test_changes_keep_id_and_name(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Kept", some(world, 3))
        before = await listing(server)
        await server.set_playlist_items(remote_id, some(world, 5, 2))
        assert await listing(server) == before

    async def test_a_playlist_is_renamed_and_keeps_its_items(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Old name", some(world, 3))
        await server.rename_playlist(remote_id, "New name")
        assert (await listing(server))[remote_id] == "New name"
        assert await server.playlist_items(remote_id) == some(world, 3)

    async def test_an_empty_playlist_is_renamed_too(self, server: PlaylistServer) -> None:
        remote_id = await server.create_playlist("Old and empty", ())
        await server.rename_playlist(remote_id, "New and empty")
        assert (await listing(server))[remote_id] == "New and empty"

    async def test_a_deleted_playlist_is_gone_and_deleting_it_again_is_no_error(
        self, server: PlaylistServer, world: World
    ) -> None:
        remote_id = await server.create_playlist("Short-lived", some(world, 3))
        await server.delete_playlist(remote_id)
        await server.delete_playlist(remote_id)
        assert remote_id not in await listing(server)

    async def test_a_playlist_that_is_gone_is_not_found(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Gone", some(world, 3))
        await server.delete_playlist(remote_id)
        before = await listing(server)
        uses = (
            server.playlist_items(remote_id),
            server.set_playlist_items(remote_id, some(world, 2)),
            server.rename_playlist(remote_id, "Back"),
        )
        for use in uses:
            with pytest.raises(ServerRefused) as caught:
                await use
            assert caught.value.reason == "not_found"
        assert await listing(server) == before

    @pytest.mark.parametrize(
        "name",
        [
            "AC/DC / live",
            "\"Quoted\" 'names' & <tags> + 50% \\ #1?",
            "Slow 70s 🌙 soul 👩‍🎤 東京",
            "..",
            "long " * 60,
        ],
    )
    async def test_any_name_is_kept(self, server: PlaylistServer, world: World, name: str) -> None:
        remote_id = await server.create_playlist(name, some(world, 2))
        other = await server.create_playlist("Plain name", some(world, 2))
        await server.rename_playlist(other, f"{name[:200].strip()} 2")
        names = await listing(server)
        assert names[remote_id] == world.listed_name(name, server)
        assert names[other] == world.listed_name(f"{name[:200].strip()} 2", server)
        assert await server.playlist_items(remote_id) == some(world, 2)

    async def test_two_playlists_of_one_name_are_two_or_the_second_is_refused(
        self, server: PlaylistServer, world: World
    ) -> None:
        first = await server.create_playlist("Twice", some(world, 2))
        if server.abilities.unique_names:
            with pytest.raises(ServerRefused):
                await server.create_playlist("Twice", some(world, 3, 2))
        else:
            second = await server.create_playlist("Twice", some(world, 3, 2))
            assert first != second
            assert await server.playlist_items(second) == some(world, 3, 2)
        assert await server.playlist_items(first) == some(world, 2)

    async def test_a_playlist_holds_a_track_twice_where_the_server_says_so(
        self, server: PlaylistServer, world: World
    ) -> None:
        one, two = world.items[:2]
        remote_id = await server.create_playlist("Again", [one, two, one, one])
        expected: tuple[str, ...] = (one, two, one, one) if server.abilities.repeats else (one, two)
        assert await server.playlist_items(remote_id) == expected
        await server.set_playlist_items(remote_id, [two, two, one])
        expected = (two, two, one) if server.abilities.repeats else (two, one)
        assert await server.playlist_items(remote_id) == expected

    async def test_unknown_items_are_left_out_or_refused_and_nothing_else_is_lost(
        self, server: PlaylistServer, world: World
    ) -> None:
        known, wanted = some(world, 3), (world.items[3], world.unknown_item, world.items[4])
        remote_id = await server.create_playlist("Known", known)
        before = await listing(server)
        try:
            await server.set_playlist_items(remote_id, wanted)
        except Permanent as error:
            assert getattr(error, "reason", None) != "not_found"
            assert await server.playlist_items(remote_id) == known
        else:
            assert await server.playlist_items(remote_id) == (world.items[3], world.items[4])
        try:
            other = await server.create_playlist("Half known", wanted)
        except Permanent:
            assert await listing(server) == before
        else:
            assert await server.playlist_items(other) == (world.items[3], world.items[4])

    async def test_a_playlist_made_by_hand_survives_byte_for_byte(self, server: PlaylistServer, world: World) -> None:
        hand_made = await world.by_hand("By hand", world.items[:4])
        before = await world.stored(hand_made)
        assert hand_made in await listing(server)
        assert await server.playlist_items(hand_made) == world.items[:4]
        if not server.abilities.unique_names:
            twin = await server.create_playlist("By hand", some(world, 2, 5))
            await server.set_playlist_items(twin, some(world, 4))
            await server.delete_playlist(twin)
        ours = await server.create_playlist("Ours", some(world, 2, 5))
        await server.set_playlist_items(ours, some(world, 4))
        await server.rename_playlist(ours, "Still ours")
        await server.delete_playlist(ours)
        assert await world.stored(hand_made) == before
        assert await server.playlist_items(hand_made) == world.items[:4]

    async def test_another_process_finds_the_same(self, server: PlaylistServer, world: World) -> None:
        remote_id = await server.create_playlist("Shared", some(world, 3))
        other = world.connect()
        try:
            assert await listing(other) == await listing(server)
            await other.set_playlist_items(remote_id, some(world, 4, 3))
            assert await server.playlist_items(remote_id) == some(world, 4, 3)
        finally:
            await other.close()

    async def test_calls_may_run_at_once(self, server: PlaylistServer, world: World) -> None:
        names = [f"At once {number} {uuid4().hex[:6]}" for number in range(8)]
        made = await asyncio.gather(
            *(server.create_playlist(name, some(world, 3, number)) for number, name in enumerate(names))
        )
        assert len(set(made)) == len(names)
        await asyncio.gather(
            *(server.set_playlist_items(remote_id, some(world, 4, place)) for place, remote_id in enumerate(made))
        )
        found = await asyncio.gather(*map(server.playlist_items, made))
        assert found == [some(world, 4, place) for place in range(len(made))]
        assert [(await listing(server))[remote_id] for remote_id in made] == names
        await asyncio.gather(*map(server.delete_playlist, made))

    async def test_words_come_as_plain_lines(self, server: PlaylistServer, world: World) -> None:
        item_id, text = world.words
        assert await server.lyrics(item_id) == text
        assert await server.lyrics(world.wordless) is None

    async def test_plays_are_every_track_that_was_played_once(self, server: PlaylistServer, world: World) -> None:
        chunks = [chunk async for chunk in server.plays()]
        assert all(0 < len(chunk) <= 500 for chunk in chunks)
        found = [played for chunk in chunks for played in chunk]
        assert {played.item_id: played for played in found} == world.played
        assert len(found) == len(world.played)

    async def test_libraries_are_told_with_the_test(self, server: PlaylistServer, world: World) -> None:
        assert await server.libraries() == world.libraries
        assert (await server.test()).libraries == world.libraries


class PlaylistFaultContract(_Base):
    """What holds when a call breaks; see the module. The sizes go over a chunk of ``CHUNK`` ids, to which each adapter
    is set; smaller ones are for servers that take one track at a time, where each track is a call to be broken."""

    made = CHUNK + 3
    old = 4
    changed = CHUNK + 4

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_playlist_is_made_whole_or_not_at_all(
        self, server: PlaylistServer, world: BreakableWorld, fault: Fault
    ) -> None:
        wanted = some(world, self.made)
        await server.create_playlist("First of all", wanted)
        number = 0
        while True:
            number += 1
            before, calls = await listing(server), world.calls()
            world.break_call(number, fault)
            made = None
            with suppress(StarlingError):
                made = await server.create_playlist("Whole", wanted)
            reached = world.calls() - calls >= number
            world.break_call(0, fault)
            if made is not None:
                assert (await listing(server)).keys() - before.keys() == {made}
                assert await server.playlist_items(made) == wanted
                await server.delete_playlist(made)
            assert await listing(server) == before
            if not reached:
                assert made is not None
                break
        assert number > 1

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_a_change_that_breaks_off_leaves_no_empty_playlist_and_can_be_repeated(
        self, server: PlaylistServer, world: BreakableWorld, fault: Fault
    ) -> None:
        old, new = some(world, self.old), tuple(reversed(some(world, self.changed)))
        remote_id = await server.create_playlist("Old or new", old)
        before = await listing(server)
        number = 0
        while True:
            number += 1
            calls = world.calls()
            world.break_call(number, fault)
            changed = False
            with suppress(StarlingError):
                await server.set_playlist_items(remote_id, new)
                changed = True
            reached = world.calls() - calls >= number
            world.break_call(0, fault)
            held = await server.playlist_items(remote_id)
            assert held == new if changed else held
            await server.set_playlist_items(remote_id, old)
            assert await server.playlist_items(remote_id) == old
            assert await listing(server) == before
            if not reached:
                break
        assert number > 1

    @pytest.mark.parametrize("fault", FAULTS)
    async def test_reading_is_whole_or_raises(
        self, server: PlaylistServer, world: BreakableWorld, fault: Fault
    ) -> None:
        remote_id = await server.create_playlist("Read", some(world, 20))
        before = await listing(server)
        for read in ("playlists", "items", "plays"):
            number, reached = 0, True
            while reached:
                number += 1
                calls = world.calls()
                world.break_call(number, fault)
                try:
                    if read == "playlists":
                        assert await listing(server) == before
                    elif read == "items":
                        assert await server.playlist_items(remote_id) == some(world, 20)
                    else:
                        found = [played.item_id async for chunk in server.plays() for played in chunk]
                        assert sorted(found) == sorted(world.played)
                except StarlingError:
                    pass
                reached = world.calls() - calls >= number
            assert number > 1
        world.break_call(0, fault)

    async def test_a_revoked_login_is_named(self, server: PlaylistServer, world: BreakableWorld) -> None:
        remote_id = await server.create_playlist("Locked out", some(world, 3))
        world.break_call(1, "login")
        with pytest.raises(ServerRefused) as caught:
            await server.playlist_items(remote_id)
        world.break_call(0, "login")
        assert caught.value.reason == "wrong_password"

    async def test_a_wrong_login_is_named(self, world: BreakableWorld) -> None:
        server = world.connect_wrongly()
        try:
            with pytest.raises(ServerRefused) as caught:
                await server.playlists()
            assert caught.value.reason == "wrong_password"
            with pytest.raises(ServerRefused):
                await server.create_playlist("Not allowed", some(world, 2))
            result = await server.test()
            assert not result.ok
            assert result.message
        finally:
            await server.close()
