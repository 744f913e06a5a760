"""The Lyrion adapter against a server that has the real one's traps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import pytest

from shared.mediaservers import lyrion_calls, lyrion_playlists
from shared.mediaservers.base import MediaServer, Played, PlaylistServer, RemoteLibrary, ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.lyrion import LyrionServer
from tests import music
from tests.integration.mediaservers.contract import Library, MediaServerContract
from tests.integration.mediaservers.playlist_contract import (
    BreakableWorld,
    PlaylistContract,
    PlaylistFaultContract,
)
from tests.lyrion.library import made_up, scan
from tests.lyrion.lyrion_server import LyrionTestServer, cleaned

SERVER = UUID(int=3)
IMPATIENT = Patience(connect_s=0.5, idle_s=1.0, answer_s=2.0)


def client(server: LyrionTestServer, password: str | None = None, **more: tuple[str, ...] | None) -> LyrionServer:
    user, right = server.login or (None, None)
    config = ServerConfig(SERVER, "lyrion", "test", None, server.url, user, password or right, **more)  # type: ignore[arg-type]
    return LyrionServer(config, IMPATIENT)


@pytest.fixture(scope="module")
def music_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[music.Song, ...]]:
    root = tmp_path_factory.mktemp("music")
    return root, music.make_library(root)


class TestLyrionLibrary(MediaServerContract):
    @pytest.fixture
    async def library(self, music_files: tuple[Path, tuple[music.Song, ...]]) -> AsyncIterator[Library]:
        root, songs = music_files
        async with LyrionTestServer(login=("lms", "sésame & 50%")) as server:

            def rescan() -> None:
                server.tracks = scan(root, server.tracks, server.next_id)
                server.next_id += len(server.tracks)

            rescan()
            yield Library(root, songs, rescan, lambda: client(server))
            assert server.past_the_end == 0

    @pytest.fixture
    async def server(self, library: Library) -> AsyncIterator[MediaServer]:
        server = library.connect()
        yield server
        await server.close()


class LyrionWorld(BreakableWorld):
    def __init__(self, server: LyrionTestServer) -> None:
        self.server = server
        self.breaker = server.breaker
        self.items = tuple(str(track.id) for track in server.tracks)
        self.unknown_item = "99999"
        self.words = ("3", "First line\n\nsecond line")
        self.wordless = "4"
        server.track(3).lyrics = "[ti:Song]\n[00:01.50]First line\n\n[00:03.00]second line\n"
        server.track(5).play_count = 12
        server.track(6).rating = 90
        last = server.tracks[-1]
        last.play_count, last.rating = 1, 40
        self.played = {
            "5": Played("5", 12),
            "6": Played("6", 0, rating=4.5),
            str(last.id): Played(str(last.id), 1, rating=2.0),
        }
        self.libraries = (RemoteLibrary("library:a1", "Only jazz"), RemoteLibrary("folder:file:///srv/music", "music"))

    def connect(self) -> PlaylistServer:
        return client(self.server)

    def connect_wrongly(self) -> PlaylistServer:
        return client(self.server, "wrong")

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        return str(self.server.add_playlist(name, [int(item_id) for item_id in item_ids]))

    async def stored(self, remote_id: str) -> object:
        return repr(self.server.playlists[int(remote_id)])

    def listed_name(self, name: str, server: PlaylistServer) -> str:
        return " ".join(cleaned(super().listed_name(name, server)).split())


async def world_of(tracks: int) -> AsyncIterator[LyrionWorld]:
    """A server that must never be asked for what is behind an end, and whose library must stay as it is."""
    libraries, folders = [("a1", "Only jazz")], [("file:///srv/music", "music")]
    async with LyrionTestServer(made_up(tracks), ("lms", "open"), libraries, folders) as server:
        world = LyrionWorld(server)
        before = repr(server.tracks)
        yield world
        assert server.past_the_end == 0
        assert repr(server.tracks) == before


class TestLyrionPlaylists(PlaylistContract):
    """Tracks are added one by one, and lists are read in windows of a thousand rows: here of thirty."""

    longest = 70

    @pytest.fixture
    async def world(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LyrionWorld]:
        monkeypatch.setattr(lyrion_playlists, "COUNT", 30)
        monkeypatch.setattr(lyrion_calls, "COUNT", 30)
        async for world in world_of(80):
            yield world


class TestLyrionFaults(PlaylistFaultContract):
    made = 3
    old = 4
    changed = 5

    @pytest.fixture
    async def world(self) -> AsyncIterator[LyrionWorld]:
        async for world in world_of(30):
            yield world
