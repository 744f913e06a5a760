"""The Subsonic adapter against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from shared.errors import ServerRefused
from shared.mediaservers import connect
from shared.mediaservers.base import MediaServer, ServerConfig
from tests import music
from tests.integration.mediaservers.contract import Library, MediaServerContract, walk
from tests.subsonic.supysonic_server import Supysonic, supysonic


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Library, Supysonic]]:
    """supysonic with the test library. It cannot send a file that has a line break in its name."""
    root = tmp_path_factory.mktemp("music")
    songs = music.make_library(root, tuple(song for song in music.library() if "\n" not in song.path))
    with supysonic(root, tmp_path_factory.mktemp("supysonic")) as server:
        config = ServerConfig(uuid4(), "subsonic", "real", None, server.url, server.user, server.password)
        yield Library(root, songs, server.scan, lambda: connect(config)), server


@pytest.fixture(scope="module")
def library(real: tuple[Library, Supysonic]) -> Library:
    return real[0]


class TestSupysonic(MediaServerContract):
    @pytest.fixture
    async def server(self, library: Library) -> AsyncIterator[MediaServer]:
        server = library.connect()
        yield server
        await server.close()

    async def test_it_says_its_version(self, server: MediaServer) -> None:
        assert (await server.test()).server_version == "Subsonic API 1.12.0"

    async def test_a_wrong_password_is_told_in_the_servers_own_words(self, real: tuple[Library, Supysonic]) -> None:
        config = ServerConfig(uuid4(), "subsonic", "real", None, real[1].url, real[1].user, "guessed")
        server = connect(config)
        with pytest.raises(ServerRefused) as caught:
            await server.list_page(None)
        result = await server.test()
        await server.close()
        assert caught.value.reason == "wrong_password"
        assert not result.ok
        assert "Wrong username or password" in result.message

    async def test_an_id_that_is_none_is_not_found(self, server: MediaServer) -> None:
        with pytest.raises(ServerRefused) as caught:
            await server.open_audio("no id of this server")
        assert caught.value.reason == "not_found"

    async def test_a_file_that_the_server_cannot_send_is_refused_with_its_words(
        self, server: MediaServer, library: Library
    ) -> None:
        song = music.Song("Awkward/Line\nbreak.ogg", "Unsendable", "A", "B", 1)
        path = music.write_song(library.root, song)
        try:
            library.rescan()
            found = {item.track.title: item.item_id for item in await walk(server) if item.track}
            with pytest.raises(ServerRefused, match="newline"):
                await server.open_audio(found["Unsendable"])
            assert (await server.test()).ok
        finally:
            path.unlink()
            library.rescan()
