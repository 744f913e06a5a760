"""What can be wrong with a Subsonic server, and the name that each of it gets."""

from __future__ import annotations

import asyncio
import gc
import logging
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import pytest

from shared.errors import (
    Permanent,
    RateLimited,
    ServerMisbehaved,
    ServerRefused,
    ServerUnavailable,
    StarlingError,
    Transient,
)
from shared.mediaservers.base import ListedItem, ServerConfig
from shared.mediaservers.http import Patience
from shared.mediaservers.subsonic import SubsonicServer
from tests.integration.mediaservers.contract import content, walk
from tests.subsonic.faulty_server import (
    PASSWORD,
    USER,
    FaultyServer,
    after,
    audio_of,
    breaks_off,
    echoes_the_address,
    failed,
    hangs_up,
    http_status,
    never_answers,
    redirects,
    refuses,
    sends,
    stalls,
)

SERVER = UUID(int=1)
IMPATIENT = Patience(connect_s=0.3, idle_s=0.3, answer_s=0.6)
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"


def client(url: str, *, user: str | None = USER, password: str | None = PASSWORD) -> SubsonicServer:
    return SubsonicServer(ServerConfig(SERVER, "subsonic", "faulty", None, url, user, password), IMPATIENT)


@pytest.fixture
async def faulty() -> AsyncIterator[FaultyServer]:
    async with FaultyServer() as server:
        yield server


@pytest.fixture
async def server(faulty: FaultyServer) -> AsyncIterator[SubsonicServer]:
    server = client(faulty.url)
    yield server
    await server.close()


async def failure(call: Any) -> StarlingError:
    with pytest.raises(StarlingError) as caught:
        result = await call
        if hasattr(result, "chunks"):
            await content(result)
    return caught.value


def reason(error: StarlingError) -> tuple[type[StarlingError], object]:
    assert isinstance(error, Transient | Permanent)
    return type(error), error.reason


ANSWERS = [
    pytest.param(http_status(500), ServerUnavailable, "server_unavailable", id="500"),
    pytest.param(http_status(503), ServerUnavailable, "server_unavailable", id="503"),
    pytest.param(http_status(429), RateLimited, "rate_limited", id="429"),
    pytest.param(http_status(401), ServerRefused, "wrong_password", id="401"),
    pytest.param(http_status(403), ServerRefused, "forbidden", id="403"),
    pytest.param(http_status(418), ServerRefused, "refused", id="418"),
    pytest.param(http_status(404), ServerMisbehaved, "not_subsonic", id="404"),
    pytest.param(hangs_up, ServerUnavailable, "server_unavailable", id="hangs up"),
    pytest.param(never_answers, ServerUnavailable, "server_unavailable", id="slow"),
    pytest.param(sends(HTML, "text/html"), ServerMisbehaved, "not_json", id="HTML"),
    pytest.param(sends(HTML), ServerMisbehaved, "not_json", id="HTML that calls itself JSON"),
    pytest.param(sends(b""), ServerUnavailable, "server_unavailable", id="nothing"),
    pytest.param(sends(b'{"subsonic-response": {"status": "o'), ServerUnavailable, "server_unavailable", id="half"),
    pytest.param(sends(b"{not json}"), ServerMisbehaved, "not_json", id="no JSON"),
    pytest.param(sends(b"[" * 100_000), ServerMisbehaved, "not_json", id="deep"),
    pytest.param(sends(b'{"hello": "world"}'), ServerMisbehaved, "not_subsonic", id="other JSON"),
    pytest.param(sends(b'{"subsonic-response": []}'), ServerMisbehaved, "not_subsonic", id="list"),
    pytest.param(breaks_off(b'{"subsonic-', 500), ServerUnavailable, "server_unavailable", id="cut"),
    pytest.param(breaks_off(b'{"subsonic-', None), ServerUnavailable, "server_unavailable", id="cut chunks"),
    pytest.param(stalls(b'{"subsonic-', 500), ServerUnavailable, "server_unavailable", id="stalls"),
    pytest.param(refuses(40, "Wrong username or password"), ServerRefused, "wrong_password", id="code 40"),
    pytest.param(refuses(41, "Token authentication not supported"), ServerRefused, "wrong_password", id="code 41"),
    pytest.param(refuses(44, "Invalid API key"), ServerRefused, "wrong_password", id="code 44"),
    pytest.param(refuses(50, "Not authorized"), ServerRefused, "forbidden", id="code 50"),
    pytest.param(refuses(60, "The trial is over"), ServerRefused, "forbidden", id="code 60"),
    pytest.param(refuses(30, "Server must upgrade"), ServerRefused, "refused", id="code 30"),
    pytest.param(refuses(0, "database is locked"), ServerRefused, "refused", id="code 0"),
]


@pytest.mark.parametrize(("fault", "kind", "name"), ANSWERS)
class TestEveryFaultHasAName:
    async def test_in_a_listing(
        self, faulty: FaultyServer, server: SubsonicServer, fault: Any, kind: type, name: str
    ) -> None:
        faulty.faults["getAlbumList2"] = fault
        assert reason(await failure(server.list_page(None))) == (kind, name)

    async def test_in_the_middle_of_a_listing(
        self, faulty: FaultyServer, server: SubsonicServer, fault: Any, kind: type, name: str
    ) -> None:
        faulty.faults["getAlbum"] = after(2, fault)
        assert reason(await failure(server.list_page(None))) == (kind, name)

    async def test_in_a_test(
        self, faulty: FaultyServer, server: SubsonicServer, fault: Any, kind: type, name: str
    ) -> None:
        faulty.faults["*"] = fault
        result = await server.test()
        assert not result.ok
        assert "127.0.0.1" in result.message


@pytest.mark.parametrize(
    ("fault", "kind", "name"),
    [
        pytest.param(http_status(500), ServerUnavailable, "server_unavailable", id="500"),
        pytest.param(http_status(429), RateLimited, "rate_limited", id="429"),
        pytest.param(http_status(404), ServerRefused, "not_found", id="404"),
        pytest.param(hangs_up, ServerUnavailable, "server_unavailable", id="hangs up"),
        pytest.param(never_answers, ServerUnavailable, "server_unavailable", id="slow"),
        pytest.param(breaks_off(b"x" * 9999, 300_000, "audio/mpeg"), ServerUnavailable, "server_unavailable", id="cut"),
        pytest.param(breaks_off(b"x", None, "audio/mpeg"), ServerUnavailable, "server_unavailable", id="cut chunks"),
        pytest.param(stalls(b"x" * 9999, 300_000), ServerUnavailable, "server_unavailable", id="stalls"),
        pytest.param(refuses(70, "Song not found"), ServerRefused, "not_found", id="code 70"),
        pytest.param(refuses(0, "ValueError: badly formed"), ServerRefused, "not_found", id="code 0"),
        pytest.param(refuses(40, "Wrong"), ServerRefused, "wrong_password", id="code 40"),
        pytest.param(sends(HTML, "text/html"), ServerMisbehaved, "not_json", id="HTML"),
        pytest.param(sends(b'{"a": 1}'), ServerMisbehaved, "not_subsonic", id="other JSON"),
        pytest.param(
            sends(b'<subsonic-response status="failed"><error code="70" message="Gone &amp; lost"/>', "text/xml"),
            ServerRefused,
            "not_found",
            id="XML",
        ),
        pytest.param(
            sends(b'{"subsonic-response": {"status": "ok"}}'), ServerMisbehaved, "wrong_type", id="no audio in it"
        ),
    ],
)
async def test_every_fault_of_a_download_has_a_name(
    faulty: FaultyServer, server: SubsonicServer, fault: Any, kind: type, name: str
) -> None:
    faulty.faults["download"] = faulty.faults["stream"] = fault
    assert reason(await failure(server.open_audio("al-0000-0"))) == (kind, name)


async def test_the_servers_own_words_are_told(faulty: FaultyServer, server: SubsonicServer) -> None:
    faulty.faults["download"] = sends(b"<error code='70' message='Gone &amp; lost'>", "text/xml")
    assert "Gone & lost" in str(await failure(server.open_audio("al-0000-0")))
    faulty.faults["*"] = refuses(41, "Use LDAP\x07\n instead")
    assert "Use LDAP instead" in (await server.test()).message


class TestDown:
    async def test_a_server_that_is_down_is_unavailable(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        await faulty.stop()
        for call in (server.list_page(None), server.open_audio("x"), server.list_page(None)):
            assert reason(await failure(call)) == (ServerUnavailable, "server_unavailable")
        assert not (await server.test()).ok

    async def test_it_is_used_again_when_it_comes_back(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        await faulty.stop()
        await failure(server.list_page(None))
        async with faulty:
            assert len(await walk(server)) == 12

    async def test_a_name_that_nobody_knows_is_unavailable(self) -> None:
        server = client("http://no-such-host.invalid")
        assert reason(await failure(server.list_page(None))) == (ServerUnavailable, "server_unavailable")
        await server.close()

    async def test_a_server_that_disappears_after_some_calls_lists_nothing_less(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        for calls in range(6):
            faulty.faults["*"] = after(calls, hangs_up)
            with pytest.raises(ServerUnavailable):
                await walk(server)

    async def test_a_stale_pooled_connection_is_no_failure(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        await walk(server)
        await faulty.stop()
        async with faulty:
            assert len(await walk(server)) == 12

    async def test_plain_http_to_something_else(self) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            await writer.drain()
            writer.close()

        other = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = other.sockets[0].getsockname()[1]
        server = client(f"http://127.0.0.1:{port}")
        assert isinstance(await failure(server.list_page(None)), ServerMisbehaved | ServerUnavailable)
        secure = client(f"https://127.0.0.1:{port}")
        assert reason(await failure(secure.list_page(None))) == (ServerUnavailable, "server_unavailable")
        await server.close()
        await secure.close()
        other.close()
        await other.wait_closed()

    async def test_a_closed_adapter_says_that_it_is_unavailable(self, server: SubsonicServer) -> None:
        await server.list_page(None)
        await server.close()
        assert reason(await failure(server.list_page(None))) == (ServerUnavailable, "server_unavailable")


class TestRetryAfter:
    @pytest.mark.parametrize(("header", "wait"), [("7", 7.0), ("0", 0.0), ("99999", 600.0), ("-3", 0.0), ("x", None)])
    async def test_seconds(self, faulty: FaultyServer, server: SubsonicServer, header: str, wait: float | None) -> None:
        faulty.faults["*"] = http_status(429, Retry_After=header)
        error = await failure(server.list_page(None))
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == wait

    async def test_a_date(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
        faulty.faults["*"] = http_status(503, Retry_After=soon)
        error = await failure(server.list_page(None))
        assert isinstance(error, ServerUnavailable)
        assert error.retry_after_s == pytest.approx(59, abs=2)


class TestDownload:
    async def test_a_user_without_the_right_to_download_streams_the_original(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.faults["download"] = refuses(50, "not allowed to download")
        stream = await server.open_audio("al-0000-0", byte_range="bytes=5-9")
        assert await content(stream) == audio_of("al-0000-0")[5:10]
        assert faulty.calls[-1].query["format"] == "raw"

    async def test_a_length_that_is_too_long_is_noticed(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        audio = audio_of("al-0000-0")
        faulty.faults["download"] = breaks_off(audio, len(audio) + 1, "audio/mpeg")
        stream = await server.open_audio("al-0000-0")
        assert stream.size_bytes == len(audio) + 1
        assert reason(await failure(content(stream))) == (ServerUnavailable, "server_unavailable")

    async def test_audio_without_a_type_is_audio(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        faulty.faults["download"] = sends(b"\xff\xfb\x90", "application/octet-stream")
        assert await content(await server.open_audio("al-0000-0")) == b"\xff\xfb\x90"

    async def test_streams_that_are_left_early_do_not_use_up_connections(self, server: SubsonicServer) -> None:
        for _ in range(40):
            await (await server.open_audio("al-0000-0")).close()
        for _ in range(40):
            async with await server.open_audio("al-0000-0") as stream:
                async for _chunk in stream.chunks:
                    break
        assert len(await walk(server)) == 12


class TestRedirects:
    async def test_to_another_path_of_the_same_host_is_followed(self, faulty: FaultyServer) -> None:
        faulty.prefix = "/music"
        server = client(f"http://127.0.0.1:{faulty.port}")

        async def to_prefix(request: Any) -> Any:
            return None if request.path.startswith("/music/") else await redirects("/music{path}")(request)

        faulty.faults["*"] = to_prefix
        assert len(await walk(server)) == 12
        await server.close()

    async def test_to_another_host_is_refused_without_going_there(
        self, faulty: FaultyServer, server: SubsonicServer
    ) -> None:
        faulty.faults["*"] = redirects(f"http://localhost:{faulty.port}{{path}}")
        error = await failure(server.list_page(None))
        assert reason(error) == (ServerRefused, "refused")
        assert "http://localhost" in str(error)
        assert len(faulty.calls) == 1

    @pytest.mark.parametrize("location", ["{path}", "ftp://127.0.0.1/", "http://[broken/", ""])
    async def test_that_lead_nowhere_end(self, faulty: FaultyServer, server: SubsonicServer, location: str) -> None:
        faulty.faults["*"] = redirects(location or "http://")
        assert isinstance(await failure(server.list_page(None)), Permanent)
        assert len(faulty.calls) <= 6


class TestSecrets:
    async def test_no_password_is_sent_and_no_salt_twice(self, faulty: FaultyServer, server: SubsonicServer) -> None:
        await walk(server)
        await content(await server.open_audio("al-0000-0"))
        salts = [call.query["s"] for call in faulty.calls]
        assert len(set(salts)) == len(salts) > 5
        assert all("p" not in call.query and PASSWORD not in str(call) for call in faulty.calls)

    @pytest.mark.parametrize(
        "fault",
        [
            http_status(500),
            http_status(404),
            hangs_up,
            never_answers,
            breaks_off(b"{", 500),
            redirects("http://elsewhere.invalid{path}"),
            redirects("http://[broken{path}"),
            redirects("{path}"),
            sends(b"{not json}"),
            echoes_the_address(0),
            echoes_the_address(40),
        ],
    )
    async def test_no_failure_tells_a_token(
        self, faulty: FaultyServer, server: SubsonicServer, fault: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        faulty.faults["*"] = fault
        errors = [await failure(call) for call in (server.list_page(None), server.open_audio("al-0000-0"))]
        told = [str(await server.test()), caplog.text]
        for error in errors:
            told += [*traceback.format_exception(error), repr(error), str(vars(error))]
            assert error.__cause__ is None
            assert isinstance(error.__context__, StarlingError | None)
        secrets = [call.query[name] for call in faulty.calls for name in ("t", "s") if name in call.query]
        assert secrets
        assert not any(secret in text for text in told for secret in [*secrets, PASSWORD])

    async def test_neither_do_representations_nor_forgotten_streams(
        self, faulty: FaultyServer, server: SubsonicServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = await server.open_audio("al-0000-0")
        texts = [repr(server), repr(stream), repr(server._walk), repr(server._client)]
        await stream.close()
        del stream
        gc.collect()
        secrets = [faulty.calls[-1].query[name] for name in ("t", "s")]
        assert not any(secret in text for text in [*texts, caplog.text] for secret in [*secrets, PASSWORD])

    async def test_a_wrong_password_is_refused(self, faulty: FaultyServer) -> None:
        server = client(faulty.url, password="guess")
        assert reason(await failure(server.list_page(None))) == (ServerRefused, "wrong_password")
        await server.close()

    async def test_a_server_may_not_send_more_than_memory_holds(
        self, faulty: FaultyServer, server: SubsonicServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("shared.mediaservers.http.MAX_ANSWER", 1000)
        faulty.faults["ping"] = sends(b'{"a": "' + b"x" * 5000 + b'"}')
        assert reason(await failure(server.list_page(None))) == (ServerMisbehaved, "wrong_type")


async def test_concurrent_calls_are_bounded(faulty: FaultyServer, server: SubsonicServer) -> None:
    running, most = 0, 0

    async def counted(request: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return failed(70, "none")

    faulty.faults["getSong"] = counted
    calls = (server.describe((ListedItem(str(number), "", ""),)) for number in range(50))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(result, ServerRefused) for result in results)
    assert most <= 6
