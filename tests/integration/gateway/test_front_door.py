"""Who is let in, what every answer carries, and that errors have one form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from pydantic import SecretStr
from yarl import URL

from services.gateway.__main__ import main
from services.up.ports import choose
from shared.errors import ConfigurationError
from shared.settings import Settings
from tests.integration.gateway.api import Api
from tests.integration.gateway.conftest import gateway, is_ready, projector
from tests.integration.gateway.system import System
from tests.waiting import until

TOKEN = "a long random word"


@pytest.fixture
async def guarded(settings: Settings) -> AsyncIterator[System]:
    """A system that has a token."""
    with_token = settings.model_copy(update={"token": SecretStr(TOKEN)})
    async with projector(with_token), gateway(with_token) as made:
        await until(lambda: is_ready(made), "the gateway is ready")
        yield made


async def test_with_a_token_nobody_else_is_let_in(guarded: System) -> None:
    stranger = Api(guarded.api.client)
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": TOKEN},
        {"Cookie": "starling_session=1.x"},
    ):
        answer = await stranger.ask("GET", "/api/v1/servers", headers=headers)
        assert (answer.status, answer.body["reason"]) == (401, "not_signed_in")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await stranger.ask("POST", "/api/v1/analysis", {})).status == 401
    assert (await stranger.get("/api/v1/nonsense")).status == 401
    assert (await stranger.get("/healthz")).status == 200
    assert (await guarded.api.get("/api/v1/servers")).status == 200


async def test_the_token_buys_a_cookie_that_opens_the_door(guarded: System) -> None:
    browser = Api(guarded.api.client)
    wrong = await browser.post("/api/v1/session", {"token": "wrong"})
    assert (wrong.status, wrong.body["reason"]) == (401, "wrong_token")
    assert "Set-Cookie" not in wrong.headers

    right = await browser.post("/api/v1/session", {"token": TOKEN})
    assert right.status == 204
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    value = cookie.partition(";")[0]
    assert (await browser.ask("GET", "/api/v1/servers", headers={"Cookie": value})).status == 200
    assert (await browser.ask("GET", "/api/v1/servers", headers={"Cookie": value[:-1]})).status == 401


async def test_with_a_token_any_name_of_the_machine_will_do(guarded: System) -> None:
    assert (await guarded.api.ask("GET", "/api/v1/servers", headers={"Host": "music.example"})).status == 200


async def test_a_rebound_name_opens_nothing(system: System) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "[::1", "", "192.168.1.5:8000"):
        for path in ("/api/v1/servers", "/openapi.json", "/metrics"):
            answer = await system.api.ask("GET", path, headers={"Host": host})
            assert (answer.status, answer.body["reason"]) == (401, "set_up_needed"), (host, path)


async def test_without_a_token_this_machine_is_let_in_by_any_of_its_names(system: System) -> None:
    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000", "starling.localhost"):
        assert (await system.api.ask("GET", "/api/v1/servers", headers={"Host": host})).status == 200, host


async def test_a_page_of_another_site_changes_nothing(system: System) -> None:
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = await system.api.ask("POST", "/api/v1/analysis", {}, headers=headers)
        assert (answer.status, answer.body["reason"]) == (403, "other_site"), headers
        assert (await system.api.ask("GET", "/api/v1/servers", headers=headers)).status == 200, headers


async def test_our_own_page_may(system: System) -> None:
    url = system.api.client.make_url("/")
    headers = {"Origin": f"http://{url.host}:{url.port}", "Sec-Fetch-Site": "same-origin"}
    answer = await system.api.ask("POST", "/api/v1/analysis", {}, headers=headers)
    assert (answer.status, answer.body["reason"]) == (409, "no_server")


async def test_beyond_loopback_nothing_is_answered_before_there_is_an_owner(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    exposed = settings.model_copy(update={"host": "0.0.0.0"})
    async with projector(exposed), gateway(exposed) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        answer = await system.api.get("/api/v1/servers")
        assert (answer.status, answer.body["reason"]) == (401, "set_up_needed")
        session = await system.get("/api/v1/session")
        assert (session["state"], session["code_needed"]) == ("set_up", True)
    assert "The code to make the owner's account" in capfd.readouterr().err


async def test_a_short_token_does_not_open_a_door_to_other_machines(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="STARLING_TOKEN is shorter"):
        short = {"host": "0.0.0.0", "token": SecretStr("swordfish")}
        await main(settings.model_copy(update=short), asyncio.Event())


async def test_when_told_to_stop_it_lets_its_listeners_go_and_ends(settings: Settings) -> None:
    port, stop = choose(), asyncio.Event()
    serving = asyncio.create_task(main(settings.model_copy(update={"port": port}), stop))
    async with ClientSession(f"http://127.0.0.1:{port}") as session:

        async def listens() -> bool:
            try:
                async with session.get("/healthz") as response:
                    return response.status == 200
            except ClientError:
                return False

        await until(listens, "the gateway listens")
        async with session.get("/api/v1/live") as response:
            assert (await response.content.readline()).startswith(b"id:")
            stop.set()
            async with asyncio.timeout(3):
                assert await response.content.read() is not None
                await serving


async def test_a_port_in_use_is_named(settings: Settings, system: System) -> None:
    taken = system.api.client.port
    with pytest.raises(ConfigurationError, match=f"STARLING_PORT={taken}"):
        await main(settings.model_copy(update={"port": taken}), asyncio.Event())


async def test_every_answer_tells_the_browser_to_be_careful(system: System) -> None:
    for path in ("/", "/api/v1/servers", "/openapi.json", "/docs", "/healthz", "/api/v1/nonsense"):
        answer = await system.api.get(path)
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert ("'unsafe-inline'" in policy) is (path == "/docs"), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Server" not in answer.headers


async def test_the_routers_refusals_are_problems_too(system: System) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nonsense", 404),
        ("GET", "/api/v2/servers", 404),
        ("GET", "/static/none.js", 404),
        ("GET", "/robots.txt", 404),
        ("PUT", "/api/v1/servers", 405),
        ("GET", "/api/v1/analysis", 405),
        ("GET", "/static/../__main__.py", 404),
        ("GET", "/static/%2e%2e/%2e%2e/__main__.py", 404),
        ("GET", "/docs/%2e%2e/VENDORED.md", 404),
        ("GET", "/static/%00", 404),
        ("GET", "/static/vendor", 404),
    ):
        answer = await system.api.ask(method, URL(path, encoded=True), None)
        assert (answer.status, answer.body["status"]) == (status, status), path
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert status != 405 or answer.headers["Allow"]


async def test_a_body_that_cannot_be_used_is_refused(system: System) -> None:
    for content, content_type, status in (
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"profile": "slow"}', "application/json", 422),
        (b"{}", "text/plain", 415),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (b"[" * 60_000, "application/json", 400),
        (b" " * 70_000, "application/json", 413),
    ):
        async with system.api.client.post(
            "/api/v1/analysis", data=content, headers={"Content-Type": content_type}
        ) as response:
            problem = await response.json(content_type="application/problem+json")
            assert (response.status, problem["status"]) == (status, status), content[:20]
        assert (await system.api.get("/healthz")).status == 200


async def test_a_fault_of_ours_tells_nothing_about_our_insides(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("services.gateway.queries.servers.listed", broken)
    answer = await system.api.get("/api/v1/servers")
    assert (answer.status, answer.body["reason"]) == (500, "internal")
    assert "secret" not in repr(answer)
