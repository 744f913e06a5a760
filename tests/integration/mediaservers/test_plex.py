"""The Plex adapter against a server that pages, drops and refuses as the real one does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from shared.mediaservers import plex_playlists
from shared.mediaservers.base import MediaServer, Played, PlaylistServer, RemoteLibrary, ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.plex import PlexServer
from tests import music
from tests.integration.mediaservers.contract import Library, MediaServerContract
from tests.integration.mediaservers.playlist_contract import (
    CHUNK,
    BreakableWorld,
    PlaylistContract,
    PlaylistFaultContract,
)
from tests.plex.library import made_up, scan
from tests.plex.plex_server import PlexTestServer

SERVER = UUID(int=4)
IMPATIENT = Patience(connect_s=0.5, idle_s=1.0, answer_s=2.0)


def client(server: PlexTestServer, token: str | None = None, libraries: tuple[str, ...] | None = None) -> PlexServer:
    config = ServerConfig(SERVER, "plex", "test", None, server.url, None, token or server.token, "token", libraries)
    return PlexServer(config, IMPATIENT)


@pytest.fixture(scope="module")
def music_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[music.Song, ...]]:
    root = tmp_path_factory.mktemp("music")
    return root, music.make_library(root)


class TestPlexLibrary(MediaServerContract):
    @pytest.fixture
    async def library(self, music_files: tuple[Path, tuple[music.Song, ...]]) -> AsyncIterator[Library]:
        root, songs = music_files
        async with PlexTestServer() as server:

            def rescan() -> None:
                server.tracks = scan(root, server.tracks, server.next_key)
                server.next_key += len(server.tracks)

            rescan()
            yield Library(root, songs, rescan, lambda: client(server))

    @pytest.fixture
    async def server(self, library: Library) -> AsyncIterator[MediaServer]:
        server = library.connect()
        yield server
        await server.close()


class PlexWorld(BreakableWorld):
    def __init__(self, server: PlexTestServer) -> None:
        self.server = server
        self.breaker = server.breaker
        self.items = tuple(str(track.key) for track in server.tracks)
        self.unknown_item = "99999"
        self.words = ("3", "First line\n\nsecond line")
        self.wordless = "4"
        server.track(3).lyrics = ("lrc", "[ti:Song]\n[00:01.50]First line\n\n[00:03.00]second line\n")
        server.track(5).fields |= {"viewCount": 12, "lastViewedAt": 1_725_619_057}
        server.track(6).fields |= {"userRating": 9.0}
        server.track(130).fields |= {"viewCount": 1, "userRating": 4}
        self.played = {
            "5": Played("5", 12, datetime.fromtimestamp(1_725_619_057, UTC)),
            "6": Played("6", 0, rating=4.5),
            "130": Played("130", 1, rating=2.0),
        }
        self.libraries = (RemoteLibrary("5", "Music"),)

    def connect(self) -> PlaylistServer:
        return client(self.server)

    def connect_wrongly(self) -> PlaylistServer:
        return client(self.server, "wrong")

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        return str(self.server.add_playlist(name, [int(item_id) for item_id in item_ids]))

    async def stored(self, remote_id: str) -> object:
        return repr(self.server.playlists[int(remote_id)])


@pytest.fixture
async def world() -> AsyncIterator[PlexWorld]:
    async with PlexTestServer(made_up(150)) as server:
        server.add_playlist("Evenings of film", [], "video")
        yield PlexWorld(server)


class TestPlexPlaylists(PlaylistContract):
    pass


class TestPlexFaults(PlaylistFaultContract):
    @pytest.fixture(autouse=True)
    def small_chunks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(plex_playlists, "CHUNK", CHUNK)
