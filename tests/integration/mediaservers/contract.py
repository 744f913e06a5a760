"""What every adapter must do with a library. A subclass gives the fixtures ``library`` and ``server``.

Playlists, plays and lyrics: ``tests.integration.mediaservers.playlist_contract``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.errors import Permanent
from shared.events import LibraryTrack
from shared.mediaservers.base import AudioStream, ListedItem, MediaServer
from tests import music


@dataclass(slots=True)
class Library:
    """The files behind a server: ``songs`` lie under ``root``; ``rescan`` lets the server notice changes."""

    root: Path
    songs: tuple[music.Song, ...]
    rescan: Callable[[], None]
    connect: Callable[[], MediaServer] = field(repr=False)


async def walk(server: MediaServer) -> tuple[ListedItem, ...]:
    """Every item, once; the listing must be whole."""
    items: dict[str, ListedItem] = {}
    cursor: str | None = None
    for _ in range(1000):
        page = await server.list_page(cursor)
        assert not page.incomplete
        assert page.problems == ()
        items |= {item.item_id: item for item in page.items}
        cursor = page.next_cursor
        if cursor is None:
            return tuple(items.values())
    raise AssertionError("the walk does not end")


async def described(server: MediaServer) -> dict[str, LibraryTrack]:
    """Title -> track, of the whole library."""
    tracks = await server.describe(await walk(server))
    return {track.title: track for track in tracks}


async def content(stream: AudioStream) -> bytes:
    async with stream:
        return b"".join([chunk async for chunk in stream.chunks])


class MediaServerContract:
    """Inherit as ``Test...``."""

    @pytest.fixture
    def server(self, library: Library) -> MediaServer:
        raise NotImplementedError

    async def test_every_song_is_listed_once(self, server: MediaServer, library: Library) -> None:
        tracks = await server.describe(await walk(server))
        assert sorted(track.title for track in tracks) == sorted(song.title for song in library.songs)

    async def test_two_walks_give_the_same_items_in_the_same_order(self, server: MediaServer) -> None:
        first = await walk(server)
        assert await walk(server) == first

    async def test_another_process_goes_on_from_any_cursor(self, server: MediaServer, library: Library) -> None:
        page = await server.list_page(None)
        seen = [item.item_id for item in page.items]
        while page.next_cursor is not None:
            other = library.connect()
            page = await other.list_page(page.next_cursor)
            seen += [item.item_id for item in page.items]
            await other.close()
        assert set(seen) == {item.item_id for item in await walk(server)}

    async def test_tags_become_descriptions(self, server: MediaServer, library: Library) -> None:
        tracks = await described(server)
        for song in library.songs:
            track = tracks[song.title]
            assert (track.artist, track.album, track.year) == (song.artist, song.album, song.year)
            assert (track.genre, track.track_number, track.disc_number) == (song.genre, song.track_number, 1)
            assert track.suffix == Path(song.path).suffix[1:].lower()
            assert track.size_bytes == (library.root / song.path).stat().st_size

    async def test_items_survive_json_and_postgresql(self, server: MediaServer) -> None:
        for track in (await described(server)).values():
            text = json.dumps(track.model_dump(mode="json"), ensure_ascii=False)
            assert json.loads(text.encode()) == track.model_dump(mode="json")
            assert "\\u0000" not in text

    async def test_descriptions_carry_the_versions_of_their_items(self, server: MediaServer) -> None:
        items = {item.item_id: item for item in await walk(server)}
        for track in (await described(server)).values():
            item = items[track.item_id]
            assert (track.content_version, track.meta_version) == (item.content_version, item.meta_version)

    async def test_audio_is_the_original_file(self, server: MediaServer, library: Library) -> None:
        tracks = await described(server)
        for song in library.songs:
            original = (library.root / song.path).read_bytes()
            stream = await server.open_audio(tracks[song.title].item_id)
            assert (stream.status, stream.size_bytes) == (200, len(original))
            assert await content(stream) == original

    async def test_a_range_gives_that_part(self, server: MediaServer, library: Library) -> None:
        song = library.songs[0]
        original = (library.root / song.path).read_bytes()
        item_id = (await described(server))[song.title].item_id
        stream = await server.open_audio(item_id, byte_range="bytes=100-199")
        assert (stream.status, stream.size_bytes) == (206, 100)
        assert stream.content_range == f"bytes 100-199/{len(original)}"
        assert await content(stream) == original[100:200]

    async def test_a_range_without_end_and_a_range_from_the_end(self, server: MediaServer, library: Library) -> None:
        song = library.songs[0]
        original = (library.root / song.path).read_bytes()
        item_id = (await described(server))[song.title].item_id
        assert await content(await server.open_audio(item_id, byte_range="bytes=1000-")) == original[1000:]
        assert await content(await server.open_audio(item_id, byte_range="bytes=-50")) == original[-50:]

    async def test_a_range_behind_the_end_is_answered_with_416(self, server: MediaServer, library: Library) -> None:
        item_id = (await described(server))[library.songs[0].title].item_id
        stream = await server.open_audio(item_id, byte_range="bytes=99999999-")
        assert stream.status == 416
        assert await content(stream) == b""

    async def test_a_stream_may_be_left_early(self, server: MediaServer, library: Library) -> None:
        item_id = (await described(server))[library.songs[0].title].item_id
        for _ in range(5):
            async with await server.open_audio(item_id) as stream:
                async for _chunk in stream.chunks:
                    break
        assert len(await walk(server)) == len(library.songs)

    async def test_a_stream_that_nobody_reads_is_closed(self, server: MediaServer, library: Library) -> None:
        item_id = (await described(server))[library.songs[0].title].item_id
        for _ in range(5):
            await (await server.open_audio(item_id)).close()

    async def test_a_local_path_leads_to_the_same_bytes(self, server: MediaServer, library: Library) -> None:
        song = library.songs[0]
        path = await server.local_path((await described(server))[song.title].item_id)
        assert path is None or path.read_bytes() == (library.root / song.path).read_bytes()

    async def test_an_unknown_track_is_refused_by_name(self, server: MediaServer) -> None:
        with pytest.raises(Permanent) as caught:
            await content(await server.open_audio("5ac5a9d8-3ad3-4f54-9a8c-000000000000"))
        assert caught.value.reason in {"not_found", "file_missing"}

    async def test_calls_may_run_at_once(self, server: MediaServer, library: Library) -> None:
        item_ids = [track.item_id for track in (await described(server)).values()]
        streams = (server.open_audio(item_id) for item_id in item_ids)
        walks, *bodies = await asyncio.gather(walk(server), *[self._read(stream) for stream in streams])
        assert len(walks) == len(library.songs)
        assert len(set(bodies)) == len(library.songs)

    @staticmethod
    async def _read(opening: object) -> bytes:
        stream = await opening  # type: ignore[misc]
        return await content(stream)

    async def test_the_test_finds_nothing_wrong(self, server: MediaServer, library: Library) -> None:
        result = await server.test()
        assert result.ok
        assert result.tracks_seen == len(library.songs)
        assert str(len(library.songs)) in result.message

    async def test_new_changed_and_removed_files_are_noticed(self, server: MediaServer, library: Library) -> None:
        before = await described(server)
        song = music.Song("Extra/Album/new.ogg", "Brand new", "Newcomer", "First", 1, hertz=500)
        path = music.write_song(library.root, song)
        try:
            library.rescan()
            added = await described(server)
            assert added.keys() - before.keys() == {"Brand new"}
            music.write_song(library.root, music.Song(song.path, song.title, "Newcomer", "First", 1, duration_s=2.0))
            library.rescan()
            changed = await described(server)
            assert changed["Brand new"].item_id == added["Brand new"].item_id
            assert changed["Brand new"].content_version != added["Brand new"].content_version
            assert {title: changed[title] for title in before} == before
        finally:
            path.unlink()
            library.rescan()
        assert await described(server) == before
