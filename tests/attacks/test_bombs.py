"""Small things that become huge when they are unpacked, read or decoded: memory stays bounded, the work goes on."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import os
import struct
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from services.analyzer.pool import AnalyzerPool
from services.cli.backup.format import FORMAT, UnusableExport, contents, verify
from services.gateway.playlist_files import read
from shared.errors import BadAudio, InvalidInput, ServerMisbehaved, StarlingError
from shared.mediaservers import connect, tags
from shared.mediaservers.base import PlaylistServer, ServerConfig
from tests import music
from tests.attacks.house import House
from tests.attacks.memory import MB, growth
from tests.subsonic.faulty_server import PASSWORD, USER, Fault, FaultyServer, sends

ANSWER_MB = 200
"""More than anybody may take for one answer, import or file; far below what the bombs hold."""


def packed(megabytes: int, unit: bytes = b"\0", *, form: int = 31) -> bytes:
    """So much of ``unit`` in gzip (``form`` 31) or zlib (15)."""
    packer, block = zlib.compressobj(9, wbits=form), unit * (MB // len(unit))
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gigabyte of zeros in one megabyte: 64 members of gzip in a row, each of which is 16 MB."""
    return packed(16) * 64


@pytest.fixture
async def server() -> AsyncIterator[FaultyServer]:
    async with FaultyServer() as made:
        yield made


@pytest.fixture
async def adapter(server: FaultyServer) -> AsyncIterator[PlaylistServer]:
    made = connect(ServerConfig(uuid4(), "subsonic", "Bombs", url=server.url, username=USER, password=PASSWORD))
    yield made
    await made.close()


def coded(body: bytes, coding: str, content_type: str = "application/json") -> Fault:
    async def fault(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body, headers={"Content-Encoding": coding, "Content-Type": content_type})

    return fault


OBJECTS = b'{"subsonic-response":{"status":"ok","x":[' + b'{"a":1},' * 5_000_000 + b"1]}}"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_an_answer_that_inflates_without_end_is_refused(
    server: FaultyServer, adapter: PlaylistServer, bomb: bytes, coding: str
) -> None:
    server.faults["*"] = coded(bomb if coding == "gzip" else packed(70, form=15), coding)
    with growth() as grown, pytest.raises(ServerMisbehaved, match="more than"):
        await adapter.list_page(None)
    assert grown.mb < ANSWER_MB
    server.faults.clear()
    assert (await adapter.list_page(None)).items


async def test_an_answer_of_millions_of_small_things_is_refused_before_they_are_made(
    server: FaultyServer, adapter: PlaylistServer
) -> None:
    server.faults["*"] = sends(OBJECTS)
    with growth() as grown, pytest.raises(ServerMisbehaved, match="values"):
        await adapter.list_page(None)
    assert grown.mb < ANSWER_MB


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"subsonic-response":' * 100_000,
        b'{"subsonic-response":{"status":"ok","albumList2":{"album":' + b"[" * 100_000 + b"]" * 100_000 + b"}}}",
        b'{"subsonic-response":' + b"9" * 1_000_000 + b"}",
        b'{"subsonic-response":{"status":"ok","version":1e999,"albumList2":{"album":[{"id":NaN,"songCount":-Infinity}]}}}',
        b'{"subsonic-response":{"status":"ok"},"subsonic-response":[]}',
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><response>&b;</response>',
    ],
    ids=["arrays", "objects", "deep list", "digits", "no numbers", "twice", "entities"],
)
async def test_documents_that_make_parsers_stumble_end_as_a_named_error(
    server: FaultyServer, adapter: PlaylistServer, body: bytes
) -> None:
    server.faults["*"] = sends(body)
    with growth() as grown, pytest.raises(StarlingError):
        await adapter.list_page(None)
    assert grown.mb < ANSWER_MB


async def test_audio_that_inflates_passes_through_a_piece_at_a_time(
    server: FaultyServer, adapter: PlaylistServer, bomb: bytes
) -> None:
    server.faults["download"] = server.faults["stream"] = coded(bomb, "gzip", "audio/mpeg")
    received = 0
    with growth() as grown:
        async with await adapter.open_audio("al-0000-0") as audio:
            async for chunk in audio.chunks:
                received += len(chunk)
                if received > 300 * MB:
                    break
    assert received > 300 * MB
    assert grown.mb < ANSWER_MB


def test_nothing_of_ours_reads_xml() -> None:
    """Entities that refer to each other, or to files, have nobody to expand them."""
    root = Path(__file__).parents[2]
    parsers = ("xml.", "lxml", "defusedxml", "expat", "ElementTree", "xmltodict", "bs4", "html.parser")
    sources = [path for part in ("services", "shared") for path in (root / part).rglob("*.py")]
    assert len(sources) > 200
    imports = [
        line for path in sources for line in path.read_text().splitlines() if line.startswith(("import ", "from "))
    ]
    assert [line for line in imports if any(parser in line for parser in parsers)] == []


BODIES = {
    "inflates": ("/api/v1/playlists", packed(10, b" ") * 10, "gzip", 413),
    "inflates in an import": ("/api/v1/playlists/import", packed(10, b"a\n") * 10, "gzip", 413),
    "arrays": ("/api/v1/playlists", b"[" * 100_000, "", 400),
    "objects": ("/api/v1/analysis", b'{"server_id":' * 4000, "", 400),
    "digits": ("/api/v1/clusterings", b'{"seed":' + b"9" * 60_000 + b"}", "", 400),
    "no number": ("/api/v1/clusterings", b'{"seed":NaN}', "", 422),
    "infinite": ("/api/v1/clusterings", b'{"weights":{"purity":1e999}}', "", 422),
    "names": ("/api/v1/playlists", b'{%s"name":"x"}' % b"".join(b'"%x":1,' % n for n in range(300_000)), "", 422),
    "ids": ("/api/v1/playlists", b'{"name":"x","track_ids":[' + b"[]," * 1_300_000 + b"1]}", "", 422),
    "lines": ("/api/v1/playlists/import", b"a\n" * 8_000_000, "", 422),
    "tracks": ("/api/v1/playlists/import", b'{"playlist":{"track":[' + b"{}," * 5_000_000 + b"1]}}", "", 422),
}


@pytest.mark.parametrize("name", BODIES)
async def test_no_body_makes_the_gateway_swell_or_stand_still(house: House, name: str) -> None:
    path, body, coding, status = BODIES[name]
    headers = {"Content-Type": "application/json", **({"Content-Encoding": coding} if coding else {})}
    gateway = house.starling.state().services["gateway"]
    async with house.starling.session() as session:
        with growth(gateway) as grown:
            async with session.post(path, data=io.BytesIO(body), headers=headers) as answer:
                assert answer.status == status
                assert len(await answer.read()) < 10_000
    assert grown.mb < ANSWER_MB
    assert (await house.starling.get("/readyz"))["ready"]


HEADER: dict[str, Any] = {"format": FORMAT, "version": 1, "starling": "1", "created_at": "", "until": "1-0"}
HEADER |= {"followers": {}, "tables": {}, "events": {}}


@pytest.mark.parametrize("beginning", [b"", json.dumps(HEADER).encode() + b"\n"], ids=["no header", "behind a header"])
def test_an_export_that_inflates_without_end_is_refused(beginning: bytes) -> None:
    with growth() as grown, pytest.raises(UnusableExport):
        verify(io.BytesIO(gzip.compress(beginning) + packed(8, b" ") * 50))
    assert grown.mb < 2 * ANSWER_MB


@pytest.mark.parametrize("line", [b"[" * 100_000, b'{"row":' * 50_000, b"9" * 5000, b'{"event":"x"}', b"null"])
def test_a_line_of_an_export_that_cannot_be_read_is_called_damage(line: bytes) -> None:
    def packed_lines() -> Iterator[bytes]:
        yield json.dumps(HEADER).encode() + b"\n"
        yield line + b"\n"
        yield b'{"end":'

    with pytest.raises(UnusableExport):
        list(contents(io.BytesIO(gzip.compress(b"".join(packed_lines())))))
    with pytest.raises(UnusableExport):
        verify(io.BytesIO(gzip.compress(line + b"\n")))


def test_a_playlist_of_twenty_thousand_songs_and_more_is_read_as_far_as_it_goes() -> None:
    playlist = read(b"#EXTM3U\n" + b"#EXTINF:1,A - B\r\na.mp3\r\n" * 30_000)
    assert (len(playlist.entries), playlist.dropped) == (20_000, 10_000)
    with pytest.raises(InvalidInput, match="divide it"):
        read(b"a\n" * 3_000_000)


def flac_that_claims(channels: int, rate: int, samples: int, behind: bytes) -> bytes:
    """A FLAC whose head says what it likes."""
    numbers = rate << 44 | (channels - 1) << 41 | 15 << 36 | samples
    return (
        b"fLaC\x80\0\0\x22" + struct.pack(">HH", 16, 65535) + bytes(6) + struct.pack(">Q", numbers) + bytes(16) + behind
    )


def atom(name: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I4s", len(content) + 8 if size is None else size, name) + content


def wav_that_claims(rate: int, channels: int, length: int, behind: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, 2**32 - 1, 65535, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 2**32 - 1)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", length)
        + behind
    )


NOISE = bytes(range(256)) * 64
SOUNDS: dict[str, bytes] = {
    "a.flac": flac_that_claims(8, 655_350, 2**36 - 1, b"\xff\xf8" + NOISE),
    "b.flac": flac_that_claims(1, 1, 2**36 - 1, NOISE),
    "c.wav": wav_that_claims(2**32 - 1, 65535, 2**32 - 1, NOISE),
    "d.wav": wav_that_claims(1, 1, 2**32 - 1, NOISE),
    "e.m4a": atom(b"ftyp", b"M4A \0\0\0\0") + atom(b"moov", atom(b"mvhd", NOISE, 2**31), 2**31),
    "f.m4a": atom(b"ftyp", b"M4A \0\0\0\0") + b"".join(atom(b"moov", b"", 8) for _ in range(5000)),
    "g.ogg": b"OggS\0\x02" + bytes(8) + NOISE[:4] + bytes(4) + bytes(4) + b"\xff" + b"\xff" * 255 + NOISE,
    "h.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"APIC\x7f\x7f\x7f\x7f\0\0" + NOISE,
    "i.aiff": b"FORM"
    + struct.pack(">I", 2**32 - 1)
    + b"AIFFCOMM"
    + struct.pack(">IHIH", 18, 65535, 2**32 - 1, 32)
    + b"\x40\xff"
    + bytes(8)
    + NOISE,
}


def test_sounds_that_claim_to_be_endless_do_not_make_the_fetcher_swell() -> None:
    with growth() as grown:
        for name, content in SOUNDS.items():
            tags.read_tags(io.BytesIO(content), name)
    assert grown.mb < 100


def test_a_tag_of_two_gigabytes_and_a_cover_of_half_a_one_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "MAX_SECONDS", 0.5)
    heads = {
        "tag.mp3": b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + b"TIT2\x7f\xff\xff\xff\0\0\0",
        "cover.m4a": atom(b"ftyp", b"M4A ")
        + atom(
            b"moov",
            atom(
                b"udta",
                atom(
                    b"meta",
                    bytes(4) + atom(b"ilst", atom(b"covr", atom(b"data", bytes(8), 2**29), 2**29), 2**29),
                    2**29,
                ),
                2**29,
            ),
            2**29,
        ),
        "block.flac": b"fLaC\x86\xff\xff\xff" + bytes(64),
    }
    for name, head in heads.items():
        (tmp_path / name).write_bytes(head)
        os.truncate(tmp_path / name, 2**31)
        with (tmp_path / name).open("rb") as file, growth() as grown:
            tags.read_tags(file, name)
        assert grown.mb < ANSWER_MB, name


@pytest.mark.timeout(60)
async def test_no_sound_file_takes_more_than_its_limits_or_stops_the_next(tmp_path: Path) -> None:
    good = music.write_tone(tmp_path / "good.ogg", seconds=3.0, hertz=440.0)
    pool = AnalyzerPool(1, timeout_s=10.0, memory_mb=700)
    await pool.start()
    try:
        for name, content in SOUNDS.items():
            (tmp_path / name).write_bytes(content)
            try:
                result = await asyncio.wait_for(pool.analyze(tmp_path / name, "fast"), 20)
                assert result.duration_s < 3600, name
            except BadAudio as error:
                assert error.detail, name
        assert (await pool.analyze(good, "fast")).duration_s == pytest.approx(3.0, abs=0.2)
    finally:
        await pool.close()
