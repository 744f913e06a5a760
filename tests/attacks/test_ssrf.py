"""Being sent elsewhere: addresses of the machine's surroundings in every spelling, and servers that point away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from services.gateway.app import ENDPOINTS
from services.gateway.openapi import document
from shared.errors import InvalidInput, Permanent, StarlingError
from shared.mediaservers import connect
from shared.mediaservers.base import MediaServer, ServerConfig
from shared.mediaservers.http import HttpServer, Patience, server_url
from tests.attacks.lying import lying_albums
from tests.subsonic.faulty_server import PASSWORD, USER, FaultyServer, redirects

SPELLINGS = (
    "169.254.169.254",
    "169.254.169.254.",
    "2852039166",
    "0xa9fea9fe",
    "0xA9.0xFE.0xA9.0xFE",
    "0251.0376.0251.0376",
    "025177524776",
    "169.254.43518",
    "169.16689662",
    "169。254。169。254",
    "①⑥⑨.②⑤④.①⑥⑨.②⑤④",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::169.254.169.254]",
    "[2002:a9fe:a9fe::]",
    "[fe80::1%25lo]",
    "[fd00:ec2::254]",
    "0.0.0.0",
    "0",
    "[::]",
    "100.100.100.200",
)


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_an_address_leads_to_the_surroundings_of_the_machine(host: str) -> None:
    with pytest.raises((InvalidInput, Permanent)) as caught:
        server = HttpServer(server_url(f"http://{host}:80"), Patience(connect_s=2))
        try:
            await server.fetch("latest/meta-data/", {})
        finally:
            await server.close()
    assert isinstance(caught.value, InvalidInput) or "bad_address" in str(caught.value), caught.value


@pytest.fixture
async def witness() -> AsyncIterator[FaultyServer]:
    """What must not be asked anything."""
    async with FaultyServer() as server:
        yield server
        assert server.calls == []


@pytest.fixture
async def lying() -> AsyncIterator[FaultyServer]:
    async with FaultyServer(albums=lying_albums()) as server:
        yield server


def adapter_of(server: FaultyServer) -> MediaServer:
    return connect(ServerConfig(uuid4(), "subsonic", "Lies", url=server.url, username=USER, password=PASSWORD))


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}{{path}}",
        "//127.0.0.1:{port}{{path}}",
        "http://localhost:{port}{{path}}",
        "http://127.0.0.1.:{port}{{path}}",
        "http://{own}@127.0.0.1:{port}{{path}}",
        "http://127.0.0.1:{port}#@{own}/",
        "http://[::ffff:127.0.0.1]:{port}{{path}}",
        "http://2130706433:{port}{{path}}",
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "ftp://127.0.0.1:{port}/",
        "https://localhost:{port}/",
        "\\\\127.0.0.1:{port}\\x",
    ],
)
async def test_a_redirect_to_another_place_is_not_followed(
    lying: FaultyServer, witness: FaultyServer, location: str
) -> None:
    lying.faults["*"] = redirects(location.format(port=witness.port, own=f"127.0.0.1:{lying.port}"))
    adapter = adapter_of(lying)
    try:
        with pytest.raises(StarlingError):
            await adapter.list_page(None)
        with pytest.raises(StarlingError):
            await adapter.open_audio("1")
    finally:
        await adapter.close()


async def test_addresses_among_the_fields_of_a_track_are_never_visited(
    lying: FaultyServer, witness: FaultyServer
) -> None:
    there = f"{witness.url}/rest/ping"
    for song in lying.albums[0].songs:
        song |= {"coverArt": there, "streamUrl": there, "path": there, "url": there, "contentType": there}
    adapter = adapter_of(lying)
    try:
        page = await adapter.list_page(None)
        await adapter.describe(page.items)
        async with await adapter.open_audio(page.items[0].item_id) as audio:
            assert [chunk async for chunk in audio.chunks]
    finally:
        await adapter.close()
    assert {call.path.split("/")[1] for call in lying.calls} == {"rest"}


async def test_an_id_that_looks_like_a_path_or_an_address_stays_a_parameter(lying: FaultyServer) -> None:
    adapter = adapter_of(lying)
    try:
        for item_id in ("../../x", "//evil.example/x", "http://evil.example/", "a&id=b", "a#b", "a?b", "a\r\nX: y"):
            with pytest.raises(StarlingError):
                await adapter.open_audio(item_id)
    finally:
        await adapter.close()
    asked = {call.query["id"] for call in lying.calls if "id" in call.query}
    assert all(call.path.startswith("/rest/") and "X" not in call.headers for call in lying.calls)
    assert {"../../x", "a&id=b", "a#b", "http://evil.example/"} <= asked


def test_nobody_can_name_the_language_model_through_the_api() -> None:
    """Its address is a setting of whoever runs Starling, who may point it at this machine; requests cannot."""
    told = str(document(ENDPOINTS, "test")).lower()
    assert "llm" not in told
