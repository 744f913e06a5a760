"""What only Jellyfin and Emby do with playlists: doubles, keys without a user, one call that deletes anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from shared.errors import ServerRefused, ServerUnavailable
from shared.mediaservers.base import PlaylistServer
from shared.mediaservers.emby import EmbyServer
from shared.mediaservers.jellyfin import JellyfinServer
from tests.integration.mediaservers.mediabrowser_world import As, adapter, stocked
from tests.mediabrowser import faults
from tests.mediabrowser.records import EMBY, JELLYFIN_10, JELLYFIN_11, Flavour
from tests.mediabrowser.server import API_KEY, USER, Call, TestServer

BOTH = pytest.mark.parametrize("flavour", [JELLYFIN_11, EMBY], ids=lambda flavour: flavour.kind)
Connect = Callable[..., EmbyServer | JellyfinServer]


@pytest.fixture
async def running(flavour: Flavour) -> AsyncIterator[TestServer]:
    async with stocked(flavour, 700) as server:
        yield server
        server.finish()


@pytest.fixture
async def connect(running: TestServer) -> AsyncIterator[Connect]:
    """Adapters that are closed after the test."""
    made = []

    def connected(who: As | None = None) -> EmbyServer | JellyfinServer:
        made.append(adapter(running, who or As()))
        return made[-1]

    yield connected
    for client in made:
        await client.close()


@pytest.fixture
def client(connect: Connect) -> PlaylistServer:
    return connect()


@BOTH
class TestOnBoth:
    async def test_playlists_are_private_and_belong_to_the_user(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        made = running.playlists.kept[await client.create_playlist("Mine", [running.tracks[0].id])]
        assert (made.public, made.owner) == (False, running.listener.id)

    async def test_a_track_is_never_deleted_in_place_of_a_playlist(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        track = running.tracks[0]
        with pytest.raises(ServerRefused, match="something else under the id of this playlist"):
            await client.delete_playlist(track.id)
        with pytest.raises(ServerRefused, match="something else under the id of this playlist"):
            await client.rename_playlist(track.id, "x")
        assert running.tracks[0] is track

    @pytest.mark.parametrize("remote_id", ["", "../x", "x y"])
    async def test_what_cannot_be_a_playlist_is_not_asked_for(
        self, running: TestServer, client: PlaylistServer, remote_id: str
    ) -> None:
        calls = len(running.calls)
        with pytest.raises(ServerRefused) as caught:
            await client.playlist_items(remote_id)
        assert caught.value.reason == "not_found"
        await client.delete_playlist(remote_id)
        assert len(running.calls) == calls

    async def test_playlists_of_others_are_seen_only_if_public(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        shared = running.playlists.make("Shared", running.people[0].id, [running.tracks[0].id], public=True)
        hidden = running.playlists.make("Hidden", running.people[0].id, [running.tracks[0].id])
        assert [one.remote_id for one in await client.playlists()] == [shared.id]
        with pytest.raises(ServerRefused) as caught:
            await client.set_playlist_items(shared.id, [running.tracks[1].id])
        assert caught.value.reason == "forbidden"
        with pytest.raises(ServerRefused) as caught:
            await client.set_playlist_items(hidden.id, [running.tracks[1].id])
        assert caught.value.reason == "not_found"

    async def test_renaming_keeps_what_else_is_known_of_a_playlist(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        made = running.playlists.kept[await client.create_playlist("Old", [running.tracks[0].id])]
        made.tags = ["evening"]
        await client.rename_playlist(made.id, "New")
        assert (made.name, made.tags) == ("New", ["evening"])

    async def test_a_name_too_long_for_a_folder_is_kept(self, running: TestServer, client: PlaylistServer) -> None:
        name = "👩‍🎤" * 60
        made = running.playlists.kept[await client.create_playlist(name, [running.tracks[0].id])]
        assert made.name == name

    async def test_a_playlist_that_changes_while_it_is_read_is_read_again(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        made = running.playlists.kept[
            await client.create_playlist("Moving", [track.id for track in running.tracks[:600]])
        ]

        def shorten(call: Call) -> None:
            if call.query.get("startindex") == "500":
                made.entries = made.entries[:550]

        running.before = shorten
        found = await client.playlist_items(made.id)
        assert list(found) == [track.id for track in running.tracks[:550]]

    async def test_a_playlist_shorter_than_its_total_is_not_believed(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        remote_id = await client.create_playlist("Lied about", [running.tracks[0].id])
        running.total_is = lambda total: total + 1
        with pytest.raises(ServerUnavailable):
            await client.playlist_items(remote_id)
        with pytest.raises(ServerUnavailable):
            await client.playlists()

    async def test_all_plays_of_a_large_library_are_read(self, running: TestServer, client: PlaylistServer) -> None:
        for number, track in enumerate(running.tracks):
            track.data = {"PlayCount": number + 1, "Played": True, "IsFavorite": number % 2 == 0}
        chunks = [chunk async for chunk in client.plays()]
        assert [len(chunk) for chunk in chunks] == [500, 200]
        counts = {played.item_id: played.play_count for chunk in chunks for played in chunk}
        assert counts == {track.id: number + 1 for number, track in enumerate(running.tracks)}

    async def test_plays_that_change_while_they_are_read_are_not_taken_for_all(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        for track in running.tracks:
            track.data = {"PlayCount": 1, "Played": True}

        def forget(call: Call) -> None:
            if call.query.get("startindex", "0") != "0":
                running.tracks[0].data = {}

        running.before = forget
        with pytest.raises(ServerUnavailable, match="changed while it was read"):
            assert [chunk async for chunk in client.plays()]


@pytest.mark.parametrize("flavour", [JELLYFIN_10], ids=lambda flavour: flavour.kind)
class TestJellyfin:
    async def test_entries_that_were_doubled_by_other_means_come_out_right(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        one, two, three = (track.id for track in running.tracks[:3])
        made = running.playlists.make("Doubled", running.listener.id, [])
        made.entries = [(one, one), (two, two), (one, one), (three, three)]
        await client.set_playlist_items(made.id, [one, three])
        assert await client.playlist_items(made.id) == (one, three)

    async def test_a_key_that_may_not_remove_is_refused_before_anything_changed(
        self, running: TestServer, connect: Connect
    ) -> None:
        client = connect(As(USER, API_KEY, "token"))
        one, two, three = (track.id for track in running.tracks[:3])
        remote_id = await client.create_playlist("By key", [one, two])
        await client.set_playlist_items(remote_id, [one, two, three])
        with pytest.raises(ServerRefused, match="enter a user name and password for this server"):
            await client.set_playlist_items(remote_id, [three, one])
        assert await client.playlist_items(remote_id) == (one, two, three)

    async def test_a_key_renames_through_the_item(self, running: TestServer, connect: Connect) -> None:
        client = connect(As(USER, API_KEY, "token"))
        made = running.playlists.kept[await client.create_playlist("By key", [])]
        made.tags = ["evening"]
        await client.rename_playlist(made.id, "Renamed")
        assert (made.name, made.tags) == ("Renamed", ["evening"])


@pytest.mark.parametrize("flavour", [EMBY], ids=lambda flavour: flavour.kind)
class TestEmby:
    async def test_ids_of_tracks_remove_nothing_so_those_of_entries_are_sent(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        one, two = (track.id for track in running.tracks[:2])
        made = running.playlists.make("Doubled", running.listener.id, [one, two, one])
        await client.set_playlist_items(made.id, [one, two])
        assert await client.playlist_items(made.id) == (one, two)

    async def test_a_track_with_no_text_among_its_streams_has_no_words(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        running.tracks[1].words = "not to be found"
        assert await client.lyrics(running.tracks[1].id) is None


@BOTH
class TestLostAnswers:
    async def test_a_playlist_whose_answer_was_lost_is_found_and_deleted(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        items = [track.id for track in running.tracks[:5]]
        hand_made = running.playlists.make("Lost", running.listener.id, items)
        await client.playlists()
        running.break_call(2, faults.cut_after)
        with pytest.raises(ServerUnavailable):
            await client.create_playlist("Lost", items)
        assert list(running.playlists.kept) == [hand_made.id]

    async def test_one_that_somebody_makes_at_that_moment_is_left_alone(
        self, running: TestServer, client: PlaylistServer
    ) -> None:
        items = [track.id for track in running.tracks[:5]]
        await client.playlists()

        async def meanwhile(request: object, obey: faults.Obey) -> object:
            running.playlists.make("Lost", running.listener.id, [running.tracks[9].id])
            return await faults.cut(request, obey)  # type: ignore[arg-type]

        running.break_call(2, meanwhile)  # type: ignore[arg-type]
        with pytest.raises(ServerUnavailable):
            await client.create_playlist("Lost", items)
        assert len(running.playlists.kept) == 1
