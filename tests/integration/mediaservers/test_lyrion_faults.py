"""Walks through a Lyrion library, logins, and what can go wrong."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage, ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.lyrion import LyrionServer
from tests.integration.mediaservers.contract import content, walk
from tests.lyrion.library import Track, made_up
from tests.lyrion.lyrion_server import LyrionTestServer
from tests.subsonic.faulty_server import FaultyServer, sends

SERVER = UUID(int=3)
IMPATIENT = Patience(connect_s=0.3, idle_s=0.4, answer_s=0.6)


def client(server: LyrionTestServer | FaultyServer, libraries: tuple[str, ...] | None = None) -> LyrionServer:
    user, password = getattr(server, "login", None) or (None, None)
    config = ServerConfig(SERVER, "lyrion", "test", None, server.url, user, password, "password", libraries)
    return LyrionServer(config, IMPATIENT)


@pytest.fixture
async def remote() -> AsyncIterator[LyrionTestServer]:
    async with LyrionTestServer(made_up(230)) as server:
        yield server


@pytest.fixture
async def server(remote: LyrionTestServer) -> AsyncIterator[LyrionServer]:
    server = client(remote)
    yield server
    await server.close()


async def all_pages(server: LyrionServer) -> list[ListingPage]:
    found = [await server.list_page(None)]
    while found[-1].next_cursor is not None:
        found.append(await server.list_page(found[-1].next_cursor))
    return found


async def some_library(remote: LyrionTestServer, *names: str) -> list[str]:
    """The tracks of these libraries."""
    server = client(remote, names)
    try:
        return [item.item_id for item in await walk(server)]
    finally:
        await server.close()


class TestTheWalk:
    async def test_pages_hold_a_hundred_tracks(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        found = await all_pages(server)
        assert [len(page.items) for page in found] == [100, 100, 30]
        assert [command[:3] for command in remote.commands if command[0] == "titles"] == [["titles", 0, 501]]

    async def test_an_empty_library(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        remote.tracks = []
        assert await all_pages(server) == [ListingPage((), None)]
        assert not (await server.test()).ok

    async def test_streams_and_parts_of_files_are_left_out(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.tracks += [
            Track(801, "spotify:track:123", "A stream", remote=True),
            Track(802, "qobuz://124.flac", "Another"),
            Track(803, "file:///srv/music/whole.flac#0-100", "A cue"),
        ]
        found = await all_pages(server)
        listed = [item.item_id for page in found for item in page.items]
        assert len(listed) == 230
        assert [problem for page in found for problem in page.problems] == [
            "A cue is only a part of a larger file and cannot be fetched alone"
        ]
        assert not found[-1].incomplete

    async def test_a_library_that_is_being_scanned_is_incomplete(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.scanning = True
        assert (await all_pages(server))[-1].incomplete

    @pytest.mark.parametrize(("lie", "more"), [(7, 0), (0, 7)])
    async def test_totals_that_are_too_high_make_the_walk_incomplete(
        self, remote: LyrionTestServer, server: LyrionServer, lie: int, more: int
    ) -> None:
        remote.lie, remote.lie_about_songs = lie, more
        found = await all_pages(server)
        assert sum(len(page.items) for page in found) == 230
        assert found[-1].incomplete
        assert "230" in found[-1].problems[0]

    async def test_short_answers_are_no_end(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        remote.most_rows = 40
        assert len(await walk(server)) == 230

    async def test_tracks_that_vanish_before_the_place_hide_none_of_the_others(self, remote: LyrionTestServer) -> None:
        first = client(remote)
        page = await first.list_page(None)
        gone = {track.id for track in remote.tracks[:50]}
        remote.tracks = remote.tracks[50:]
        found, cursor = set[str](), page.next_cursor
        while cursor:
            page = await client_page(remote, cursor)
            found |= {item.item_id for item in page.items}
            cursor = page.next_cursor
        await first.close()
        assert {str(track.id) for track in remote.tracks[50:]} <= found
        assert page.incomplete
        assert not {str(one) for one in gone} & found
        assert remote.past_the_end == 0

    async def test_a_broken_call_raises(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        remote.breaker.order(2, "error")
        with pytest.raises(ServerUnavailable, match="HTTP 500"):
            await server.list_page(None)

    async def test_an_item_from_elsewhere_is_asked_for(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        (track,) = await server.describe((ListedItem("12", "c", "m"),))
        assert (track.title, track.content_version, track.meta_version) == ("Title 0012", "c", "m")
        with pytest.raises(ServerRefused, match="no track 9999"):
            await server.describe((ListedItem("9999", "c", "m"),))


async def client_page(remote: LyrionTestServer, cursor: str) -> ListingPage:
    """A page as another process reads it."""
    other = client(remote)
    try:
        return await other.list_page(cursor)
    finally:
        await other.close()


class TestLibraries:
    async def test_virtual_libraries_and_folders_can_be_chosen(self, remote: LyrionTestServer) -> None:
        remote.libraries = [("a1", "Jazz"), ("b2", "Rock")]
        remote.folders = [("file:///srv/music/Artist%201", "Artist 1"), ("file:///srv/music/Artist%202", "Artist 2")]
        for track in remote.tracks[:12]:
            track.library = "a1"
        jazz = [str(track.id) for track in remote.tracks[:12]]
        folder = [str(track.id) for track in remote.tracks if "/Artist%201/" in track.url]
        assert await some_library(remote, "library:a1") == jazz
        assert await some_library(remote, "folder:file:///srv/music/Artist%201") == folder
        both = await some_library(remote, "library:a1", "folder:file:///srv/music/Artist%201")
        assert set(both) == {*jazz, *folder}

    async def test_a_library_that_is_gone_is_named(self, remote: LyrionTestServer) -> None:
        with pytest.raises(ServerRefused, match="library library:a1 is not on") as caught:
            await some_library(remote, "library:a1")
        assert caught.value.reason == "not_found"

    async def test_a_server_that_does_not_know_libraries_has_none(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.knows_libraries = False
        assert await server.libraries() == ()


class TestNewPlaylists:
    async def test_a_server_without_a_folder_for_them_is_told_apart_from_one_that_is_away(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.playlist_folder = False
        with pytest.raises(ServerRefused, match="set a folder for playlists in its settings"):
            await server.create_playlist("Ours", ["3"])

    async def test_a_name_with_slashes_comes_back_with_spaces(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        made = await server.create_playlist("AC/DC / live", ["3"])
        assert {each.remote_id: each.name for each in await server.playlists()} == {made: "AC DC live"}
        with pytest.raises(ServerRefused, match="already"):
            await server.create_playlist("AC DC / live", ["4"])
        assert await server.playlist_items(made) == ("3",)


class TestChanges:
    async def test_no_change_passes_through_an_empty_list(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        chance, seen = random.Random(7), set[int]()
        made = await server.create_playlist("Ours", ["1", "2", "3"])
        remote.before = lambda _: seen.add(len(remote.playlists[int(made)].entries))
        for _ in range(25):
            wanted = tuple(chance.sample([str(number) for number in range(1, 10)], chance.randrange(1, 7)))
            await server.set_playlist_items(made, wanted)
            assert await server.playlist_items(made) == wanted
        assert 0 not in seen

    async def test_few_changes_need_few_calls(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        made = await server.create_playlist("Ours", [str(number) for number in range(1, 200)])
        remote.commands.clear()
        await server.set_playlist_items(made, [str(number) for number in range(2, 201)])
        assert [" ".join(map(str, command[:3])) for command in remote.commands] == [
            "playlists tracks 0",
            "info total songs",
            "titles 0 1",
            "playlists edit cmd:add",
            "playlists edit cmd:delete",
            "playlists tracks 0",
        ]


class TestPlaylistsOfOthers:
    async def test_a_new_playlist_does_not_take_the_name_of_another(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        theirs = remote.add_playlist("Mine alone", [1, 2, 2])
        with pytest.raises(ServerRefused, match="called Mine alone already; it was left alone"):
            await server.create_playlist("Mine alone", ["3"])
        assert remote.playlists[theirs].entries == [1, 2, 2]

    async def test_renaming_to_a_taken_name_deletes_nothing(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        theirs = remote.add_playlist("Mine alone", [1, 2, 2])
        ours = await server.create_playlist("Ours", ["3"])
        with pytest.raises(ServerRefused, match="nothing was renamed"):
            await server.rename_playlist(ours, "Mine alone")
        await server.rename_playlist(ours, "Ours")
        assert {each.name for each in remote.playlists.values()} == {"Mine alone", "Ours"}
        assert remote.playlists[theirs].entries == [1, 2, 2]

    async def test_a_playlist_with_a_broken_entry_is_refused_by_name_and_not_as_an_outage(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.tracks.append(Track(900, "http://radio/1", "Radio", remote=True, in_library=False))
        theirs = remote.add_playlist("Radio", [1, 900])
        with pytest.raises(ServerRefused, match="closes the connection instead of answering 'playlists tracks'"):
            await server.playlist_items(str(theirs))

    async def test_a_playlist_is_not_emptied_when_all_its_tracks_are_gone(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        ours = await server.create_playlist("Ours", ["3", "4"])
        with pytest.raises(ServerRefused, match="knows none of the playlist's 2 tracks"):
            await server.set_playlist_items(ours, ["7001", "7002"])
        assert await server.playlist_items(ours) == ("3", "4")

    async def test_no_track_is_renamed_and_none_is_made_up(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        before = repr(remote.tracks)
        ours = await server.create_playlist("Ours", ["3", "9999", "4"])
        await server.set_playlist_items(ours, ["5", "9998", "4"])
        assert await server.playlist_items(ours) == ("5", "4")
        assert repr(remote.tracks) == before


class TestLogin:
    async def test_a_server_without_password_needs_no_login(self, server: LyrionServer) -> None:
        assert (await server.test()).ok
        assert server.account == ""

    async def test_the_login_goes_with_downloads_too(self, remote: LyrionTestServer) -> None:
        remote.login = ("lms", "sésame")
        server = client(remote)
        assert server.account == "lms"
        assert len(await content(await server.open_audio("1"))) == 3200
        await server.close()

    async def test_a_missing_login_is_told(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        remote.login = ("lms", "sésame")
        with pytest.raises(ServerRefused) as caught:
            await server.open_audio("1")
        assert caught.value.reason == "wrong_password"
        assert "HTTP 401" in (await server.test()).message

    @pytest.mark.parametrize(
        ("user", "password", "field"),
        [(None, "secret", "username"), ("a:b", "x", "username"), ("a", "\ud800", "password")],
    )
    def test_a_login_that_cannot_be_sent_is_told_by_its_field(
        self, user: str | None, password: str, field: str
    ) -> None:
        config = ServerConfig(SERVER, "lyrion", "test", None, "http://h:9000", user, password)
        with pytest.raises(InvalidInput) as caught:
            LyrionServer(config)
        assert caught.value.field == field
        assert "secret" not in str(caught.value)


class TestAudio:
    @pytest.mark.parametrize("item_id", ["", "0x1", "../1", "1/../2", "-5", "²", "99999"])
    async def test_ids_that_are_none_lead_nowhere(self, server: LyrionServer, item_id: str) -> None:
        with pytest.raises(ServerRefused) as caught:
            await server.open_audio(item_id)
        assert caught.value.reason == "not_found"


class TestOtherServers:
    @pytest.mark.parametrize(
        ("body", "kind", "words"),
        [
            (b"<html>hello</html>", ServerMisbehaved, "is this the address of a Lyrion server"),
            (b'{"result": 5}', ServerMisbehaved, "does not answer like a Lyrion server"),
            (b'{"result": {"cou', ServerUnavailable, "only part of an answer"),
            (b'{"result": {}}', ServerMisbehaved, "does not say how long its list is"),
        ],
    )
    async def test_are_told_apart(self, body: bytes, kind: type[Exception], words: str) -> None:
        async with FaultyServer([]) as other:
            other.faults["*"] = sends(body)
            server = client(other)
            with pytest.raises(kind, match=words):
                await server.playlists()
            assert not (await server.test()).ok
            await server.close()

    async def test_a_slow_server_is_unavailable(self, remote: LyrionTestServer, server: LyrionServer) -> None:
        remote.breaker.slow_s = 1.5
        with pytest.raises(ServerUnavailable, match="did not answer in time"):
            await server.playlists()

    async def test_a_server_that_always_hangs_up_is_unavailable(
        self, remote: LyrionTestServer, server: LyrionServer
    ) -> None:
        remote.hangs_up = True
        with pytest.raises(ServerUnavailable, match="closed the connection without an answer"):
            await server.playlists()
