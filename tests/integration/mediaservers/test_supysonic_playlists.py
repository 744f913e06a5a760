"""Playlists in a real Subsonic server of API 1.12. What broken calls leave is tried on servers of our own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest

from shared.mediaservers import subsonic_client
from shared.mediaservers.base import Played, PlaylistServer, RemoteLibrary, ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from tests import music
from tests.integration.mediaservers.playlist_contract import (
    BreakableWorld,
    PlaylistContract,
)
from tests.subsonic.breaking_proxy import BreakingProxy
from tests.subsonic.faulty_server import failed
from tests.subsonic.supysonic_server import Supysonic, supysonic

SONGS = 10
WORDS = "First line\nSecond line"


@dataclass(frozen=True, slots=True)
class Owner:
    """Somebody at the server itself, past adapter and proxy."""

    server: Supysonic

    def ask(self, method: str, **query: str) -> dict[str, Any]:
        """One call; fails if it is refused."""
        token = hashlib.md5((self.server.password + "salted").encode(), usedforsecurity=False).hexdigest()
        login = {"u": self.server.user, "t": token, "s": "salted", "v": "1.12.0", "c": "owner", "f": "json"}
        with urlopen(f"{self.server.url}/rest/{method}.view?{urlencode({**login, **query})}", timeout=30) as answer:
            response: dict[str, Any] = json.load(answer)["subsonic-response"]
        assert response["status"] == "ok", response
        return response

    def playlists(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("getPlaylists")["playlists"].get("playlist", [])
        return found

    def clear(self) -> None:
        """Delete all playlists: they take long to list."""
        for playlist in self.playlists():
            self.ask("deletePlaylist", id=playlist["id"])

    def songs(self) -> tuple[str, ...]:
        """The ids of the only album's songs."""
        (album,) = self.ask("getAlbumList2", type="alphabeticalByName")["albumList2"]["album"]
        return tuple(song["id"] for song in self.ask("getAlbum", id=album["id"])["album"]["song"])


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Owner, tuple[str, ...]]]:
    """The owner, and the ids of the songs: the second is marked, the third rated, the fourth has words."""
    root = tmp_path_factory.mktemp("music")
    for number in range(SONGS):
        path = music.write_song(root, music.Song(f"{number:02d}.wav", f"Song {number:02d}", "A", "B", number + 1))
        if number == 3:
            path.with_suffix(".txt").write_text(WORDS)
    with supysonic(root, tmp_path_factory.mktemp("supysonic")) as server:
        owner = Owner(server)
        ids = owner.songs()
        owner.ask("star", id=ids[1])
        owner.ask("setRating", id=ids[2], rating="4")
        yield owner, ids


class SupysonicWorld(BreakableWorld):
    """supysonic behind a proxy."""

    unknown_item = str(uuid4())
    libraries = (RemoteLibrary("1", "music"),)

    def __init__(self, owner: Owner, ids: tuple[str, ...], proxy: BreakingProxy) -> None:
        self.owner = owner
        self._proxy = proxy
        self.breaker = proxy.breaker
        self.items = ids
        self.words = (ids[3], WORDS)
        self.wordless = ids[5]
        self.played = {ids[1]: Played(ids[1], favourite=True), ids[2]: Played(ids[2], rating=4.0)}

    def connect(self) -> PlaylistServer:
        return self._connect(self.owner.server.password)

    def connect_wrongly(self) -> PlaylistServer:
        return self._connect("guessed")

    def _connect(self, password: str) -> SubsonicServer:
        user = self.owner.server.user
        return SubsonicServer(ServerConfig(uuid4(), "subsonic", "real", None, self._proxy.url, user, password))

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        before = {playlist["id"] for playlist in self.owner.playlists()}
        self.owner.ask("createPlaylist", name=name)
        (made,) = {playlist["id"] for playlist in self.owner.playlists()} - before
        for item_id in item_ids:
            self.owner.ask("updatePlaylist", playlistId=made, songIdToAdd=item_id, comment="mine", public="true")
        return str(made)

    async def stored(self, remote_id: str) -> object:
        return self.owner.ask("getPlaylist", id=remote_id)


@pytest.fixture
async def world(real: tuple[Owner, tuple[str, ...]]) -> AsyncIterator[SupysonicWorld]:
    """Without the playlists of other tests."""
    owner, ids = real
    owner.clear()
    refusal = partial(failed, 40, "Wrong username or password")
    async with BreakingProxy(owner.server.url, refusal) as proxy:
        yield SupysonicWorld(owner, ids, proxy)


@pytest.fixture(autouse=True)
def short_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few songs need several calls: supysonic takes milliseconds to list each."""
    monkeypatch.setattr(subsonic_client, "URL_LENGTH", 200)


class TestSupysonicPlaylists(PlaylistContract):
    longest = 20

    async def test_a_new_playlist_is_private(self, server: PlaylistServer, world: SupysonicWorld) -> None:
        remote_id = await server.create_playlist("Mine alone", world.items[:2])
        assert world.owner.ask("getPlaylist", id=remote_id)["playlist"]["public"] is False

    async def test_the_owner_is_told(self, server: PlaylistServer, world: SupysonicWorld) -> None:
        await server.create_playlist("Owned", world.items[:2])
        assert {playlist.owner for playlist in await server.playlists()} == {server.account}
