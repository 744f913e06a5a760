"""The Jellyfin and Emby adapters as libraries: the contract, walks that are disturbed, libraries that are chosen."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from shared.errors import InvalidInput, ServerRefused, ServerUnavailable
from shared.mediaservers import offset_walk
from shared.mediaservers.base import ListedItem, ListingPage, MediaServer
from tests import music
from tests.integration.mediaservers.contract import Library, MediaServerContract, content, walk
from tests.integration.mediaservers.mediabrowser_world import As, adapter, stocked
from tests.mediabrowser.records import EMBY, JELLYFIN_11, JELLYFIN_12, Flavour, Track, synthetic_tracks, track_of
from tests.mediabrowser.server import Call, TestServer

BOTH = pytest.mark.parametrize("flavour", [JELLYFIN_11, EMBY], ids=lambda flavour: flavour.kind)


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[music.Song, ...]]:
    root = tmp_path_factory.mktemp("music")
    return root, music.make_library(root)


class Scanner:
    """Keeps a server's tracks as the files are; each file keeps the number of its first sight."""

    def __init__(self, server: TestServer, root: Path) -> None:
        self._server = server
        self._root = root
        self._numbers: dict[Path, int] = {}

    def scan(self) -> None:
        paths = sorted(path for path in self._root.rglob("*") if path.is_file())
        for path in paths:
            self._numbers.setdefault(path, len(self._numbers))
        kind, view = self._server.flavour.kind, self._server.views[0][0]
        found = [track_of(kind, view, path, self._numbers[path]) for path in paths]
        self._server.tracks = sorted(found, key=lambda track: str(track.fields["DateCreated"]))


class _LibraryOf(MediaServerContract):
    flavour: Flavour

    @pytest.fixture
    async def library(self, songs: tuple[Path, tuple[music.Song, ...]]) -> AsyncIterator[Library]:
        root, known = songs
        async with TestServer(self.flavour) as running:
            scanner = Scanner(running, root)
            scanner.scan()
            yield Library(root, known, scanner.scan, lambda: adapter(running))
            running.finish()

    @pytest.fixture
    async def server(self, library: Library) -> AsyncIterator[MediaServer]:
        server = library.connect()
        yield server
        await server.close()


class TestJellyfinLibrary(_LibraryOf):
    flavour = JELLYFIN_12


class TestEmbyLibrary(_LibraryOf):
    flavour = EMBY


@pytest.fixture
async def music_server(flavour: Flavour, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestServer]:
    """120 tracks, three pages of 50."""
    monkeypatch.setattr(offset_walk, "PAGE", 50)
    monkeypatch.setattr(offset_walk, "WINDOW", 60)
    async with stocked(flavour, 120) as server:
        yield server
        server.finish()


async def pages(server: MediaServer) -> list[ListingPage]:
    found = [await server.list_page(None)]
    while found[-1].next_cursor:
        assert len(found) < 50
        found.append(await server.list_page(found[-1].next_cursor))
    return found


async def walked(server: TestServer, who: As | None = None) -> list[ListingPage]:
    client = adapter(server, who or As())
    try:
        return await pages(client)
    finally:
        await client.close()


def ids(found: list[ListingPage]) -> list[str]:
    return [item.item_id for page in found for item in page.items]


def at_page(number: int, act: Callable[[], None]) -> Callable[[Call], None]:
    """Does ``act`` just before the ``number``-th slice of the tracks is answered."""
    left = number

    def before(call: Call) -> None:
        nonlocal left
        if "fields" in call.query:
            left -= 1
            if left == 0:
                act()

    return before


@BOTH
async def test_tracks_are_asked_for_in_hundreds_and_come_oldest_first(flavour: Flavour) -> None:
    async with stocked(flavour, 620) as server:
        found = await walked(server)
        assert [len(page.items) for page in found] == [100, 100, 100, 100, 100, 100, 20]
        assert len([call for call in server.calls if {"fields", "Fields"} & call.query.keys()]) == 2
        assert ids(found) == [track.id for track in server.tracks]
        assert not found[-1].incomplete
        server.finish()


@BOTH
class TestWalk:
    async def test_a_server_with_smaller_pages_is_listed_whole(self, music_server: TestServer) -> None:
        music_server.largest_page = 13
        found = await walked(music_server)
        assert ids(found) == [track.id for track in music_server.tracks]
        assert not found[-1].incomplete

    async def test_a_list_that_ends_with_a_full_page_ends(self, music_server: TestServer) -> None:
        music_server.tracks = music_server.tracks[:100]
        found = await walked(music_server)
        assert len(set(ids(found))) == 100
        assert not found[-1].incomplete

    async def test_a_single_object_is_a_list_of_one(self, music_server: TestServer) -> None:
        music_server.single_objects = True
        music_server.spec.enabled = False
        music_server.tracks = music_server.tracks[:1]
        assert len(ids(await walked(music_server))) == 1

    async def test_an_empty_library_is_a_page_without_tracks(self, music_server: TestServer) -> None:
        music_server.tracks = []
        assert await walked(music_server) == [ListingPage((), None)]

    @pytest.mark.parametrize("total", [0, 30, None])
    async def test_a_total_that_is_too_small_hides_nothing(self, music_server: TestServer, total: int | None) -> None:
        music_server.largest_page = 13
        music_server.total_is = lambda _: total
        assert ids(await walked(music_server)) == [track.id for track in music_server.tracks]

    async def test_a_total_that_is_too_large_makes_the_walk_incomplete(self, music_server: TestServer) -> None:
        music_server.total_is = lambda total: total + 10
        found = await walked(music_server)
        assert len(set(ids(found))) == 120
        assert found[-1].incomplete
        assert found[-1].problems == ("the server announces 130 tracks but lists only 120",)

    async def test_tracks_that_vanish_while_it_is_read_hide_none(self, music_server: TestServer) -> None:
        kept = [track.id for track in music_server.tracks[70:]]

        def vanish() -> None:
            music_server.tracks = music_server.tracks[30:]

        music_server.before = at_page(2, vanish)
        found = await walked(music_server)
        assert set(kept) <= set(ids(found))
        assert found[-1].incomplete

    async def test_many_that_vanish_at_the_end_of_a_long_walk_hide_none(self, music_server: TestServer) -> None:
        music_server.tracks = synthetic_tracks(music_server.flavour.kind, music_server.views[0][0], 500)
        kept = [track.id for track in music_server.tracks[300:]]

        def vanish() -> None:
            music_server.tracks = music_server.tracks[300:]

        music_server.before = at_page(8, vanish)
        found = await walked(music_server)
        assert set(kept) <= set(ids(found))
        assert found[-1].incomplete

    async def test_tracks_that_come_first_while_it_is_read_hide_none(self, music_server: TestServer) -> None:
        known = [track.id for track in music_server.tracks]
        more = synthetic_tracks(music_server.flavour.kind, music_server.views[0][0], 130)[120:]

        def come() -> None:
            music_server.tracks = [*more, *music_server.tracks]

        music_server.before = at_page(2, come)
        found = await walked(music_server)
        assert set(known) <= set(ids(found))
        assert found[-1].incomplete

    async def test_as_many_lost_as_won_is_noticed_by_the_last_track(self, music_server: TestServer) -> None:
        last = [track.id for track in music_server.tracks[55:]]
        more = synthetic_tracks(music_server.flavour.kind, music_server.views[0][0], 125)[120:]

        def swap() -> None:
            music_server.tracks = [*music_server.tracks[5:], *more]

        music_server.before = at_page(2, swap)
        found = await walked(music_server)
        assert set(last) <= set(ids(found))
        assert found[-1].incomplete

    async def test_a_server_that_repeats_its_first_page_is_not_believed(self, music_server: TestServer) -> None:
        def ignore_start(call: Call) -> None:
            call.query.pop("startindex", None)

        music_server.before = ignore_start
        with pytest.raises(ServerUnavailable, match="keeps changing"):
            await walked(music_server)

    async def test_a_track_without_an_id_is_told_and_makes_the_walk_incomplete(self, music_server: TestServer) -> None:
        broken = music_server.tracks[3]
        music_server.tracks[3] = Track("", broken.library, {**broken.fields, "Id": None, "Name": "Lost"}, b"")
        music_server.spec.enabled = False
        found = await walked(music_server)
        assert found[0].problems == ("Lost has no usable id",)
        assert len(ids(found)) == 119
        assert found[-1].incomplete

    async def test_what_is_no_audio_is_left_out(self, music_server: TestServer) -> None:
        film = music_server.tracks[3]
        music_server.tracks[3] = Track(film.id, film.library, {**film.fields, "Type": "MusicVideo"}, b"")
        found = await walked(music_server)
        assert len(ids(found)) == 119
        assert not found[-1].incomplete

    @pytest.mark.parametrize("cursor", ["", "x", "{}x", json.dumps({"offset": -1}), json.dumps({"way": "songs"})])
    async def test_a_foreign_cursor_is_refused(self, music_server: TestServer, cursor: str) -> None:
        client = adapter(music_server)
        with pytest.raises(InvalidInput):
            await client.list_page(cursor)
        await client.close()


@BOTH
class TestLibraries:
    async def test_only_chosen_libraries_are_walked(self, music_server: TestServer) -> None:
        live = music_server.views[2][0]
        for track in music_server.tracks[::3]:
            track.library = live
        found = await walked(music_server, As(libraries=(live,)))
        assert ids(found) == [track.id for track in music_server.tracks[::3]]

    async def test_several_libraries_are_walked_one_after_the_other(self, music_server: TestServer) -> None:
        first, live = music_server.views[0][0], music_server.views[2][0]
        for track in music_server.tracks[:60]:
            track.library = live
        found = await walked(music_server, As(libraries=(first, live)))
        wanted = [*music_server.tracks[60:], *music_server.tracks[:60]]
        assert ids(found) == [track.id for track in wanted]

    async def test_none_chosen_means_all(self, music_server: TestServer) -> None:
        assert len(ids(await walked(music_server, As(libraries=())))) == 120

    async def test_a_library_that_is_gone_is_refused_by_name(self, music_server: TestServer) -> None:
        with pytest.raises(ServerRefused, match="library 4711 is not on") as caught:
            await walked(music_server, As(libraries=("4711",)))
        assert caught.value.reason == "not_found"


@BOTH
class TestDescriptions:
    async def test_items_from_elsewhere_are_asked_for_in_hundreds(self, music_server: TestServer) -> None:
        client = adapter(music_server)
        listed = await walk(client)
        calls = len(music_server.calls)
        bare = tuple(ListedItem(item.item_id, "c", "m") for item in listed[:110])
        tracks = await client.describe(bare)
        assert len(music_server.calls) - calls == 2
        assert [track.item_id for track in tracks] == [item.item_id for item in listed[:110]]
        assert {(track.content_version, track.meta_version) for track in tracks} == {("c", "m")}
        await client.close()

    async def test_a_track_that_is_gone_is_not_found(self, music_server: TestServer) -> None:
        client = adapter(music_server)
        with pytest.raises(ServerRefused) as caught:
            await client.describe((ListedItem("4711", "c", "m"),))
        assert caught.value.reason == "not_found"
        await client.close()


@BOTH
async def test_a_user_without_the_right_to_download_streams_the_original(music_server: TestServer) -> None:
    music_server.listener.may_download = False
    client = adapter(music_server)
    track = music_server.tracks[0]
    assert await content(await client.open_audio(track.id)) == track.bytes()
    assert (await client.test()).ok
    await client.close()
