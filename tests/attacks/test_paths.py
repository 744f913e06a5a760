"""Paths that lead elsewhere: from servers, playlists, imports, uploads, links, and a library at the root of everything.

What a folder's own ids and links may not do: ``tests/integration/mediaservers/test_folder.py``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from shared.mediaservers.base import ServerConfig
from shared.mediaservers.folder import FolderServer
from shared.mediaservers.folder_playlists import FOLDER
from tests.attacks.house import House

NAMES = (
    "../../x",
    "..",
    ".",
    "/etc/passwd",
    "..\\..\\x",
    "con",
    "NUL.txt",
    "lpt1",
    "a/b",
    "🎵" * 100,
    "x" * 300,
    "a\x00b",
    "a\nb",
    "\x1b[31m",
    ".hidden",
    "x.m3u8/../../y",
    "~root",
    "$(reboot)",
    "-rf",
    " ",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    root.mkdir()
    (root / "song.mp3").write_bytes(b"ID3")
    return root


def everything(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*")}


async def test_no_name_of_a_playlist_becomes_a_path(folder: Path) -> None:
    server = FolderServer(ServerConfig(uuid4(), "folder", "Music", path=str(folder)))
    try:
        for name in NAMES:
            remote = await server.create_playlist(name, ("song.mp3",))
            await server.rename_playlist(remote, f"{name}!")
            await server.rename_playlist(remote, name)
    finally:
        await server.close()
    made = everything(folder.parent) - {"music", "music/song.mp3", f"music/{FOLDER}"}
    assert len(made) == len(NAMES)
    for path in made:
        name = path.removeprefix(f"music/{FOLDER}/")
        assert "/" not in name, path
        assert name.endswith(".m3u8"), path
        assert not name.startswith("."), path
        assert name.isprintable(), path
        assert len(name.encode()) <= 255, path


async def test_an_item_outside_is_not_written_into_a_list_and_one_in_a_list_is_no_item(folder: Path) -> None:
    (folder.parent / "secret.mp3").write_bytes(b"ID3")
    server = FolderServer(ServerConfig(uuid4(), "folder", "Music", path=str(folder)))
    outside = (
        "../secret.mp3",
        "/etc/passwd",
        str(folder.parent / "secret.mp3"),
        "a\x00b",
        "..",
        "song.mp3/../../secret.mp3",
    )
    try:
        remote = await server.create_playlist("List", ("song.mp3", *outside))
        assert await server.playlist_items(remote) == ("song.mp3",)
        entries = "\n".join(
            ["../../secret.mp3", *outside[1:3], "file:///etc/passwd", "http://evil.example/x", "../song.mp3"]
        )
        (folder / FOLDER / "foreign.m3u8").write_text(entries)
        foreign = next(one for one in await server.playlists() if one.remote_id != remote)
        assert await server.playlist_items(foreign.remote_id) == ("song.mp3",)
    finally:
        await server.close()


async def test_links_that_cannot_be_followed_do_not_end_a_listing(folder: Path) -> None:
    (folder / "too long").symlink_to("x" * 300)
    (folder / "loop").symlink_to("loop")
    (folder / "through a file").symlink_to("song.mp3/x")
    (folder / "out.mp3").symlink_to("/etc/passwd")
    (folder / "kernel.mp3").symlink_to("/proc/self/mem")
    server = FolderServer(ServerConfig(uuid4(), "folder", "Music", path=str(folder)))
    try:
        page = await server.list_page(None)
    finally:
        await server.close()
    assert [item.item_id for item in page.items] == ["song.mp3"]
    assert not page.incomplete


@pytest.mark.parametrize("path", ["/proc", "/sys", "/dev", "/etc"])
async def test_a_library_of_what_the_system_shows_as_files_is_looked_at_and_found_empty(
    house: House, path: str
) -> None:
    body = {"type": "folder", "name": "System", "path": path}
    status, answer = await house.call("POST", "/api/v1/servers/test", body)
    assert status == 200
    assert not answer["ok"]
    assert "no audio files were found" in answer["message"]


ELSEWHERE = (
    "/etc/shadow",
    "../../../../etc/shadow",
    "file:///etc/shadow",
    "C:\\Windows\\win.ini",
    "\\\\evil\\share\\x.mp3",
    "http://169.254.169.254/latest/meta-data/",
)


async def test_entries_of_an_imported_file_that_point_elsewhere_are_only_words(house: House) -> None:
    async with house.starling.session() as session:
        address = "/api/v1/playlists/import"
        async with session.post(address, data="\n".join(ELSEWHERE).encode()) as answer:
            assert answer.status == 422
            assert "in a library" in (await answer.json(content_type=None))["detail"]
        async with session.post(address, data="\n".join([*ELSEWHERE, "1 plain.ogg"]).encode()) as answer:
            imported = await answer.json()
        async with session.delete(f"/api/v1/playlists/{imported['id']}") as gone:
            assert gone.status == 202
    assert imported["matched"] == 1
    assert [entry["text"] for entry in imported["missing"]] == list(ELSEWHERE)


@pytest.mark.parametrize(
    "file_name", ["../../x.m3u8", "/etc/cron.d/x.m3u8", "a\\..\\b.m3u8", "%00.m3u8", "x" * 900, ".."]
)
async def test_the_name_of_an_uploaded_file_is_only_a_word(house: House, file_name: str) -> None:
    before = await asyncio.to_thread(everything, house.starling.data_dir.parent / "music")
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("file", b"1 plain.ogg\n", filename=file_name)
    async with house.starling.session() as session:
        async with session.post("/api/v1/playlists/import", data=form) as answer:
            assert answer.status == 201, await answer.text()
            imported = await answer.json()
        async with session.delete(f"/api/v1/playlists/{imported['id']}") as gone:
            assert gone.status == 202
    assert "/" not in imported["name"]
    assert len(imported["name"]) <= 300
    assert await asyncio.to_thread(everything, house.starling.data_dir.parent / "music") == before


async def test_ids_and_suffixes_of_a_lying_server_name_no_file(house: House) -> None:
    """The run of this house has fetched its tracks: what they are called is kept as text and nothing else."""
    root = house.starling.data_dir
    names = await asyncio.to_thread(lambda: [path.name for path in root.rglob("*")])
    assert not [name for name in names if "passwd" in name or "environ" in name or len(name) > 200]
    tracks = (await house.starling.get("/api/v1/tracks?status=failed"))["items"]
    lies = [track for track in tracks if track["item_id"] == "../../../../etc/passwd"]
    assert [lie["suffix"] for lie in lies] == ["x"]
    for lie in lies:
        status, _ = await house.starling.call("GET", f"/api/v1/tracks/{lie['id']}/audio")
        assert status == 502
