"""Playlists as files in a folder: the contract, and what only file systems do."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import mutagen
import pytest

from shared.errors import LibraryUnusable, ServerRefused
from shared.mediaservers.base import Played, PlaylistServer, ServerConfig
from shared.mediaservers.folder import FolderServer
from tests import music
from tests.integration.mediaservers.contract import walk
from tests.integration.mediaservers.playlist_contract import PlaylistContract, World, listing
from tests.integration.mediaservers.test_folder import as_nobody


class FolderWorld(World):
    """A thousand empty files, and one that sounds and has words beside it."""

    unknown_item = "gone/away.mp3"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.items = tuple(f"A {number // 100}/#{number:03d}.mp3" for number in range(1000))
        self.words = ("Sung/song.wav", "First line\n\nSecond line")
        self.wordless = self.items[0]
        self.played: dict[str, Played] = {}
        for item in self.items:
            (root / item).parent.mkdir(exist_ok=True)
            (root / item).touch()
        music.write_song(root, music.Song(self.words[0], "Song", "Singer", "Album", 1))
        lrc = "[ar:Singer]\r\n[00:01.00]First line\r\n\r\n[00:02.50]<00:02.50>Second line\r\n"
        (root / "Sung/song.lrc").write_bytes(lrc.encode())

    def connect(self) -> FolderServer:
        return FolderServer(ServerConfig(uuid4(), "folder", "a folder", path=str(self.root)))

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        lines = ["#EXTM3U", "# my own order", *(f"../{item}" for item in item_ids)]
        (self.root / "Starling").mkdir(exist_ok=True)
        path = self.root / "Starling" / f"{name}.m3u8"
        path.write_bytes("\r\n".join(lines).encode())
        return path.name

    async def stored(self, remote_id: str) -> object:
        path = self.root / "Starling" / remote_id
        return path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FolderWorld:
    return FolderWorld(tmp_path_factory.mktemp("music"))


@pytest.fixture
def world(whole: FolderWorld) -> Iterator[FolderWorld]:
    yield whole
    shutil.rmtree(whole.root / "Starling", ignore_errors=True)


def files(world: FolderWorld) -> list[str]:
    return sorted(path.name for path in (world.root / "Starling").iterdir())


class TestFolderPlaylists(PlaylistContract):
    async def test_a_list_is_a_file_that_players_read(self, server: PlaylistServer, world: FolderWorld) -> None:
        await server.create_playlist("Sung", [world.words[0], world.items[0]])
        first, name, mark, *rest = (world.root / "Starling/Sung.m3u8").read_text().splitlines()
        assert (first, name) == ("#EXTM3U", "#PLAYLIST:Sung")
        assert mark.endswith(":Sung.m3u8")
        assert rest == ["#EXTINF:1,Singer - Song", "../Sung/song.wav", "#EXTINF:-1,#000", "../A 0/#000.mp3"]

    async def test_lists_are_no_music(self, server: PlaylistServer, world: FolderWorld) -> None:
        before = await walk(server)
        await server.create_playlist("No music", world.items[:2])
        assert await walk(server) == before

    async def test_the_file_follows_the_name_and_the_id_stays(self, server: PlaylistServer, world: FolderWorld) -> None:
        remote_id = await server.create_playlist("One", world.items[:2])
        await server.rename_playlist(remote_id, "Two")
        assert files(world) == ["Two.m3u8"]
        await server.rename_playlist(remote_id, "Two?")
        assert files(world) == ["Two.m3u8"]
        assert await listing(server) == {remote_id: "Two?"}

    async def test_lists_of_one_name_are_numbered(self, server: PlaylistServer, world: FolderWorld) -> None:
        for _ in range(3):
            await server.create_playlist("Soul", world.items[:1])
        assert files(world) == ["Soul (2).m3u8", "Soul (3).m3u8", "Soul.m3u8"]

    async def test_many_writers_at_once_get_files_of_their_own(self, world: FolderWorld) -> None:
        servers = [world.connect() for _ in range(5)]
        made = await asyncio.gather(*(server.create_playlist("Soul", world.items[:3]) for server in servers * 4))
        assert len(set(made)) == len(files(world)) == 20
        for server in servers:
            await server.close()

    async def test_what_somebody_else_wrote_is_refused_by_name(
        self, server: PlaylistServer, world: FolderWorld
    ) -> None:
        remote_id = await world.by_hand("Mine", world.items[:2])
        before = await world.stored(remote_id)
        for use in (
            server.set_playlist_items(remote_id, world.items[:1]),
            server.rename_playlist(remote_id, "Yours"),
            server.delete_playlist(remote_id),
        ):
            with pytest.raises(ServerRefused, match=r"Mine\.m3u8") as caught:
                await use
            assert caught.value.reason == "forbidden"
        assert await world.stored(remote_id) == before

    async def test_a_copy_under_another_name_belongs_to_who_made_it(
        self, server: PlaylistServer, world: FolderWorld
    ) -> None:
        remote_id = await server.create_playlist("Soul", world.items[:3])
        ours = world.root / "Starling/Soul.m3u8"
        copy = ours.with_name("My soul.m3u8")
        copy.write_bytes(ours.read_bytes())
        before = await world.stored(copy.name)
        await server.set_playlist_items(remote_id, world.items[5:7])
        await server.rename_playlist(remote_id, "Blues")
        await server.delete_playlist(remote_id)
        assert await world.stored(copy.name) == before
        assert files(world) == ["My soul.m3u8"]

    async def test_a_list_that_its_owner_renamed_is_not_ours_any_more(
        self, server: PlaylistServer, world: FolderWorld
    ) -> None:
        remote_id = await server.create_playlist("Soul", world.items[:3])
        (world.root / "Starling/Soul.m3u8").rename(world.root / "Starling/Kept.m3u8")
        with pytest.raises(ServerRefused) as caught:
            await server.set_playlist_items(remote_id, world.items[:1])
        assert caught.value.reason == "not_found"
        assert await server.playlist_items("Kept.m3u8") == world.items[:3]

    async def test_a_renaming_that_was_cut_off_is_finished(self, server: PlaylistServer, world: FolderWorld) -> None:
        remote_id = await server.create_playlist("Old", world.items[:3])
        old = (world.root / "Starling/Old.m3u8").read_bytes()
        await server.rename_playlist(remote_id, "New")
        (world.root / "Starling/Old.m3u8").write_bytes(old)
        os.utime(world.root / "Starling/Old.m3u8", (1, 1))
        assert await listing(server) == {remote_id: "New"}
        await server.set_playlist_items(remote_id, world.items[:2])
        assert files(world) == ["New.m3u8"]

    async def test_what_a_killed_writer_left_is_swept(self, server: PlaylistServer, world: FolderWorld) -> None:
        await server.create_playlist("First", world.items[:1])
        for name, age in ((".starling-0.tmp", 1), (".starling-1.tmp", None)):
            (world.root / "Starling" / name).write_bytes(b"half")
            if age is not None:
                os.utime(world.root / "Starling" / name, (age, age))
        assert len(await server.playlists()) == 1
        await server.create_playlist("Second", world.items[:1])
        assert files(world) == [".starling-1.tmp", "First.m3u8", "Second.m3u8"]

    async def test_words_come_from_the_tags_too(self, server: PlaylistServer, world: FolderWorld) -> None:
        path = music.write_song(world.root, music.Song("Tagged/song.flac", "Song", "Singer", "Album", 1))
        tagged = mutagen.File(path)
        tagged["LYRICS"] = "La la\r\nla"
        tagged.save()
        try:
            assert await server.lyrics("Tagged/song.flac") == "La la\nla"
            assert await server.lyrics("../outside.mp3") is None
        finally:
            shutil.rmtree(world.root / "Tagged")


class TestFolderPlaylistTrouble:
    @pytest.fixture
    async def server(self, tmp_path: Path) -> AsyncIterator[FolderServer]:
        (tmp_path / "a.mp3").touch()
        server = FolderServer(ServerConfig(uuid4(), "folder", "a folder", path=str(tmp_path)))
        yield server
        await server.close()

    async def test_without_a_list_nothing_is_made(self, server: FolderServer, tmp_path: Path) -> None:
        assert await server.playlists() == ()
        await server.delete_playlist("nothing")
        assert [path.name for path in tmp_path.iterdir()] == ["a.mp3"]

    async def test_a_file_in_the_way_is_named(self, server: FolderServer, tmp_path: Path) -> None:
        (tmp_path / "Starling").touch()
        for use in (server.create_playlist("Soul", ["a.mp3"]), server.playlists()):
            with pytest.raises(LibraryUnusable, match="Starling"):
                await use

    async def test_a_link_in_the_way_is_named(self, server: FolderServer, tmp_path: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "Starling").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(LibraryUnusable, match="must be a directory"):
            await server.create_playlist("Soul", ["a.mp3"])
        assert list((tmp_path / "elsewhere").iterdir()) == []

    async def test_links_and_huge_files_are_no_lists(self, server: FolderServer, tmp_path: Path) -> None:
        (tmp_path / "Starling").mkdir()
        (tmp_path / "Starling/link.m3u8").symlink_to("/etc/hostname")
        with (tmp_path / "Starling/huge.m3u8").open("wb") as file:
            file.truncate(2**33)
        assert await server.playlists() == ()

    def test_a_folder_that_may_not_be_written_is_named(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            root.chmod(0o755)
            (root / "a.mp3").touch()

            async def reason() -> object:
                server = FolderServer(ServerConfig(uuid4(), "folder", "a folder", path=name))
                try:
                    return await server.create_playlist("Soul", ["a.mp3"])
                except LibraryUnusable as error:
                    return [error.reason, error.detail]

            root.chmod(0o555)
            found = as_nobody(reason)
            root.chmod(0o755)
        assert isinstance(found, list)
        assert found[0] == "no_permission"
        assert f"{name}/Starling" in found[1]
        assert "write there" in found[1]
