"""Walks through Plex libraries, tokens, and what can go wrong."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from aiohttp import web

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage, RemoteLibrary, ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.plex import PlexServer
from tests.integration.mediaservers.contract import content, walk
from tests.plex.library import made_up
from tests.plex.plex_server import PlexTestServer
from tests.subsonic.faulty_server import FaultyServer, sends

SERVER = UUID(int=4)
IMPATIENT = Patience(connect_s=0.3, idle_s=0.4, answer_s=0.6)


def client(url: str, token: str | None = "token-of-alice", libraries: tuple[str, ...] | None = None) -> PlexServer:
    config = ServerConfig(SERVER, "plex", "test", None, url, None, token, "token", libraries)
    return PlexServer(config, IMPATIENT)


@pytest.fixture
async def remote() -> AsyncIterator[PlexTestServer]:
    """Two libraries of music, with 230 and 30 tracks."""
    async with PlexTestServer(made_up(230) + made_up(30, "7", 1001)) as server:
        server.sections.append(("7", "artist", "More music"))
        yield server


@pytest.fixture
async def server(remote: PlexTestServer) -> AsyncIterator[PlexServer]:
    server = client(remote.url)
    yield server
    await server.close()


async def all_pages(server: PlexServer) -> list[ListingPage]:
    found = [await server.list_page(None)]
    while found[-1].next_cursor is not None:
        found.append(await server.list_page(found[-1].next_cursor))
    return found


def keys(first: int, count: int) -> list[str]:
    return [str(number) for number in range(first, first + count)]


class TestTheWalk:
    async def test_one_library_after_the_other_in_pages_of_a_hundred(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        found = await all_pages(server)
        assert [len(page.items) for page in found] == [100, 100, 30, 30]
        assert [item.item_id for page in found for item in page.items] == keys(1, 230) + keys(1001, 30)
        assert len([request for request in remote.requests if "/all?type=10" in request]) == 2
        assert len([request for request in remote.requests if "/all?type=9" in request]) == 2

    async def test_only_chosen_libraries_are_walked(self, remote: PlexTestServer, server: PlexServer) -> None:
        assert await server.libraries() == (RemoteLibrary("5", "Music"), RemoteLibrary("7", "More music"))
        chosen = client(remote.url, libraries=("7",))
        assert [item.item_id for item in await walk(chosen)] == keys(1001, 30)
        remote.track(3).fields["viewCount"] = remote.track(1003).fields["viewCount"] = 1
        assert [played.item_id async for chunk in chosen.plays() for played in chunk] == ["1003"]
        await chosen.close()

    @pytest.mark.parametrize("gone", ["1", "6", "../5"])
    async def test_a_library_that_is_gone_or_holds_no_music_is_named(self, remote: PlexTestServer, gone: str) -> None:
        server = client(remote.url, libraries=("5", gone))
        with pytest.raises(ServerRefused, match="is not on") as caught:
            await server.list_page(None)
        await server.close()
        assert caught.value.reason == "not_found"

    async def test_a_server_without_music(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.sections = [("1", "movie", "Films")]
        assert await all_pages(server) == [ListingPage((), None)]
        result = await server.test()
        assert not result.ok
        assert "lists no music" in result.message

    async def test_one_object_may_stand_for_a_list(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.single_objects = True
        remote.sections, remote.tracks = [("5", "artist", "Music")], made_up(1)
        (item,) = await walk(server)
        made = await server.create_playlist("One", [item.item_id])
        assert await server.playlist_items(made) == (item.item_id,)

    async def test_short_answers_are_no_end(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.most_rows = 40
        assert len(await walk(server)) == 260

    async def test_a_total_that_is_too_high_makes_the_walk_incomplete(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        remote.lie = 3
        found = await all_pages(server)
        assert sum(len(page.items) for page in found) == 260
        assert found[-1].incomplete

    async def test_a_total_that_is_too_low_hides_nothing(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.tracks, remote.lie = made_up(1200), -300
        assert len(await walk(server)) == 1200

    async def test_lists_that_lie_about_their_length_raise(self, remote: PlexTestServer, server: PlexServer) -> None:
        made = await server.create_playlist("One", ["1", "2"])
        remote.lie = 3
        with pytest.raises(ServerUnavailable, match="announces 5 rows but lists only 2"):
            await server.playlist_items(made)
        with pytest.raises(ServerUnavailable, match="announces"):
            await server.playlists()
        with pytest.raises(ServerUnavailable, match="announces"):
            [chunk async for chunk in server.plays()]

    async def test_a_list_that_changes_between_its_pages_raises(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        made = await server.create_playlist("Long", keys(1, 100))
        remote.most_rows = 40

        def change(request: web.Request) -> None:
            if request.headers.get("X-Plex-Container-Start") == "80":
                remote.put(remote.playlists[int(made)], [5])

        remote.before = change
        with pytest.raises(ServerUnavailable, match="changed while it was read"):
            await server.playlist_items(made)

    async def test_tracks_that_vanish_before_the_place_hide_none_of_the_others(self, remote: PlexTestServer) -> None:
        first = client(remote.url)
        page = await first.list_page(None)
        await first.close()
        remote.tracks = remote.tracks[50:]
        found, cursor = set[str](), page.next_cursor
        while cursor:
            other = client(remote.url)
            page = await other.list_page(cursor)
            await other.close()
            found |= {item.item_id for item in page.items}
            cursor = page.next_cursor
        assert set(keys(101, 130) + keys(1001, 30)) <= found
        assert page.incomplete

    async def test_a_track_without_a_file_is_left_out_with_a_word(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        remote.track(9).fields["Media"] = []
        page = await server.list_page(None)
        assert page.problems == ("Title 0009 has no file",)
        with pytest.raises(ServerRefused) as caught:
            await server.open_audio("9")
        assert caught.value.reason == "not_found"

    async def test_a_track_without_a_genre_has_its_albums(self, remote: PlexTestServer, server: PlexServer) -> None:
        for track in remote.tracks[:2]:
            track.fields["parentRatingKey"], track.album_genre = "900001", "Jazz"
        remote.tracks[1].genre = "Bebop"
        items = await walk(server)
        assert [item.track and item.track.genre for item in items[:3]] == ["Jazz", "Bebop", None]
        bare = tuple(ListedItem(item.item_id, item.content_version, item.meta_version) for item in items[:3])
        assert await server.describe(bare) == await server.describe(items[:3])

    async def test_an_item_from_elsewhere_is_asked_for(self, server: PlexServer) -> None:
        (track,) = await server.describe((ListedItem("12", "c", "m"),))
        assert (track.title, track.content_version, track.meta_version) == ("Title 0012", "c", "m")
        with pytest.raises(ServerRefused):
            await server.describe((ListedItem("9999", "c", "m"),))


class TestTheToken:
    async def test_it_is_never_in_an_address(self, remote: PlexTestServer, server: PlexServer) -> None:
        """The test server fails on it; this makes each kind of request."""
        assert (await server.test()).ok
        made = await server.create_playlist("One", ["1", "2"])
        await server.set_playlist_items(made, ["2", "3"])
        await server.rename_playlist(made, "Two")
        await server.delete_playlist(made)
        await content(await server.open_audio("1"))
        assert {request.split()[0] for request in remote.requests} == {"GET", "POST", "PUT", "DELETE"}
        assert all("Token" not in request for request in remote.requests)

    async def test_whose_it_is_is_told_where_the_server_says_so(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        message = (await server.test()).message
        assert message == "found 100 or more tracks; playlists will belong to alice@example.com"
        remote.user = None
        assert "belong" not in (await server.test()).message
        assert server.account == ""

    async def test_a_wrong_one_is_told(self, remote: PlexTestServer) -> None:
        server = client(remote.url, "old-token")
        for call in (server.list_page(None), server.open_audio("1"), server.lyrics("1"), server.playlists()):
            with pytest.raises(ServerRefused) as caught:
                await call
            assert caught.value.reason == "wrong_password"
            assert "old-token" not in str(caught.value)
        result = await server.test()
        await server.close()
        assert not result.ok
        assert "does not accept this token" in result.message

    @pytest.mark.parametrize("token", [None, "", "  ", "with space", "ümlaut", "line\nbreak"])
    def test_one_that_cannot_be_sent_is_refused(self, token: str | None) -> None:
        with pytest.raises(InvalidInput) as caught:
            client("http://h:32400", token)
        assert caught.value.field == "token"


class TestPlaylists:
    async def test_only_music_is_listed(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.add_playlist("Films", [], "video")
        music = remote.add_playlist("Songs", [1, 2])
        assert [(each.remote_id, each.track_count) for each in await server.playlists()] == [(str(music), 2)]

    async def test_a_playlist_is_not_emptied_when_all_its_tracks_are_gone(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        made = await server.create_playlist("Ours", ["3", "4"])
        with pytest.raises(ServerRefused, match="knows none of the playlist's 3 tracks"):
            await server.set_playlist_items(made, ["7001", "7002", "no/id"])
        assert await server.playlist_items(made) == ("3", "4")

    async def test_tracks_that_vanish_while_they_are_added_cost_nothing_old(
        self, remote: PlexTestServer, server: PlexServer
    ) -> None:
        made = await server.create_playlist("Ours", ["3", "4"])
        remote.tracks = [track for track in remote.tracks if track.key < 100]
        listed = PlexTestServer.put
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PlexTestServer, "put", lambda self, playlist, _: listed(self, playlist, []))
            with pytest.raises(ServerRefused, match="the old ones stay"):
                await server.set_playlist_items(made, ["5", "6"])
        assert await server.playlist_items(made) == ("3", "4")

    async def test_no_change_passes_through_an_empty_list(self, remote: PlexTestServer, server: PlexServer) -> None:
        chance, seen = random.Random(7), set[int]()
        made = await server.create_playlist("Ours", keys(1, 3))
        remote.before = lambda _: seen.add(len(remote.playlists[int(made)].entries))
        for _ in range(25):
            wanted = tuple(chance.choices(keys(1, 9), k=chance.randrange(1, 7)))
            await server.set_playlist_items(made, wanted)
            assert await server.playlist_items(made) == wanted
        assert 0 not in seen

    async def test_few_changes_need_few_calls(self, remote: PlexTestServer, server: PlexServer) -> None:
        made = await server.create_playlist("Ours", keys(1, 230))
        remote.requests.clear()
        await server.set_playlist_items(made, keys(1, 229))
        assert [request.split()[0] for request in remote.requests] == ["GET", "DELETE", "GET"]
        remote.requests.clear()
        await server.set_playlist_items(made, keys(1, 229))
        assert [request.split()[0] for request in remote.requests] == ["GET"]

    @pytest.mark.parametrize("remote_id", ["", "x", "../library", "1/items/2", "99999"])
    async def test_ids_that_are_none_lead_nowhere(self, server: PlexServer, remote_id: str) -> None:
        for call in (
            server.playlist_items(remote_id),
            server.set_playlist_items(remote_id, ["1"]),
            server.rename_playlist(remote_id, "Name"),
        ):
            with pytest.raises(ServerRefused) as caught:
                await call
            assert caught.value.reason == "not_found"


class TestLyrics:
    @pytest.mark.parametrize("kind", ["txt", "lrc", "json"])
    async def test_every_form_gives_plain_lines(self, remote: PlexTestServer, server: PlexServer, kind: str) -> None:
        remote.track(5).lyrics = (kind, "[00:01.00]One\nTwo" if kind == "lrc" else "One\nTwo")
        assert await server.lyrics("5") == "One\nTwo"

    async def test_an_unknown_track_is_not_found(self, server: PlexServer) -> None:
        for item_id in ("9999", "../1", ""):
            with pytest.raises(ServerRefused) as caught:
                await server.lyrics(item_id)
            assert caught.value.reason == "not_found"


class TestOtherServers:
    @pytest.mark.parametrize(
        ("body", "kind", "words"),
        [
            (b"<html>hello</html>", ServerMisbehaved, "is this the address of a Plex server"),
            (b'{"MediaContainer": 5}', ServerMisbehaved, "does not answer like a Plex server"),
            (b'{"MediaContainer": {"si', ServerUnavailable, "only part of an answer"),
        ],
    )
    async def test_are_told_apart(self, body: bytes, kind: type[Exception], words: str) -> None:
        async with FaultyServer([]) as other:
            other.faults["*"] = sends(body)
            server = client(other.url)
            with pytest.raises(kind, match=words):
                await server.playlists()
            assert not (await server.test()).ok
            await server.close()

    async def test_a_slow_server_is_unavailable(self, remote: PlexTestServer, server: PlexServer) -> None:
        remote.breaker.slow_s = 1.5
        with pytest.raises(ServerUnavailable, match="did not answer in time"):
            await server.playlists()
