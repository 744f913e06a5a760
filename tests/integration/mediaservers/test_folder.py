"""The folder adapter: the contract, and what only file systems do."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from shared.errors import BadAudio, InvalidInput, LibraryUnusable, ServerUnavailable, StarlingError
from shared.mediaservers import connect, folder_walk
from shared.mediaservers.base import ListedItem, ListingPage, MediaServer, ServerConfig
from shared.mediaservers.folder import FolderServer
from tests import music
from tests.integration.mediaservers.contract import Library, MediaServerContract, content

NOBODY = 65534


def folder(path: Path | str) -> FolderServer:
    return FolderServer(ServerConfig(uuid4(), "folder", "a folder", path=str(path)))


def touch(root: Path, *names: str, text: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text)


async def pages(server: MediaServer) -> list[ListingPage]:
    found = [await server.list_page(None)]
    while found[-1].next_cursor:
        found.append(await server.list_page(found[-1].next_cursor))
    return found


async def ids(server: MediaServer) -> list[str]:
    return [item.item_id for page in await pages(server) for item in page.items]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    root = tmp_path_factory.mktemp("music")
    config = ServerConfig(uuid4(), "folder", "a folder", path=str(root))
    return Library(root, music.make_library(root), lambda: None, lambda: connect(config))


class TestFolder(MediaServerContract):
    @pytest.fixture
    async def server(self, library: Library) -> AsyncIterator[MediaServer]:
        server = library.connect()
        yield server
        await server.close()


class TestOrder:
    async def test_files_come_before_folders_and_both_by_name(self, tmp_path: Path) -> None:
        touch(tmp_path, "b/2.mp3", "b/1.mp3", "a/z/9.mp3", "a/1.mp3", "z.mp3", "B.mp3")
        expected = ["B.mp3", "z.mp3", "a/1.mp3", "a/z/9.mp3", "b/1.mp3", "b/2.mp3"]
        assert await ids(folder(tmp_path)) == expected

    async def test_pages_hold_100_files_and_go_on_where_they_stopped(self, tmp_path: Path) -> None:
        names = [f"{letter}/{number:03d}.flac" for letter in "abc" for number in range(90)]
        touch(tmp_path, *names)
        found = await pages(folder(tmp_path))
        assert [len(page.items) for page in found] == [100, 100, 70]
        assert [item.item_id for page in found for item in page.items] == names

    async def test_files_that_come_and_go_between_pages_disturb_nothing(self, tmp_path: Path) -> None:
        touch(tmp_path, *(f"m/{number:03d}.ogg" for number in range(250)))
        server = folder(tmp_path)
        first = await server.list_page(None)
        touch(tmp_path, "a/new.ogg", "m/000a.ogg", "m/249a.ogg", "z/new.ogg")
        (tmp_path / "m/050.ogg").unlink()
        (tmp_path / "m/099.ogg").unlink()
        rest = [first.next_cursor]
        seen = [item.item_id for item in first.items]
        while rest[-1]:
            page = await server.list_page(rest[-1])
            seen += [item.item_id for item in page.items]
            rest.append(page.next_cursor)
        assert seen == [f"m/{number:03d}.ogg" for number in range(250)] + ["m/249a.ogg", "z/new.ogg"]

    async def test_thousands_of_files_in_one_folder_are_listed_in_a_moment(self, tmp_path: Path) -> None:
        for number in range(4_000):
            (tmp_path / f"track {number}.mp3").touch()
        server = folder(tmp_path)
        started = time.perf_counter()
        found = await ids(server)
        assert time.perf_counter() - started < 2.0
        assert len(set(found)) == 4_000

    async def test_a_tree_deeper_than_pythons_stack_is_walked(self, tmp_path: Path) -> None:
        levels = [Path(str(tmp_path) + "/d" * depth) for depth in range(1, 1100)]
        try:
            for level in levels:
                level.mkdir()
            (levels[-1] / "down.mp3").touch()
            assert await ids(folder(tmp_path)) == ["d/" * 1099 + "down.mp3"]
        finally:
            (levels[-1] / "down.mp3").unlink()
            for level in reversed(levels):
                level.rmdir()

    async def test_a_page_ends_in_time_in_a_tree_without_music(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folder_walk, "MAX_PAGE_S", 0.0)
        touch(tmp_path, "a/b/c/1.mp3", "a/x/y/readme.txt", "b/2.mp3", "c/d/e/f/readme.txt", "3.mp3")
        found = await pages(folder(tmp_path))
        assert len(found) > 5
        assert [item.item_id for page in found for item in page.items] == ["3.mp3", "a/b/c/1.mp3", "b/2.mp3"]


class TestSelection:
    async def test_suffixes_are_recognised_in_any_case(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.MP3", "b.Flac", "c.opus", "d.m4a", "e.aiff", "f.wv", "cover.jpg", "mp3", ".mp3", "x.mp3.txt")
        assert await ids(folder(tmp_path)) == ["a.MP3", "b.Flac", "c.opus", "d.m4a", "e.aiff", "f.wv"]

    async def test_hidden_things_are_left_out(self, tmp_path: Path) -> None:
        hidden = [".trash/1.mp3", "a/.2.mp3", "a/@eaDir/3.mp3", "lost+found/4.mp3", "#recycle/5.mp3", "a/._6.mp3"]
        touch(tmp_path, "a/1.mp3", *hidden)
        assert await ids(folder(tmp_path)) == ["a/1.mp3"]

    async def test_empty_files_are_listed(self, tmp_path: Path) -> None:
        touch(tmp_path, "empty.mp3", text=b"")
        assert await ids(folder(tmp_path)) == ["empty.mp3"]

    async def test_what_is_no_ordinary_file_is_left_out(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.mp3")
        (tmp_path / "folder.mp3").mkdir()
        os.mkfifo(tmp_path / "pipe.mp3")
        assert await ids(folder(tmp_path)) == ["a.mp3"]
        with pytest.raises(BadAudio) as caught:
            await folder(tmp_path).open_audio("pipe.mp3")
        assert caught.value.reason == "not_audio"


class TestNames:
    async def test_names_that_are_not_utf8_have_ids_that_lead_back(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9/50%\xff.mp3")
        touch(tmp_path, name, text=b"bytes")
        server = folder(tmp_path)
        (item_id,) = await ids(server)
        assert item_id.encode().isascii()
        assert await content(await server.open_audio(item_id)) == b"bytes"
        (track,) = await server.describe((await server.list_page(None)).items)
        assert track.title == "50%\ufffd"
        assert (await server.local_path(item_id)) == tmp_path / name

    async def test_a_walk_goes_on_after_a_name_that_is_not_utf8(self, tmp_path: Path) -> None:
        for number in range(150):
            touch(tmp_path, os.fsdecode(b"%03d\xff/x.mp3" % number))
        found = await pages(folder(tmp_path))
        assert [len(page.items) for page in found] == [100, 50]
        json.dumps([page.next_cursor for page in found]).encode()

    async def test_control_characters_stay_in_ids_and_leave_titles(self, tmp_path: Path) -> None:
        touch(tmp_path, "a\nb\x07/c\td\x1b[31m.mp3")
        server = folder(tmp_path)
        page = await server.list_page(None)
        assert page.items[0].item_id == "a\nb\x07/c\td\x1b[31m.mp3"
        (track,) = await server.describe(page.items)
        assert track.title == "c d [31m"


class TestDescriptions:
    async def describe(self, root: Path) -> dict[str, object]:
        server = folder(root)
        (track,) = await server.describe((await server.list_page(None)).items)
        return {name: value for name, value in track.model_dump().items() if value is not None}

    async def test_without_tags_the_path_speaks(self, tmp_path: Path) -> None:
        music.write_tone(tmp_path / "Some Band/Their Album/CD 2/03 - A Title.flac")
        found = await self.describe(tmp_path)
        assert (found["title"], found["artist"], found["album"]) == ("03 - A Title", "Some Band", "Their Album")
        assert found["duration_s"] == pytest.approx(1.0, abs=0.01)

    async def test_one_folder_is_not_taken_for_an_artist(self, tmp_path: Path) -> None:
        music.write_tone(tmp_path / "Downloads/track.wav")
        found = await self.describe(tmp_path)
        assert found["title"] == "track"
        assert "artist" not in found
        assert "album" not in found

    async def test_wma_and_aiff_have_tags_too(self, tmp_path: Path) -> None:
        for suffix in ("wma", "aiff"):
            song = music.Song(f"x.{suffix}", "Title", "Artist", "Album", 3)
            music.write_song(tmp_path, song)
            found = await self.describe(tmp_path)
            (tmp_path / song.path).unlink()
            assert (found["title"], found["artist"], found["album"]) == ("Title", "Artist", "Album")
            assert (found["year"], found["track_number"]) == (1999, 3)

    async def test_a_wrong_suffix_does_not_hide_the_tags(self, tmp_path: Path) -> None:
        song = music.Song("x.ogg", "An Ogg", "Artist", "Album", 1)
        music.write_song(tmp_path, song).rename(tmp_path / "x.mp3")
        assert (await self.describe(tmp_path))["title"] == "An Ogg"

    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"just some text, renamed",
            b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\xff" * 2000,
            b"fLaC" + b"\x04\xff\xff\xff" * 400,
            b"OggS" + bytes(3000),
            b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff",
            b"\x00\x00\x00\x20ftypM4A " + b"\x00\x00\x00\x08moov" * 200,
        ],
    )
    async def test_a_broken_file_gets_its_name_as_title(self, tmp_path: Path, text: bytes) -> None:
        for suffix in ("mp3", "flac", "ogg", "wav", "m4a", "ape"):
            touch(tmp_path, f"broken.{suffix}", text=text)
        server = folder(tmp_path)
        tracks = await server.describe((await server.list_page(None)).items)
        assert {track.title for track in tracks} == {"broken"}

    async def test_huge_and_dirty_tags_are_cut_and_cleaned(self, tmp_path: Path) -> None:
        song = music.Song("x.flac", "A\0B\x01C\n" + "ö" * 100_000, "\x02\x03", "  spaced\u2028out  ", 1)
        music.write_song(tmp_path, song)
        found = await self.describe(tmp_path)
        assert str(found["title"]).startswith("A B C öö")
        assert len(str(found["title"])) == 500
        assert "artist" not in found
        assert found["album"] == "spaced out"

    async def test_a_file_that_vanished_is_described_by_its_name(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.mp3", "b.mp3")
        server = folder(tmp_path)
        page = await server.list_page(None)
        (tmp_path / "a.mp3").unlink()
        assert [track.title for track in await server.describe(page.items)] == ["a", "b"]


class TestLinks:
    async def test_a_link_out_of_the_root_is_reported_and_not_followed(self, tmp_path: Path) -> None:
        root, outside = tmp_path / "music", tmp_path / "outside"
        touch(root, "in.mp3")
        touch(outside, "secret.mp3")
        (root / "away").symlink_to(outside)
        (root / "file.mp3").symlink_to(outside / "secret.mp3")
        (root / "nowhere.mp3").symlink_to(outside / "nothing.mp3")
        (root / "cover.jpg").symlink_to(outside / "secret.mp3")
        (page,) = await pages(folder(root))
        assert [item.item_id for item in page.items] == ["in.mp3"]
        assert len(page.problems) == 3
        assert "away is a link out of the folder" in page.problems[0]
        assert not page.incomplete

    async def test_each_real_file_is_listed_once_and_loops_end(self, tmp_path: Path) -> None:
        touch(tmp_path, "a/1.mp3", "b/2.mp3")
        (tmp_path / "a/loop").symlink_to(tmp_path)
        (tmp_path / "b/again").symlink_to(tmp_path / "a")
        (tmp_path / "b/1.mp3").symlink_to(tmp_path / "a/1.mp3")
        (tmp_path / "self").symlink_to("self")
        (page,) = await pages(folder(tmp_path))
        assert [item.item_id for item in page.items] == ["a/1.mp3", "b/2.mp3"]

    async def test_a_link_to_hidden_files_is_reported(self, tmp_path: Path) -> None:
        touch(tmp_path, ".store/1.mp3")
        (tmp_path / "song.mp3").symlink_to(tmp_path / ".store/1.mp3")
        (page,) = await pages(folder(tmp_path))
        assert page.items == ()
        assert "song.mp3" in page.problems[0]

    async def test_problems_are_reported_once_and_not_without_end(self, tmp_path: Path) -> None:
        root = tmp_path / "music"
        touch(root, *(f"{number:03d}.mp3" for number in range(150)))
        (root / "050.ogg").symlink_to("/etc/hostname")
        assert [len(page.problems) for page in await pages(folder(root))] == [1, 0]
        for number in range(100):
            (root / f"0500{number}.ogg").symlink_to("/etc/hostname")
        assert [len(page.problems) for page in await pages(folder(root))] == [20, 0]

    async def test_the_root_itself_may_be_a_link(self, tmp_path: Path) -> None:
        touch(tmp_path / "real", "1.mp3")
        (tmp_path / "link").symlink_to(tmp_path / "real")
        server = folder(tmp_path / "link")
        assert await ids(server) == ["1.mp3"]
        assert await server.local_path("1.mp3") == tmp_path / "real/1.mp3"

    @pytest.mark.parametrize(
        "item_id", ["../secret.mp3", "a/../../secret.mp3", "/etc/hostname", "//etc/hostname", "", ".", "a//b", "x\0y"]
    )
    async def test_ids_that_point_outside_are_refused(self, tmp_path: Path, item_id: str) -> None:
        root = tmp_path / "music"
        touch(tmp_path, "music/1.mp3", "secret.mp3")
        for use in (folder(root).local_path, folder(root).open_audio):
            with pytest.raises(BadAudio) as caught:
                await use(item_id)
            assert caught.value.reason in {"outside_root", "file_missing"}

    async def test_a_link_that_takes_a_files_place_is_refused(self, tmp_path: Path) -> None:
        root = tmp_path / "music"
        touch(tmp_path, "music/1.mp3", "music/a/2.mp3", "secret.mp3")
        server = folder(root)
        await ids(server)
        (root / "1.mp3").unlink()
        (root / "1.mp3").symlink_to(tmp_path / "secret.mp3")
        shutil.rmtree(root / "a")
        (root / "a").symlink_to(tmp_path)
        for item_id in ("1.mp3", "a/secret.mp3"):
            with pytest.raises(BadAudio) as caught:
                await server.local_path(item_id)
            assert caught.value.reason == "outside_root"


class TestTrouble:
    @pytest.mark.parametrize("path", [None, "", "music", "~/music", "./x", "/a\0b"])
    async def test_a_path_that_is_not_absolute_is_refused_by_field(self, path: str | None) -> None:
        with pytest.raises(InvalidInput) as caught:
            FolderServer(ServerConfig(uuid4(), "folder", "x", path=path))
        assert caught.value.field == "path"

    async def test_a_missing_root_is_named(self, tmp_path: Path) -> None:
        await self.unusable(folder(tmp_path / "nothing"), "folder_missing", "nothing")

    async def test_a_file_as_root_is_named(self, tmp_path: Path) -> None:
        touch(tmp_path, "song.mp3")
        await self.unusable(folder(tmp_path / "song.mp3"), "not_a_folder", "song.mp3")
        await self.unusable(folder(tmp_path / "song.mp3/inside"), "not_a_folder", "song.mp3")

    async def unusable(self, server: FolderServer, reason: str, name: str) -> None:
        for call in (server.list_page(None), server.local_path("a.mp3"), server.open_audio("a.mp3")):
            with pytest.raises(LibraryUnusable) as caught:
                await call
            assert caught.value.reason == reason
        with pytest.raises(LibraryUnusable):
            await server.describe((ListedItem("a.mp3", "1", "1"),))
        result = await server.test()
        assert not result.ok
        assert name in result.message

    async def test_a_root_that_vanishes_in_mid_walk_raises(self, tmp_path: Path) -> None:
        root = tmp_path / "music"
        touch(root, *(f"{number:03d}.mp3" for number in range(150)))
        server = folder(root)
        page = await server.list_page(None)
        root.rename(tmp_path / "moved")
        with pytest.raises(LibraryUnusable) as caught:
            await server.list_page(page.next_cursor)
        assert caught.value.reason == "folder_missing"

    async def test_another_folder_in_the_roots_place_raises(self, tmp_path: Path) -> None:
        root = tmp_path / "music"
        touch(root, *(f"{number:03d}.mp3" for number in range(150)))
        server = folder(root)
        page = await server.list_page(None)
        root.rename(tmp_path / "moved")
        touch(root, "140.mp3")
        with pytest.raises(LibraryUnusable) as caught:
            await server.list_page(page.next_cursor)
        assert caught.value.reason == "folder_missing"
        assert "replaced" in caught.value.detail

    async def test_a_directory_that_vanishes_in_mid_walk_makes_the_walk_incomplete(self, tmp_path: Path) -> None:
        touch(tmp_path, *(f"a/b/{number:03d}.mp3" for number in range(150)), "c/1.mp3")
        server = folder(tmp_path)
        page = await server.list_page(None)
        assert not page.incomplete
        shutil.rmtree(tmp_path / "a/b")
        page = await server.list_page(page.next_cursor)
        assert page.incomplete
        assert "a/b vanished" in page.problems[0]
        assert [item.item_id for item in page.items] == ["c/1.mp3"]

    async def test_once_incomplete_a_walk_stays_so(self, tmp_path: Path) -> None:
        touch(tmp_path, *(f"a/{number:03d}.mp3" for number in range(150)))
        touch(tmp_path, *(f"z/{number:03d}.mp3" for number in range(250)))
        server = folder(tmp_path)
        page = await server.list_page(None)
        shutil.rmtree(tmp_path / "a")
        states = []
        while page.next_cursor:
            page = await server.list_page(page.next_cursor)
            states.append(page.incomplete)
        assert states == [True, True, True]
        assert not (await server.list_page(None)).incomplete

    async def test_a_cursor_from_elsewhere_is_refused(self, tmp_path: Path) -> None:
        for cursor in ("", "{}", "[]", "17", '{"after": "../x", "root": "", "incomplete": false}'):
            with pytest.raises(InvalidInput) as caught:
                await folder(tmp_path).list_page(cursor)
            assert caught.value.field == "cursor"

    async def test_an_empty_folder_is_an_empty_page_and_a_failed_test(self, tmp_path: Path) -> None:
        (page,) = await pages(folder(tmp_path))
        assert (page.items, page.incomplete) == ((), False)
        result = await folder(tmp_path).test()
        assert not result.ok
        assert "no audio files" in result.message

    async def test_a_closed_adapter_says_that_it_is_unavailable(self, tmp_path: Path) -> None:
        server = folder(tmp_path)
        await server.close()
        with pytest.raises(ServerUnavailable):
            await server.list_page(None)

    async def test_a_file_that_shrinks_while_it_is_read_breaks_off(self, tmp_path: Path) -> None:
        touch(tmp_path, "a.mp3", text=bytes(1_000_000))
        stream = await folder(tmp_path).open_audio("a.mp3")
        os.truncate(tmp_path / "a.mp3", 300_000)
        with pytest.raises(ServerUnavailable):
            await content(stream)


class TestPermissions:
    """Run as a user without rights, since root may read everything."""

    @pytest.fixture
    def root(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            root.chmod(0o755)
            touch(root, "a/1.mp3", "b/2.mp3", "c/3.mp3")
            yield root
            for path in (root, root / "b"):
                path.chmod(0o755)

    def test_an_unreadable_root_is_named(self, root: Path) -> None:
        root.chmod(0o700 if os.geteuid() == 0 else 0)
        assert as_nobody(lambda: self.reason(folder(root))) == "no_permission"

    def test_an_unreadable_directory_makes_the_walk_incomplete(self, root: Path) -> None:
        (root / "b").chmod(0o700 if os.geteuid() == 0 else 0)
        found = as_nobody(lambda: self.listing(folder(root)))
        assert found == [["a/1.mp3", "c/3.mp3"], True, ["b cannot be read: Permission denied"]]

    def test_an_unreadable_file_is_listed_and_named_when_opened(self, root: Path) -> None:
        (root / "a/1.mp3").chmod(0o600 if os.geteuid() == 0 else 0)
        assert as_nobody(lambda: self.listing(folder(root))) == [["a/1.mp3", "b/2.mp3", "c/3.mp3"], False, []]
        assert as_nobody(lambda: self.opening(folder(root), "a/1.mp3")) == "no_permission"

    async def reason(self, server: FolderServer) -> object:
        return await self.failure(server.list_page(None))

    async def opening(self, server: FolderServer, item_id: str) -> object:
        return await self.failure(server.open_audio(item_id))

    async def failure(self, call: Awaitable[object]) -> object:
        try:
            return str(await call)
        except StarlingError as error:
            return getattr(error, "reason", None)

    async def listing(self, server: FolderServer) -> object:
        page = await server.list_page(None)
        return [[item.item_id for item in page.items], page.incomplete, list(page.problems)]


def as_nobody(call: Callable[[], Awaitable[object]]) -> object:
    """What ``call`` gives in a child process without root's rights."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)

            async def run() -> object:
                return await call()

            with asyncio.Runner() as runner:
                os.write(writing, json.dumps(runner.run(run())).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    assert text, "the child process failed"
    return json.loads(text)
