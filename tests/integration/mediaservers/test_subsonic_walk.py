"""Walking a Subsonic library: pages, odd servers, and lists that change under the reader."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import pytest

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage, ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from tests.subsonic.faulty_server import (
    PASSWORD,
    USER,
    Album,
    FaultyServer,
    after,
    http_status,
    make_albums,
    make_song,
    refuses,
    sends,
)

SERVER = UUID(int=1)


@pytest.fixture
async def faulty() -> AsyncIterator[FaultyServer]:
    async with FaultyServer() as server:
        yield server


@pytest.fixture
async def server(faulty: FaultyServer) -> AsyncIterator[SubsonicServer]:
    server = SubsonicServer(ServerConfig(SERVER, "subsonic", "faulty", None, faulty.url, USER, PASSWORD))
    yield server
    await server.close()


async def pages(server: SubsonicServer, meanwhile: Callable[[int], None] = lambda _: None) -> list[ListingPage]:
    """The whole walk; ``meanwhile`` is called with the number of pages read so far."""
    found = [await server.list_page(None)]
    while found[-1].next_cursor:
        meanwhile(len(found))
        found.append(await server.list_page(found[-1].next_cursor))
        assert len(found) < 500, "the walk does not end"
    return found


def ids(found: list[ListingPage]) -> list[str]:
    return [item.item_id for page in found for item in page.items]


def all_ids(faulty: FaultyServer) -> list[str]:
    return [song["id"] for song in faulty.all_songs()]


@pytest.mark.parametrize("open_subsonic", [False, True], ids=["albums", "songs"])
class TestBothWays:
    @pytest.fixture(autouse=True)
    def choose(self, faulty: FaultyServer, open_subsonic: bool) -> None:
        faulty.open_subsonic = open_subsonic

    async def test_every_song_once_in_pages_of_about_a_hundred(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums = make_albums(95, songs=7)
        found = await pages(server)
        assert ids(found) == all_ids(faulty)
        assert {len(page.items) for page in found[:-2]} <= {100, 101, 102, 103, 104, 105}
        assert not found[-1].incomplete

    async def test_a_server_with_smaller_pages_of_its_own_is_read_to_its_end(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums, faulty.largest_page = make_albums(25), 10
        found = await pages(server)
        assert sorted(set(ids(found))) == all_ids(faulty)
        assert not found[-1].incomplete

    async def test_one_object_instead_of_a_list(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums, faulty.single_objects = make_albums(1, songs=1), True
        assert ids(await pages(server)) == ["al-0000-0"]

    async def test_an_empty_library(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums = []
        (page,) = await pages(server)
        assert (page.items, page.incomplete) == ((), False)
        result = await server.test()
        assert not result.ok
        assert "no music" in result.message

    async def test_music_added_in_mid_walk_hides_nothing(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums = make_albums(120)
        before = all_ids(faulty)

        def add(number: int) -> None:
            faulty.albums.insert(0, Album(f"new-{number}", "AAA", [make_song(f"new-{number}-{n}") for n in range(5)]))

        found = await pages(server, add)
        assert set(before) <= set(ids(found))
        assert found[-1].incomplete

    async def test_music_removed_in_mid_walk_hides_nothing_else(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums = make_albums(150)

        def remove(number: int) -> None:
            if number < 3:
                del faulty.albums[:5]

        found = await pages(server, remove)
        assert set(all_ids(faulty)) <= set(ids(found))
        assert found[-1].incomplete

    async def test_a_list_cut_short_in_mid_walk_is_incomplete(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums = make_albums(150)

        def shrink(_: int) -> None:
            del faulty.albums[10:]

        assert (await pages(server, shrink))[-1].incomplete

    async def test_a_list_that_never_holds_still_ends_in_an_error(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums = make_albums(60, songs=5)
        counter = iter(range(10**6))

        def rename_everything() -> None:
            for album in faulty.albums:
                album.id = f"al-{next(counter)}"
                album.songs = [make_song(f"{album.id}-{number}") for number in range(5)]

        page = await server.list_page(None)
        faulty.before = {"getAlbumList2": rename_everything, "search3": rename_everything}
        with pytest.raises(ServerUnavailable, match="keeps changing"):
            while page.next_cursor:
                page = await server.list_page(page.next_cursor)

    async def test_a_song_without_an_id_is_a_problem_and_removes_nothing(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums[1].songs[1] = {"title": "Nameless"}
        faulty.albums[2].songs[0]["id"] = 17
        faulty.albums[2].songs[1]["id"] = "nul\0"
        found = await pages(server)
        assert len(ids(found)) == 10
        assert "17" in ids(found)
        assert sorted(problem for page in found for problem in page.problems) == [
            "Nameless has no usable id",
            "Title al-0002-1 has no usable id",
        ]
        assert found[-1].incomplete

    async def test_videos_are_left_out(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums[0].songs[0]["isVideo"] = True
        assert ids(await pages(server)) == all_ids(faulty)[1:]

    async def test_wrong_types_are_named(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        for body in (
            b'{"albumList2": "none"}',
            b'{"albumList2": {"album": ["x"]}}',
            b'{"albumList2": {"album": [{}]}}',
        ):
            answer = b'{"subsonic-response": {"status": "ok", ' + body[1:-1] + b"}}"
            faulty.faults["getAlbumList2"] = sends(answer)
            with pytest.raises(ServerMisbehaved):
                await pages(server)


class TestBySongs:
    @pytest.fixture(autouse=True)
    def choose(self, faulty: FaultyServer) -> None:
        faulty.open_subsonic = True

    async def test_an_opensubsonic_server_is_not_asked_for_albums_one_by_one(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        assert ids(await pages(server)) == all_ids(faulty)
        assert "getAlbum" not in faulty.methods()

    @pytest.mark.parametrize("trouble", ["ignores offset", "lists only some", "refuses", "lists nothing"])
    async def test_a_search_that_does_not_list_everything_is_not_used(
        self, faulty: FaultyServer, server: SubsonicServer, trouble: str
    ) -> None:
        async def some(request: Any) -> Any:
            start = 0 if trouble == "ignores offset" else int(request.query["songOffset"])
            songs = faulty.all_songs()[:7][start : start + int(request.query["songCount"])]
            return faulty._ok(searchResult3={"song": songs})

        empty = sends(b'{"subsonic-response": {"status": "ok", "openSubsonic": true, "searchResult3": {}}}')
        faulty.faults["search3"] = {"refuses": refuses(10, "query is missing"), "lists nothing": empty}.get(
            trouble, some
        )
        assert ids(await pages(server)) == all_ids(faulty)
        assert "getAlbum" in faulty.methods()

    async def test_a_server_that_is_down_while_it_is_tried_is_not_taken_for_another_kind(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.faults["search3"] = http_status(502)
        with pytest.raises(ServerUnavailable):
            await server.list_page(None)

    async def test_songs_without_an_album_are_found(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        loose = make_song("loose", album=None)

        async def with_loose(request: Any) -> Any:
            start = int(request.query["songOffset"])
            songs = [*faulty.all_songs(), loose][start : start + int(request.query["songCount"])]
            return faulty._ok(searchResult3={"song": songs})

        faulty.faults["search3"] = with_loose
        assert ids(await pages(server)) == [*all_ids(faulty), "loose"]


class TestByAlbums:
    async def test_a_huge_album_is_split_and_asked_for_once(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums = [*make_albums(3), Album("huge", "Huge", [make_song(f"h{number}") for number in range(1234)])]
        faulty.albums += [Album("last", "Last", [make_song("z")])]
        found = await pages(server)
        assert ids(found) == all_ids(faulty)
        assert max(len(page.items) for page in found) <= 200
        assert faulty.methods().count("getAlbum") == 5

    async def test_a_huge_album_that_changes_in_mid_walk_is_listed_anew(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        huge = Album("huge", "Huge", [make_song(f"h{number}") for number in range(500)])
        faulty.albums = [huge, *make_albums(2)]
        page = await server.list_page(None)
        huge.songs = huge.songs[100:]
        config = ServerConfig(SERVER, "subsonic", "faulty", None, faulty.url, USER, PASSWORD)
        another = SubsonicServer(config)
        found = [page]
        while found[-1].next_cursor:
            found.append(await another.list_page(found[-1].next_cursor))
        await another.close()
        assert set(all_ids(faulty)) <= set(ids(found))
        assert found[-1].incomplete

    async def test_an_album_that_moves_while_it_is_read_is_incomplete(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        huge = Album("huge", "Huge", [make_song(f"h{number}") for number in range(500)])
        faulty.albums = [huge, *make_albums(2)]

        def move(_: int) -> None:
            faulty.albums = [*make_albums(2), huge]

        found = await pages(server, move)
        assert set(all_ids(faulty)) <= set(ids(found))
        assert found[-1].incomplete

    async def test_an_album_that_vanishes_is_a_problem_and_removes_nothing(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.faults["getAlbum"] = after(2, refuses(70, "Album not found"))
        found = await pages(server)
        assert len(ids(found)) == 6
        assert "Album 0002 is listed but not there" in " ".join(found[0].problems)
        assert all(page.incomplete for page in found)

    async def test_an_album_with_fewer_songs_than_it_says_removes_nothing(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums[1].song_count = 9
        found = await pages(server)
        assert found[-1].incomplete
        assert found[0].problems == ("album Album 0001 shows 3 of its 9 songs",)

    async def test_other_refusals_raise(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.faults["getAlbum"] = after(1, refuses(50, "not for you"))
        with pytest.raises(ServerRefused) as caught:
            await server.list_page(None)
        assert caught.value.reason == "forbidden"

    async def test_a_server_that_ignores_the_offset_does_not_keep_us_for_ever(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.albums = make_albums(150, songs=1)

        async def always_the_first(request: Any) -> Any:
            albums = [album.listed() for album in faulty.albums[: int(request.query["size"])]]
            return faulty._ok(albumList2={"album": albums})

        faulty.faults["getAlbumList2"] = always_the_first
        with pytest.raises(ServerUnavailable):
            await pages(server)

    async def test_the_album_fills_in_what_songs_do_not_say(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.albums = [Album("a", "The Album", [{"id": "s", "path": "x/y/Fallback Title.flac"}])]
        (item,) = (await server.list_page(None)).items
        assert item.track is not None
        assert (item.track.title, item.track.album) == ("Fallback Title", "The Album")
        assert item.track.album_artist == "Somebody"


@pytest.mark.parametrize("cursor", ["", "{}", "[]", "7", '{"way": "sideways"}', '{"way": "songs", "offset": -1}'])
async def test_a_cursor_from_elsewhere_is_refused(server: SubsonicServer, cursor: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await server.list_page(cursor)
    assert caught.value.field == "cursor"


async def test_items_without_a_description_are_asked_for(faulty: FaultyServer, server: SubsonicServer) -> None:
    item = ListedItem("al-0001-1", "content", "meta")
    (track,) = await server.describe((item,))
    assert (track.title, track.content_version, track.meta_version) == ("Title al-0001-1", "content", "meta")
    with pytest.raises(ServerRefused) as caught:
        await server.describe((ListedItem("unknown", "", ""),))
    assert caught.value.reason == "not_found"


@pytest.mark.parametrize("ending", ["", "/", "/rest", "/rest/"])
async def test_the_address_may_end_in_several_ways(faulty: FaultyServer, ending: str) -> None:
    faulty.prefix = "/music"
    config = ServerConfig(SERVER, "subsonic", "faulty", None, faulty.url + ending, USER, PASSWORD)
    server = SubsonicServer(config)
    assert ids(await pages(server)) == all_ids(faulty)
    assert {call.path.rsplit("/", 1)[0] for call in faulty.calls} == {"/music/rest"}
    await server.close()
