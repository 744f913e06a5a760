"""Playlists in a real Subsonic server of API 1.12, through a proxy that breaks calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from shared.mediaservers import subsonic_client
from shared.mediaservers.base import Played, PlaylistServer, RemoteLibrary, ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from tests import music
from tests.integration.mediaservers.playlist_contract import (
    BreakableWorld,
    Fault,
    PlaylistContract,
    PlaylistFaultContract,
)
from tests.subsonic.breaking_proxy import BreakingProxy
from tests.subsonic.faulty_server import failed
from tests.subsonic.supysonic_server import Supysonic, supysonic

SONGS = 16
WORDS = "First line\nSecond line"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supysonic]:
    root = tmp_path_factory.mktemp("music")
    for number in range(SONGS):
        path = music.write_song(root, music.Song(f"{number:02d}.wav", f"Song {number:02d}", "A", "B", number + 1))
        if number == 3:
            path.with_suffix(".txt").write_text(WORDS)
    with supysonic(root, tmp_path_factory.mktemp("supysonic")) as server:
        yield server


class SupysonicWorld(BreakableWorld):
    """supysonic behind a proxy."""

    unknown_item = str(uuid4())
    libraries = (RemoteLibrary("1", "music"),)

    def __init__(self, real: Supysonic, proxy: BreakingProxy) -> None:
        self._real = real
        self._proxy = proxy
        self.played: dict[str, Played] = {}

    async def prepare(self) -> None:
        """Learn the ids, mark some songs, delete the playlists of other tests: listing them takes long."""
        for playlist in await self._listing():
            await self.ask("deletePlaylist", id=playlist["id"])
        albums = await self.ask("getAlbumList2", type="alphabeticalByName")
        (album,) = albums["albumList2"]["album"]
        songs = (await self.ask("getAlbum", id=album["id"]))["album"]["song"]
        self.items = tuple(song["id"] for song in songs)
        self.words = (self.items[3], WORDS)
        self.wordless = self.items[5]
        if "starred" not in songs[1]:
            await self.ask("star", id=self.items[1])
        await self.ask("setRating", id=self.items[2], rating="4")
        self.played = {
            self.items[1]: Played(self.items[1], favourite=True),
            self.items[2]: Played(self.items[2], rating=4.0),
        }

    async def ask(self, method: str, **query: str) -> dict[str, Any]:
        """A call past adapter and proxy."""
        token = hashlib.md5((self._real.password + "salted").encode(), usedforsecurity=False).hexdigest()
        login = {"u": self._real.user, "t": token, "s": "salted", "v": "1.12.0", "c": "owner", "f": "json"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self._real.url}/rest/{method}.view", params={**login, **query}) as answer,
        ):
            response: dict[str, Any] = (await answer.json())["subsonic-response"]
        assert response["status"] == "ok", response
        return response

    def connect(self) -> PlaylistServer:
        return self._connect(self._real.password)

    def connect_wrongly(self) -> PlaylistServer:
        return self._connect("guessed")

    def _connect(self, password: str) -> SubsonicServer:
        return SubsonicServer(
            ServerConfig(uuid4(), "subsonic", "real", None, self._proxy.url, self._real.user, password)
        )

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        before = {playlist["id"] for playlist in await self._listing()}
        await self.ask("createPlaylist", name=name)
        (made,) = {playlist["id"] for playlist in await self._listing()} - before
        for item_id in item_ids:
            await self.ask("updatePlaylist", playlistId=made, songIdToAdd=item_id, comment="mine", public="true")
        return str(made)

    async def _listing(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.ask("getPlaylists"))["playlists"].get("playlist", [])
        return found

    async def stored(self, remote_id: str) -> object:
        return json.dumps(await self.ask("getPlaylist", id=remote_id))

    def calls(self) -> int:
        return self._proxy.calls

    def break_call(self, number: int, fault: Fault) -> None:
        self._proxy.break_call(number, fault)


@pytest.fixture
async def world(real: Supysonic) -> AsyncIterator[SupysonicWorld]:
    async with BreakingProxy(real.url, lambda: failed(40, "Wrong username or password")) as proxy:
        world = SupysonicWorld(real, proxy)
        await world.prepare()
        yield world


class TestSupysonicPlaylists(PlaylistContract):
    longest = 260

    async def test_a_new_playlist_is_private(self, server: PlaylistServer, world: SupysonicWorld) -> None:
        remote_id = await server.create_playlist("Mine alone", world.items[:2])
        assert (await world.ask("getPlaylist", id=remote_id))["playlist"]["public"] is False

    async def test_the_owner_is_told(self, server: PlaylistServer, world: SupysonicWorld) -> None:
        await server.create_playlist("Owned", world.items[:2])
        assert {playlist.owner for playlist in await server.playlists()} == {server.account}


class TestSupysonicFaults(PlaylistFaultContract):
    """With short URLs, so that few songs need several calls."""

    made = changed = 24

    @pytest.fixture(autouse=True)
    def short_urls(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(subsonic_client, "URL_LENGTH", 500)
