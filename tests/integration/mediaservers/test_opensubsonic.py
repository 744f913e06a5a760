"""Playlists in an OpenSubsonic server as Navidrome is one, and in servers with ways of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from shared.errors import LibraryUnusable, ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers import subsonic_client
from shared.mediaservers.base import Played, RemoteLibrary, ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from tests.integration.mediaservers.contract import walk
from tests.integration.mediaservers.playlist_contract import (
    BreakableWorld,
    PlaylistContract,
    PlaylistFaultContract,
    listing,
)
from tests.subsonic.faulty_server import PASSWORD, USER
from tests.subsonic.open_server import KEY, OTHER_USER, OpenServer, Ways

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


class OpenWorld(BreakableWorld):
    """Forty songs, three of which were played."""

    unknown_item = "so-9-9999"
    libraries = (RemoteLibrary("1", "Music"), RemoteLibrary("2", "Radio plays"))

    def __init__(self, server: OpenServer) -> None:
        self.server = server
        self.breaker = server.breaker
        self.items = server.add_songs(40)
        one, two, three, four = self.items[:4]
        server.songs[one] |= {"playCount": 7, "played": AT.isoformat().replace("+00:00", "Z")}
        server.songs[two] |= {"userRating": 4}
        server.songs[three] |= {"starred": AT.isoformat(), "playCount": 1}
        self.played = {
            one: Played(one, 7, AT),
            two: Played(two, rating=4.0),
            three: Played(three, 1, favourite=True),
        }
        timed = {"lang": "eng", "synced": True, "line": [{"start": 0, "value": "wrong"}]}
        plain = {"lang": "eng", "synced": False, "line": [{"value": "First line "}, {"value": ""}, {"value": "Last"}]}
        server.lyrics[four] = [timed, plain]
        self.words = (four, "First line\n\nLast")
        self.wordless = one

    def config(self, password: str = PASSWORD) -> ServerConfig:
        return ServerConfig(uuid4(), "subsonic", "open", None, self.server.url, USER, password)

    def connect(self) -> SubsonicServer:
        return SubsonicServer(self.config())

    def connect_wrongly(self) -> SubsonicServer:
        return SubsonicServer(self.config("guessed"))

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        made = self.server.keep(name, USER, list(item_ids), comment="mine", public=True)
        return str(made["id"])

    async def stored(self, remote_id: str) -> object:
        return deepcopy(self.server.playlists[remote_id])


@pytest.fixture
async def world() -> AsyncIterator[OpenWorld]:
    async with OpenServer() as server:
        yield OpenWorld(server)


@pytest.fixture
async def server(world: OpenWorld) -> AsyncIterator[SubsonicServer]:
    server = world.connect()
    yield server
    await server.close()


class TestNavidromesWays(PlaylistContract, PlaylistFaultContract):
    """All ids fit in one form."""


class TestOtherWays(PlaylistContract, PlaylistFaultContract):
    """No forms, no answer that says what was made, single objects, nothing replaced as a whole."""

    made = changed = 16
    longest = 60

    @pytest.fixture
    def world(self, world: OpenWorld, monkeypatch: pytest.MonkeyPatch) -> OpenWorld:
        monkeypatch.setattr(subsonic_client, "URL_LENGTH", 200)
        world.server.ways = Ways(
            forms=False, names_new=False, replaces="refuses", drops_unknown=True, single_objects=True
        )
        return world


class TestWriting:
    async def test_a_new_playlist_is_private(self, world: OpenWorld, server: SubsonicServer) -> None:
        remote_id = await server.create_playlist("Mine", world.items[:2])
        assert world.server.playlists[remote_id]["public"] is False

    async def test_forms_keep_logins_and_ids_out_of_addresses(self, world: OpenWorld, server: SubsonicServer) -> None:
        await server.create_playlist("Long", world.items * 50)
        written = [call for call in world.server.calls if call[0] == "POST"]
        assert [method for _, method, _ in written] == ["createPlaylist", *["updatePlaylist"] * 3]
        assert {query for _, _, query in written} == {""}

    async def test_a_playlist_of_5000_tracks_is_written_and_changed(
        self, world: OpenWorld, server: SubsonicServer
    ) -> None:
        wanted = world.items * 125
        remote_id = await server.create_playlist("Everything", wanted)
        await server.set_playlist_items(remote_id, (*wanted[:2000], *wanted[2003:], world.items[0]))
        assert world.server.playlists[remote_id]["songs"] == [*wanted[:2000], *wanted[2003:], world.items[0]]

    async def test_a_list_that_fits_in_one_request_is_replaced_by_one(
        self, world: OpenWorld, server: SubsonicServer
    ) -> None:
        remote_id = await server.create_playlist("Short", world.items[:5])
        world.server.calls.clear()
        await server.set_playlist_items(remote_id, world.items[10:30])
        assert [call[1] for call in world.server.calls] == ["getPlaylist", "createPlaylist", "getPlaylist"]

    async def test_an_equal_list_is_not_written(self, world: OpenWorld, server: SubsonicServer) -> None:
        remote_id = await server.create_playlist("Equal", world.items[:5])
        world.server.calls.clear()
        await server.set_playlist_items(remote_id, world.items[:5])
        assert [call[1] for call in world.server.calls] == ["getPlaylist"]

    async def test_a_server_that_appends_instead_of_replacing_gets_the_rest_removed(
        self, world: OpenWorld, server: SubsonicServer
    ) -> None:
        world.server.ways.replaces = "appends"
        remote_id = await server.create_playlist("Appended", world.items[:5])
        await server.set_playlist_items(remote_id, world.items[3:9])
        assert await server.playlist_items(remote_id) == world.items[3:9]

    async def test_a_server_that_silently_keeps_less_is_found_out(
        self, world: OpenWorld, server: SubsonicServer
    ) -> None:
        world.server.ways.longest = 10
        with pytest.raises(ServerMisbehaved, match="10 of 20"):
            await server.create_playlist("Cut", world.items[:20])
        assert world.server.playlists == {}
        remote_id = await server.create_playlist("Short", world.items[:5])
        with pytest.raises(ServerMisbehaved, match="10 of 20"):
            await server.set_playlist_items(remote_id, world.items[:20])

    async def test_a_server_that_does_not_rename_is_found_out(self, world: OpenWorld, server: SubsonicServer) -> None:
        world.server.ways.renames = False
        with pytest.raises(ServerMisbehaved, match="rename"):
            await server.create_playlist("Named", world.items[:2])
        assert world.server.playlists == {}

    async def test_unknown_songs_are_left_out_of_half_a_library(self, world: OpenWorld, server: SubsonicServer) -> None:
        remote_id = await server.create_playlist("Half", world.items)
        for item in world.items[::2]:
            del world.server.songs[item]
        await server.set_playlist_items(remote_id, tuple(reversed(world.items)))
        assert await server.playlist_items(remote_id) == tuple(reversed(world.items[1::2]))

    async def test_making_a_playlist_that_is_cancelled_leaves_nothing(
        self, world: OpenWorld, server: SubsonicServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subsonic_client, "FORM_LENGTH", 60)
        world.server.hold_at = 5
        making = asyncio.create_task(server.create_playlist("Cancelled", world.items))
        await asyncio.wait_for(world.server.held.wait(), 10)
        assert len(world.server.playlists) == 1
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
        assert world.server.playlists == {}

    async def test_what_cannot_be_undone_has_a_name_that_says_so(
        self, world: OpenWorld, server: SubsonicServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(subsonic_client, "FORM_LENGTH", 60)
        world.server.broken_from = 4
        with pytest.raises(ServerUnavailable):
            await server.create_playlist("Named", world.items)
        (left,) = world.server.playlists.values()
        assert left["name"].startswith("Named (being written ")

    async def test_playlists_of_others_are_told_with_their_owner_and_refused(
        self, world: OpenWorld, server: SubsonicServer
    ) -> None:
        foreign = world.server.keep("Bob's", OTHER_USER, list(world.items[:3]), public=True)
        world.server.keep("Secret", OTHER_USER, [])
        before = deepcopy(world.server.playlists)
        (seen,) = await server.playlists()
        assert (seen.remote_id, seen.name, seen.owner, seen.track_count) == (foreign["id"], "Bob's", OTHER_USER, 3)
        for use in (
            server.set_playlist_items(foreign["id"], world.items[:1]),
            server.rename_playlist(foreign["id"], "Mine"),
            server.delete_playlist(foreign["id"]),
        ):
            with pytest.raises(ServerRefused) as caught:
                await use
            assert caught.value.reason == "forbidden"
        assert world.server.playlists == before


class TestLogin:
    async def test_an_api_key_is_enough(self, world: OpenWorld) -> None:
        config = replace(world.config(KEY), username=None, login="token")
        server = SubsonicServer(config)
        remote_id = await server.create_playlist("By key", world.items[:2])
        assert await server.playlist_items(remote_id) == world.items[:2]
        assert server.account == ""
        assert (await server.test()).ok
        await server.close()

    async def test_a_wrong_key_is_refused_and_not_repeated(self, world: OpenWorld) -> None:
        server = SubsonicServer(replace(world.config("guessed-key"), login="token"))
        result = await server.test()
        assert not result.ok
        assert "guessed-key" not in result.message
        await server.close()

    async def test_the_account_is_the_user(self, server: SubsonicServer) -> None:
        assert server.account == USER


class TestLibraries:
    @pytest.fixture
    def plays(self, world: OpenWorld) -> tuple[str, ...]:
        found = world.server.add_songs(150, folder=2)
        world.server.songs[found[3]]["playCount"] = 2
        return found

    async def test_only_chosen_libraries_are_walked(self, world: OpenWorld, plays: tuple[str, ...]) -> None:
        server = SubsonicServer(replace(world.config(), libraries=("2",)))
        assert {item.item_id for item in await walk(server)} == set(plays)
        assert [played.item_id async for chunk in server.plays() for played in chunk] == [plays[3]]
        result = await server.test()
        assert result.tracks_seen == 100
        assert result.libraries == world.libraries
        await server.close()

    async def test_several_are_walked_one_after_the_other(self, world: OpenWorld, plays: tuple[str, ...]) -> None:
        server = SubsonicServer(replace(world.config(), libraries=("2", "1")))
        assert [item.item_id for item in await walk(server)] == [*plays, *world.items]
        await server.close()

    async def test_a_chosen_library_that_is_gone_is_named(self, world: OpenWorld) -> None:
        server = SubsonicServer(replace(world.config(), libraries=("1", "7")))
        with pytest.raises(LibraryUnusable, match="library 7"):
            await server.list_page(None)
        await server.close()


class TestWords:
    async def test_words_with_times_come_without_them(self, world: OpenWorld, server: SubsonicServer) -> None:
        item = world.items[9]
        lines = [{"start": 1, "value": "[00:01.00]La"}, {"start": 2, "value": "la"}]
        world.server.lyrics[item] = [{"lang": "xxx", "synced": True, "line": lines}]
        assert await server.lyrics(item) == "La\nla"

    async def test_an_unknown_song_has_no_words(self, world: OpenWorld, server: SubsonicServer) -> None:
        assert await server.lyrics(world.unknown_item) is None


async def test_names_come_back_as_they_are_in_json(world: OpenWorld, server: SubsonicServer) -> None:
    name = json.loads('"tab\\there \\u0000 \\ud83c\\udf19"')
    remote_id = await server.create_playlist(name, world.items[:1])
    assert (await listing(server))[remote_id] == "tab here 🌙"
