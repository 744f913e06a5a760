"""Handing audio over: what both stores must do, then each store's own."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from services.up.valkey import ValkeyServer
from shared.audio_store import AudioStore, BlobAudioStore, FileStore, borrow, open_source, open_store
from shared.audio_store.sizes import MAX_FILE
from shared.commands import AudioRef
from shared.errors import Backpressure, BadAudio, ConfigurationError, ServerUnavailable, StoreUnavailable
from shared.mediaservers.base import ServerConfig
from shared.mediaservers.subsonic import SubsonicServer
from shared.redis_blobs import RedisBlobs
from shared.settings import Settings
from tests.servers import emptied
from tests.subsonic.faulty_server import PASSWORD, USER, FaultyServer, audio_of, breaks_off
from tests.waiting import until

BUDGET = 1_000_000
KEY = UUID(int=1)


class Chunks:
    """Bytes as a download gives them; knows whether it was closed."""

    def __init__(self, *chunks: bytes, then: BaseException | None = None) -> None:
        self.chunks = list(chunks)
        self.then = then
        self.closed = False

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> bytes:
        if self.chunks:
            return self.chunks.pop(0)
        if self.then is not None:
            raise self.then
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.closed = True


async def read(store: AudioStore, ref: AudioRef) -> bytes:
    async with store.open_local(ref) as path:
        return path.read_bytes()


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "audio", BUDGET)


@pytest.fixture(params=["file", "valkey", "redis7"])
def server(request: pytest.FixtureRequest) -> ValkeyServer | None:
    """None stands for the folder."""
    found: ValkeyServer | None = None if request.param == "file" else request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def store(server: ValkeyServer | None, tmp_path: Path) -> AsyncIterator[AudioStore]:
    if server is None:
        yield FileStore(tmp_path / "audio", BUDGET)
        return
    store = BlobAudioStore(RedisBlobs(Redis.from_url(await emptied(server)), "test"), BUDGET, chunk=64_000)
    yield store
    await store.close()


class TestBothStores:
    async def test_what_is_put_in_comes_out(self, store: AudioStore) -> None:
        chunks = Chunks(b"abc", b"", b"d" * 2500, b"e")
        ref = await store.put(KEY, chunks, "mp3", 2504)
        assert (ref.size_bytes, ref.owned, ref.suffix) == (2504, True, "mp3")
        assert await read(store, ref) == b"abc" + b"d" * 2500 + b"e"
        assert chunks.closed

    async def test_the_size_need_not_be_known(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(*[b"x" * 100_000] * 7), "", None)
        assert ref.size_bytes == len(await read(store, ref)) == 700_000

    async def test_nothing_is_a_file_too(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(), "mp3", 0)
        assert await read(store, ref) == b""

    async def test_more_than_announced_is_kept(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(b"x" * 50_000), "mp3", 10)
        assert len(await read(store, ref)) == 50_000

    async def test_less_than_announced_broke_off(self, store: AudioStore) -> None:
        chunks = Chunks(b"x" * 50)
        with pytest.raises(ServerUnavailable, match="50 of 51 bytes"):
            await store.put(KEY, chunks, "mp3", 51)
        assert chunks.closed
        await self.everything_fits(store)

    async def everything_fits(self, store: AudioStore) -> None:
        await store.put(uuid4(), Chunks(b"x" * BUDGET), "mp3", BUDGET)

    async def test_deleted_audio_is_gone_and_its_room_is_free(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(b"x" * BUDGET), "mp3", BUDGET)
        await store.delete(ref)
        with pytest.raises(BadAudio) as caught:
            await read(store, ref)
        assert caught.value.reason == "file_missing"
        await store.delete(ref)
        await self.everything_fits(store)

    async def test_a_full_store_makes_the_next_one_wait_without_taking_a_byte(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(b"x" * 600_000), "mp3", 600_000)
        chunks = Chunks(b"y" * 600_000)
        with pytest.raises(Backpressure):
            await store.put(uuid4(), chunks, "mp3", 600_000)
        assert chunks.closed
        assert len(chunks.chunks) == 1
        await store.put(uuid4(), Chunks(b"y" * 400_000), "mp3", 400_000)
        assert await read(store, ref) == b"x" * 600_000

    async def test_a_full_store_stops_a_download_of_unknown_size(self, store: AudioStore) -> None:
        await store.put(KEY, Chunks(b"x" * 600_000), "mp3", 600_000)
        with pytest.raises(Backpressure):
            await store.put(uuid4(), Chunks(*[b"y" * 50_000] * 10), "mp3", None)
        await store.put(uuid4(), Chunks(b"y" * 400_000), "mp3", 400_000)

    async def test_what_could_never_fit_is_told_at_once(self, store: AudioStore) -> None:
        for chunks, size in ((Chunks(b"x"), BUDGET + 1), (Chunks(*[b"x" * 100_000] * 11), None)):
            with pytest.raises(BadAudio) as caught:
                await store.put(KEY, chunks, "mp3", size)
            assert caught.value.reason == "too_large"
            assert chunks.closed
        await self.everything_fits(store)

    async def test_a_download_that_fails_leaves_nothing(self, store: AudioStore) -> None:
        for failure in (ServerUnavailable("cut"), asyncio.CancelledError(), RuntimeError("bug")):
            chunks = Chunks(b"x" * 500_000, then=failure)
            with pytest.raises(type(failure)):
                await store.put(KEY, chunks, "mp3", 900_000)
            assert chunks.closed
        await self.everything_fits(store)

    async def test_two_downloads_at_once_share_the_budget(self, store: AudioStore) -> None:
        puts = [store.put(uuid4(), Chunks(*[b"x" * 100_000] * 4), "mp3", 400_000) for _ in range(6)]
        results = await asyncio.gather(*puts, return_exceptions=True)
        assert sum(isinstance(result, AudioRef) for result in results) == 2
        assert sum(isinstance(result, Backpressure) for result in results) == 4

    async def test_putting_a_key_again_replaces_it(self, store: AudioStore) -> None:
        await store.put(KEY, Chunks(b"first"), "mp3", 5)
        ref = await store.put(KEY, Chunks(b"second"), "mp3", 6)
        assert await read(store, ref) == b"second"

    async def test_a_failed_repetition_takes_nothing_away(self, store: AudioStore) -> None:
        ref = await store.put(KEY, Chunks(b"first"), "mp3", 5)
        with pytest.raises(ServerUnavailable):
            await store.put(KEY, Chunks(b"se", then=ServerUnavailable("cut")), "mp3", 6)
        assert await read(store, ref) == b"first"

    @pytest.mark.parametrize("suffix", ["../../x", "a/b", "UPPER", "with space", "waytoolongsuffix", "ö"])
    async def test_a_suffix_is_plain_or_left_out(self, store: AudioStore, suffix: str, tmp_path: Path) -> None:
        ref = await store.put(KEY, Chunks(b"x"), suffix, 1)
        assert ref.suffix in ("", "upper")
        async with store.open_local(ref) as path:
            assert path.read_bytes() == b"x"
        assert [entry.name for entry in tmp_path.iterdir()] in ([], ["audio"])

    async def test_a_borrowed_file_is_read_where_it_is_and_never_deleted(
        self, store: AudioStore, tmp_path: Path
    ) -> None:
        path = tmp_path / os.fsdecode(b"caf\xe9 50% \n.MP3")
        path.write_bytes(b"the listener's own")
        ref = borrow(path, 18)
        assert (ref.owned, ref.suffix) == (False, "mp3")
        assert ref.model_dump_json().encode()
        async with store.open_local(AudioRef.model_validate_json(ref.model_dump_json())) as opened:
            assert opened == path
        await store.delete(ref)
        await store.sweep(0)
        assert path.read_bytes() == b"the listener's own"
        path.unlink()
        with pytest.raises(BadAudio) as caught:
            await read(store, ref)
        assert caught.value.reason == "file_missing"

    async def test_pathlibs_uris_are_understood(self, store: AudioStore, tmp_path: Path) -> None:
        path = tmp_path / "a b%ö.mp3"
        path.write_bytes(b"x")
        assert await read(store, AudioRef(uri=path.as_uri(), size_bytes=1, owned=False)) == b"x"

    async def test_audio_in_another_store_is_named_as_such(self, store: AudioStore, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"x")
        for uri in (f"file://{tmp_path}/x", "s3://bucket/x", "redis://nothing"):
            ref = AudioRef(uri=uri, size_bytes=1, owned=True)
            with pytest.raises(BadAudio) as caught:
                await read(store, ref)
            assert caught.value.reason == "file_missing"
            await store.delete(ref)
        assert (tmp_path / "x").exists()


class TestFileStore:
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "audio"

    def names(self, tmp_path: Path) -> list[str]:
        return sorted(path.name for path in self.folder(tmp_path).iterdir() if not path.name.startswith("."))

    async def test_the_folder_and_its_files_are_private(self, files: FileStore, tmp_path: Path) -> None:
        ref = await files.put(KEY, Chunks(b"x"), "mp3", 1)
        assert stat.S_IMODE(self.folder(tmp_path).stat().st_mode) == 0o700
        async with files.open_local(ref) as path:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert path == self.folder(tmp_path) / f"{KEY.hex}.mp3"

    async def test_a_file_appears_when_it_is_whole(self, files: FileStore, tmp_path: Path) -> None:
        seen: list[list[str]] = []

        async def chunks() -> AsyncIterator[bytes]:
            yield b"x" * 10
            seen.append(self.names(tmp_path))
            yield b"x" * 10

        await files.put(KEY, chunks(), "mp3", 20)
        assert [name.startswith("starling-part-") for name in seen[0]] == [True]
        assert self.names(tmp_path) == [f"{KEY.hex}.mp3"]

    async def test_a_file_that_lost_its_end_is_not_handed_out(self, files: FileStore, tmp_path: Path) -> None:
        ref = await files.put(KEY, Chunks(b"x" * 100), "mp3", 100)
        os.truncate(self.folder(tmp_path) / f"{KEY.hex}.mp3", 50)
        with pytest.raises(BadAudio) as caught:
            await read(files, ref)
        assert caught.value.reason == "file_missing"

    async def test_sweeping_deletes_by_age_and_only_what_is_ours(self, files: FileStore, tmp_path: Path) -> None:
        await files.put(UUID(int=1), Chunks(b"old"), "mp3", 3)
        await files.put(UUID(int=2), Chunks(b"new"), "mp3", 3)
        foreign = self.folder(tmp_path) / "letter.txt"
        foreign.write_text("not ours")
        past = time.time() - 5000
        for path in (foreign, self.folder(tmp_path) / f"{UUID(int=1).hex}.mp3"):
            os.utime(path, (past, past))
        assert await files.sweep(3600) == 1
        assert self.names(tmp_path) == sorted([f"{UUID(int=2).hex}.mp3", "letter.txt"])

    async def test_what_a_killed_writer_left_takes_no_room(self, files: FileStore, tmp_path: Path) -> None:
        command = (sys.executable, "-c", WRITER, str(self.folder(tmp_path)), str(BUDGET))
        writer = await asyncio.create_subprocess_exec(*command)
        try:

            async def has_begun() -> bool:
                return any(path.stat().st_size == 900_000 for path in self.folder(tmp_path).glob("starling-part-*"))

            await until(has_begun, "the other process writes")
            with pytest.raises(Backpressure):
                await files.put(KEY, Chunks(b"x" * 200_000), "mp3", 200_000)
        finally:
            writer.kill()
            await writer.wait()
        await files.put(KEY, Chunks(b"x" * BUDGET), "mp3", BUDGET)
        assert self.names(tmp_path) == [f"{KEY.hex}.mp3"]

    async def test_a_cancelled_download_leaves_no_file_open(self, files: FileStore, tmp_path: Path) -> None:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(10):
            task = asyncio.ensure_future(files.put(uuid4(), Chunks(*[b"x" * 1000] * 300), "mp3", 300_000))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        async def all_closed() -> bool:
            return len(list(Path("/proc/self/fd").iterdir())) <= before and self.names(tmp_path) == []

        await until(all_closed, "no file is open")

    async def test_a_folder_in_other_use_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        folder = tmp_path / "shared"
        folder.mkdir(mode=0o755)
        (folder / "letter.txt").write_text("somebody's")
        with pytest.raises(ConfigurationError, match="open to others"):
            FileStore(folder, BUDGET)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        (folder / "letter.txt").unlink()
        FileStore(folder, BUDGET)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    async def test_a_folder_that_cannot_be_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        (tmp_path / "link").symlink_to(tmp_path)
        for path in (tmp_path / "file", tmp_path / "file/inside", tmp_path / "link"):
            with pytest.raises(ConfigurationError, match=str(path)):
                FileStore(path, BUDGET)

    async def test_a_folder_that_vanished_is_an_unavailable_store(self, files: FileStore, tmp_path: Path) -> None:
        self.folder(tmp_path).rename(tmp_path / "elsewhere")
        with pytest.raises(StoreUnavailable):
            await files.put(KEY, Chunks(b"x"), "mp3", 1)

    async def test_no_file_is_larger_than_four_gigabytes(self, tmp_path: Path) -> None:
        store = FileStore(tmp_path / "audio", 100 * MAX_FILE)
        with pytest.raises(BadAudio) as caught:
            await store.put(KEY, Chunks(b"x"), "mp3", MAX_FILE + 1)
        assert caught.value.reason == "too_large"


WRITER = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from shared.audio_store import FileStore

async def chunks():
    yield b"x" * 1000
    await asyncio.Event().wait()

asyncio.run(FileStore(Path(sys.argv[1]), int(sys.argv[2])).put(UUID(int=9), chunks(), "mp3", 900_000))
"""


class TestRedisStore:
    @pytest.fixture
    async def client(self, redis_url: str) -> AsyncIterator[Redis]:
        client = Redis.from_url(redis_url)
        yield client
        await client.aclose()

    def store(self, client: Redis) -> BlobAudioStore:
        return BlobAudioStore(RedisBlobs(client, "test"), BUDGET, chunk=1000, ttl_s=60)

    async def test_all_keys_carry_the_tenant_and_expire(self, client: Redis) -> None:
        await self.store(client).put(KEY, Chunks(b"x" * 2500), "mp3", 2500)
        keys = [key.decode() if isinstance(key, bytes) else key for key in await client.keys("*")]
        assert all(key.startswith("{test}:audio:") for key in keys)
        chunks = [key for key in keys if str(KEY) in key]
        assert len(chunks) == 3
        assert all([0 < await client.ttl(key) <= 60 for key in chunks])

    async def test_nothing_is_left_after_deletion(self, client: Redis) -> None:
        store = self.store(client)
        await store.delete(await store.put(KEY, Chunks(b"x" * 2500), "mp3", 2500))
        assert await client.keys("*") == []

    async def test_what_has_expired_takes_no_room(self, client: Redis) -> None:
        size = 5000
        store = BlobAudioStore(RedisBlobs(client, "test"), size, chunk=1000, ttl_s=1)
        ref = await store.put(KEY, Chunks(b"x" * size), "mp3", size)

        async def room_again() -> bool:
            try:
                await store.put(uuid4(), Chunks(b"x" * size), "mp3", size)
            except Backpressure:
                return False
            return True

        await until(room_again, "the reservation expires")
        with pytest.raises(BadAudio) as caught:
            await read(store, ref)
        assert caught.value.reason == "file_missing"

    async def test_the_copy_is_private_and_goes_with_its_context(self, client: Redis) -> None:
        store = self.store(client)
        ref = await store.put(KEY, Chunks(b"x" * 2500), "flac", 2500)
        async with store.open_local(ref) as path:
            assert (stat.S_IMODE(path.stat().st_mode), path.suffix) == (0o600, ".flac")
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            async with store.open_local(ref) as second:
                assert second != path
        assert not path.exists()
        assert not second.exists()

    async def test_copies_of_killed_analyzers_are_removed(
        self, client: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        store = self.store(client)
        ref = await store.put(KEY, Chunks(b"x" * 2500), "flac", 2500)
        async with store.open_local(ref) as path:
            left = path.parent / "starling-part-dead.flac"
            left.write_bytes(b"x")
            async with store.open_local(ref):
                assert path.exists()
                assert not left.exists()

    async def test_a_full_server_makes_downloads_wait(self, client: Redis) -> None:
        store = self.store(client)
        await client.config_set("maxmemory", 1)
        try:
            with pytest.raises(Backpressure, match="memory is full"):
                await store.put(KEY, Chunks(b"x" * 5000), "mp3", 5000)
        finally:
            await client.config_set("maxmemory", 0)
        assert [key for key in await client.keys("*") if str(KEY).encode() in key] == []

    async def test_a_server_that_is_gone_is_an_unavailable_store(self, tmp_path: Path) -> None:
        client = Redis.from_url(f"unix://{tmp_path}/nobody.sock")
        store = self.store(client)
        chunks = Chunks(b"x")
        with pytest.raises(StoreUnavailable):
            await store.put(KEY, chunks, "mp3", 1)
        assert chunks.closed
        with pytest.raises(StoreUnavailable):
            await read(store, AudioRef(uri="redis://x", size_bytes=1, owned=True))
        await store.close()


class TestSettings:
    def open(self, tmp_path: Path, name: str, redis_url: str = "redis://127.0.0.1:1") -> AudioStore:
        values = {"REDIS_URL": redis_url, "STARLING_DATA_DIR": tmp_path / "data", "STARLING_AUDIO_STORE": name}
        return open_store(Settings.model_validate(values))

    async def test_the_default_is_a_folder_in_the_data_directory(self, tmp_path: Path) -> None:
        store = self.open(tmp_path, "")
        ref = await store.put(KEY, Chunks(b"x"), "mp3", 1)
        assert ref.uri == f"file://{tmp_path}/data/audio/{KEY.hex}.mp3"

    async def test_a_folder_may_be_named(self, tmp_path: Path) -> None:
        store = self.open(tmp_path, f"file://{tmp_path}/my audio 100%25")
        ref = await store.put(KEY, Chunks(b"x"), "mp3", 1)
        assert (tmp_path / "my audio 100%25" / f"{KEY.hex}.mp3").exists()
        assert await read(store, ref) == b"x"

    async def test_who_only_takes_audio_need_not_be_told_where_it_lies(self, tmp_path: Path, redis_url: str) -> None:
        values = {"REDIS_URL": redis_url, "STARLING_DATA_DIR": tmp_path / "data"}
        source = open_source(Settings.model_validate(values))
        for shared in (self.open(tmp_path, "redis://", redis_url), self.open(tmp_path, "")):
            ref = await shared.put(KEY, Chunks(b"x" * 600_000), "mp3", None)
            async with source.open_local(ref) as path:
                assert path.read_bytes() == b"x" * 600_000
            await source.delete(ref)
            with pytest.raises(BadAudio, match="gone"):
                await read(shared, ref)
            await shared.close()
        await source.close()

    async def test_the_redis_protocol_server_may_be_used(self, tmp_path: Path, redis_url: str) -> None:
        store = self.open(tmp_path, "redis://", redis_url)
        ref = await store.put(KEY, Chunks(b"x" * 600_000), "mp3", None)
        assert await read(store, ref) == b"x" * 600_000
        assert await store.sweep(0) == 0
        await store.close()

    @pytest.mark.parametrize("name", ["s3://bucket", "file://relative", "/path", "redis://elsewhere:6379"])
    async def test_other_stores_are_refused(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ConfigurationError, match="STARLING_AUDIO_STORE"):
            self.open(tmp_path, name)


async def test_a_download_goes_straight_into_the_store(store: AudioStore) -> None:
    async with FaultyServer() as faulty:
        server = SubsonicServer(ServerConfig(KEY, "subsonic", "x", None, faulty.url, USER, PASSWORD))
        audio = await server.open_audio("al-0000-0")
        ref = await store.put(KEY, audio.chunks, "mp3", audio.size_bytes)
        assert await read(store, ref) == audio_of("al-0000-0")
        await store.delete(ref)
        faulty.faults["download"] = breaks_off(b"x" * 1000, 300_000, "audio/mpeg")
        audio = await server.open_audio("al-0000-0")
        with pytest.raises(ServerUnavailable):
            await store.put(KEY, audio.chunks, "mp3", audio.size_bytes)
        await server.close()
