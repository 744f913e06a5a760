"""Playing a track."""

from __future__ import annotations

import asyncio
from pathlib import Path

from shared.messages import track_id
from tests.integration.gateway.system import System, discovered, song
from tests.waiting import until


async def playable(system: System, music: Path, name: str = "0 song.flac") -> str:
    """A track in a connected folder: the address of its sound."""
    added = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(music)})
    server = added.body["id"]
    track = track_id(type(song(1).track_id)(server), name)
    seen = await system.tell(discovered(song(1, track_id=track, item_id=name), server=server))
    await system.get("/api/v1/tracks", after=seen)
    return f"/api/v1/tracks/{track}/audio"


async def test_the_whole_file_comes_as_it_is(system: System, music: Path) -> None:
    path = await playable(system, music)
    async with system.api.client.get(path) as response:
        assert (response.status, response.content_type) == (200, "audio/flac")
        assert response.headers["Accept-Ranges"] == "bytes"
        assert await response.read() == (music / "0 song.flac").read_bytes()


async def test_a_part_comes_as_206(system: System, music: Path) -> None:
    path = await playable(system, music)
    whole = (music / "0 song.flac").read_bytes()
    for wanted, part in (("bytes=4-9", whole[4:10]), ("bytes=10000-", whole[10000:]), ("bytes=-5", whole[-5:])):
        async with system.api.client.get(path, headers={"Range": wanted}) as response:
            assert response.status == 206
            assert await response.read() == part
            start = len(whole) - 5 if wanted == "bytes=-5" else int(wanted[6:].split("-")[0])
            assert response.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(whole)}"


async def test_a_part_that_does_not_exist_is_416(system: System, music: Path) -> None:
    path = await playable(system, music)
    async with system.api.client.get(path, headers={"Range": "bytes=99999999-"}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"].startswith("bytes */")


async def test_head_says_how_long_it_is_and_sends_nothing(system: System, music: Path) -> None:
    path = await playable(system, music)
    async with system.api.client.head(path) as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) == (music / "0 song.flac").stat().st_size
        assert await response.read() == b""


async def test_a_file_that_is_gone_is_said_to_be_missing(system: System, music: Path) -> None:
    path = await playable(system, music)
    (music / "0 song.flac").unlink()
    answer = await system.api.get(path)
    assert (answer.status, answer.body["reason"]) == (404, "file_missing")


async def test_a_listener_who_skips_leaves_nothing_open(system: System, music: Path) -> None:
    (music / "long.flac").write_bytes(bytes(50_000_000))
    path = await playable(system, music, "long.flac")
    for _ in range(3):
        async with system.api.client.get(path) as response:
            await response.content.readexactly(1000)
            response.close()

    async def closed() -> bool:
        handles = [Path(link).resolve() for link in Path("/proc/self/fd").iterdir()]
        return music / "long.flac" not in handles

    await until(closed, "the file is closed")
    async with system.api.client.get(path, headers={"Range": "bytes=0-0"}) as response:
        assert response.status == 206


async def test_a_removed_library_plays_nothing(system: System, music: Path) -> None:
    path = await playable(system, music)
    async with system.api.client.get(path) as response:
        assert response.status == 200
    [server] = (await system.get("/api/v1/servers"))["items"]
    removed = await system.api.delete(f"/api/v1/servers/{server['id']}")
    answer = await system.api.get(path, after=removed.body["position"])
    assert answer.status == 404


async def test_several_may_listen_at_once(system: System, music: Path) -> None:
    path = await playable(system, music)

    async def listen() -> bytes:
        async with system.api.client.get(path) as response:
            return await response.read()

    heard = await asyncio.gather(*(listen() for _ in range(20)))
    assert set(heard) == {(music / "0 song.flac").read_bytes()}
