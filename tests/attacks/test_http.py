"""HTTP as nobody should speak it: smuggled requests, endless headers, senders that say nothing, odd methods."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import pytest
import pytest_asyncio

from services.gateway import endpoints, serving
from services.gateway.__main__ import main
from services.up.ports import choose
from tests.attacks.house import TOKEN, WORD, House
from tests.waiting import until

HOST = f"Host: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
SMUGGLED = b"GET /api/v1/smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
SOON_S = 5.0
PATIENCE_S = 0.4


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def port(house: House, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """One more gateway of the house, with little patience."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(serving, "IDLE_S", PATIENCE_S)
        patch.setattr(endpoints, "BODY_S", PATIENCE_S)
        patch.setattr(endpoints, "SLOWEST_BODY", 2**40)
        chosen, stop = choose(), asyncio.Event()
        own = {"port": chosen, "data_dir": tmp_path_factory.mktemp("http")}
        settings = house.starling.settings().model_copy(update=own)
        gateway = asyncio.create_task(main(settings, stop))
        try:
            await until(lambda: answers(chosen), "the gateway listens")
            yield chosen
        finally:
            stop.set()
            await asyncio.wait_for(gateway, 20)


async def answers(port: int) -> bool:
    """Whether somebody who speaks HTTP is answered."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def until_closed(port: int, *sent: bytes) -> bytes:
    """What is answered until the gateway closes the connection, which it has to do soon."""
    async with connected(port) as (reader, writer):
        found = b""
        try:
            async with asyncio.timeout(SOON_S):
                for part in sent:
                    writer.write(part)
                    await writer.drain()
                while part := await reader.read(65536):
                    found += part
        except ConnectionError:
            pass
        return found


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"X: a\r\n folded\r\n",
        b"X: a\x00b\r\n",
        b"Host: evil.example\r\n",
    ],
)
async def test_a_request_with_two_meanings_is_refused_and_nothing_behind_it_is_read(port: int, head: bytes) -> None:
    said = await until_closed(port, b"POST /api/v1/analysis HTTP/1.1\r\n" + HOST + head + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert said.startswith(b"HTTP/1.0 400 ")
    assert said.count(b"HTTP/1.") == 1


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST,
        b"GET /?query=" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST,
        b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 10_000,
        b"POST /api/v1/analysis HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
        + b"X: a\r\n" * 10_000,
    ],
    ids=["path", "query", "one header", "many headers", "trailers"],
)
async def test_endless_heads_are_refused(port: int, head: bytes) -> None:
    said = await until_closed(port, head + b"\r\n")
    assert said == b"" or said.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))


async def test_what_is_no_http_leaves_one_line_in_the_log_and_no_traceback(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    await until_closed(port, b"GET / HTTP/1.1\r\nX: \x1b[31m\r\nfake\r\n\r\n")
    bad = [record for record in caplog.records if "bad_request" in record.getMessage()]
    assert len(bad) == 1
    assert bad[0].exc_info is None
    assert "\n" not in bad[0].getMessage()


@pytest.mark.parametrize("said", [b"", b"G", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n" + HOST + b"X: half"])
async def test_a_connection_that_does_not_finish_its_request_is_ended(port: int, said: bytes) -> None:
    assert await until_closed(port, said) == b""


async def test_a_connection_that_was_used_is_ended_when_it_falls_silent(port: int) -> None:
    assert (await until_closed(port, b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")).startswith(b"HTTP/1.1 200 ")


async def test_a_head_that_comes_a_byte_at_a_time_is_ended(port: int) -> None:
    begun = time.monotonic()
    async with connected(port) as (reader, writer):
        for letter in b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 10_000:
            writer.write(bytes([letter]))
            try:
                async with asyncio.timeout(0.05):
                    assert await reader.read(1) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            break
    assert time.monotonic() - begun < SOON_S


@pytest.mark.parametrize("path", ["/api/v1/analysis", "/api/v1/playlists", "/api/v1/playlists/import"])
@pytest.mark.parametrize("form", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
async def test_a_body_that_does_not_arrive_is_answered_408(port: int, path: str, form: bytes) -> None:
    head = b"POST " + path.encode() + b" HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n" + form
    async with connected(port) as (reader, writer):
        writer.write(head + b"\r\n\r\n2\r\n{ \r\n")
        async with asyncio.timeout(SOON_S):
            said = await reader.readuntil(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in said


@pytest.mark.parametrize("body", [b"abc", b"\x1f\x8b\x08\x00broken" * 9], ids=["cut off", "not gzip"])
async def test_a_body_that_breaks_is_no_fault_of_ours(
    port: int, body: bytes, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    head = b"POST /api/v1/analysis HTTP/1.1\r\n" + HOST + b"Content-Encoding: gzip\r\nContent-Length: 108\r\n\r\n"
    async with connected(port) as (reader, writer):
        writer.write(head + body)
        writer.write_eof()
        said = await reader.read(65536)
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
    assert await answers(port)
    assert "request_failed" not in capsys.readouterr().out
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_hundreds_that_keep_it_waiting_do_not_stop_anybody_else(port: int) -> None:
    async with AsyncExitStack() as crowd:
        for number in range(200):
            _, writer = await crowd.enter_async_context(connected(port))
            body = b"Content-Length: 1000\r\n\r\n{" if number % 2 else b""
            writer.write(b"POST /api/v1/analysis HTTP/1.1\r\n" + HOST + body)
        begun = time.monotonic()
        assert await answers(port)
        assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "OPTIONS", "PATCH", "PROPFIND", "DEBUG"])
async def test_other_methods_do_nothing(port: int, method: str) -> None:
    said = await until_closed(
        port, f"{method} /api/v1/runs HTTP/1.1\r\n".encode() + HOST + b"Cookie: secret=1\r\nConnection: close\r\n\r\n"
    )
    assert said.split(b" ")[1] in (b"400", b"404", b"405")
    assert b"secret" not in said, "it echoes what it was sent"
    assert b"Access-Control" not in said


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-URL"])
async def test_headers_do_not_change_the_method_or_the_address(port: int, header: str) -> None:
    value = "/metrics" if header == "X-Original-URL" else "DELETE"
    async with aiohttp.ClientSession(headers=WORD) as session:
        address = f"http://127.0.0.1:{port}/api/v1/nothing/there"
        async with session.get(address, headers={header: value}) as answer:
            assert answer.status == 404


async def test_what_is_private_is_kept_by_nobody(port: int) -> None:
    async with aiohttp.ClientSession(headers=WORD) as session:
        for path in ("servers", "tracks", "status", "playlists", "nonsense"):
            async with session.get(f"http://127.0.0.1:{port}/api/v1/{path}") as answer:
                assert answer.headers["Cache-Control"] == "no-store", path


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2f..%2f__main__.py",
        "/static/..%5c..%5c__main__.py",
        "/static/%2e%2e/%2e%2e/__main__.py",
        "/static//etc/passwd",
        "/static/js/../../../__main__.py",
        "/docs/..%2f..%2fapp.py",
        "/docs/%2e%2e/index.html",
        "/docs//etc/passwd",
        "/docs/%00",
        "/docs/" + "a" * 5000,
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd.txt",
    ],
)
async def test_no_path_leads_out_of_the_files_of_the_page(port: int, path: str) -> None:
    said = await until_closed(port, f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"Connection: close\r\n\r\n")
    assert b"root:" not in said
    assert b"from __future__" not in said
    assert said.startswith(b"HTTP/1.1 404 ") or (said.startswith(b"HTTP/1.1 200 ") and b"<title>Starling" in said)
