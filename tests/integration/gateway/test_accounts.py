"""Accounts over HTTP: the owner, sessions, roles, tokens, and what they open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr

from services.gateway.app import ENDPOINTS
from shared.accounts import Right
from shared.settings import Settings
from tests.integration.gateway.api import Answer, Api
from tests.integration.gateway.conftest import gateway, is_ready, projector
from tests.integration.gateway.system import System
from tests.waiting import until

OWNER = {"name": "Anna", "password": "correct horse battery"}
MEMBER = {"name": "Bert", "password": "staple staple paper", "role": "member"}
READER = {"name": "Cleo", "password": "only looking here", "role": "reader"}
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


def cookie(answer: Answer) -> dict[str, str]:
    """What a browser sends back after that answer."""
    return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0], **OUR_PAGE}


class Browser:
    """Somebody with a session."""

    def __init__(self, system: System, headers: dict[str, str]) -> None:
        self.headers = headers
        self._api = Api(system.api.client)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return await self._api.ask(method, path, body, {**self.headers, **headers})


async def sign_in(system: System, who: dict[str, str]) -> Browser:
    answer = await Api(system.api.client).post("/api/v1/session", {key: who[key] for key in ("name", "password")})
    assert answer.status == 204, answer
    return Browser(system, cookie(answer))


async def bearer(browser: Browser, system: System, **wish: Any) -> Browser:
    """A program with a token of that somebody."""
    answer = await browser.ask("POST", "/api/v1/tokens", {"name": "radio", **wish})
    assert answer.status == 201, answer
    return Browser(system, {"Authorization": f"Bearer {answer.body['token']}"})


@pytest.fixture
async def owner(system: System) -> Browser:
    """The owner's browser, of a system that has no other account."""
    answer = await system.api.post("/api/v1/set-up", OWNER)
    assert answer.status == 201, answer
    return Browser(system, cookie(answer))


async def join(owner: Browser, *people: dict[str, str]) -> None:
    for body in people:
        assert (await owner.ask("POST", "/api/v1/accounts", body)).status == 201


async def test_before_there_is_an_account_this_machine_may_do_everything(system: System) -> None:
    assert await system.get("/api/v1/session") == {
        "state": "open", "code_needed": False, "ways": [], "name": "this machine",
        "account_id": None, "role": None, "right": "admin",
    }  # fmt: skip
    assert (await system.api.get("/api/v1/servers")).status == 200


async def test_what_comes_from_elsewhere_is_asked_for_the_code_that_was_printed(
    system: System, capfd: pytest.CaptureFixture[str]
) -> None:
    for headers in ({"Host": "music.example"}, {"X-Forwarded-For": "1.2.3.4"}):
        answer = await system.api.ask("GET", "/api/v1/servers", headers=headers)
        assert (answer.status, answer.body["reason"]) == (401, "set_up_needed")
        session = await system.api.ask("GET", "/api/v1/session", headers=headers)
        assert (session.body["state"], session.body["code_needed"]) == ("set_up", True)
    code = re.findall(r"its page: (\S+)", capfd.readouterr().err)
    assert len(code) == 1

    away = {"Host": "music.example"}
    for wrong in ({}, {"code": "AAAA-AAAA-AAAA-AAAA"}):
        answer = await system.api.ask("POST", "/api/v1/set-up", OWNER | wrong, headers=away)
        assert (answer.status, answer.body["reason"]) == (403, "wrong_code")
    answer = await system.api.ask("POST", "/api/v1/set-up", OWNER | {"code": code[0].lower()}, headers=away)
    assert answer.status == 201
    assert (answer.body["state"], answer.body["role"]) == ("signed_in", "owner")
    assert (await system.api.ask("POST", "/api/v1/set-up", OWNER, headers=away)).status == 409


async def test_a_code_cannot_be_guessed_quickly(system: System) -> None:
    away = {"Host": "music.example"}
    seen = [
        (await system.api.ask("POST", "/api/v1/set-up", OWNER | {"code": f"GUESS-{n}"}, headers=away)).status
        for n in range(7)
    ]
    assert seen == [403] * 5 + [429] * 2


async def test_of_two_that_make_the_owner_at_once_one_does(system: System) -> None:
    answers = await asyncio.gather(
        *(system.api.post("/api/v1/set-up", {**OWNER, "name": name}) for name in ("Anna", "Bert", "Cleo"))
    )
    assert sorted(answer.status for answer in answers) == [201, 409, 409]


async def test_once_there_is_an_owner_nobody_else_is_let_in(system: System, owner: Browser) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer starling_wrong"},
        {"Authorization": "Basic QW5uYTpjb3JyZWN0"},
        {"Cookie": "starling_session=wrong"},
        {"Cookie": owner.headers["Cookie"][:-1]},
    ):
        answer = await system.api.ask("GET", "/api/v1/servers", headers=headers)
        assert (answer.status, answer.body["reason"]) == (401, "not_signed_in"), headers
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert (await owner.ask("GET", "/api/v1/servers")).status == 200
    session = await system.get("/api/v1/session")
    assert (session["state"], session["ways"], session["name"]) == ("signed_out", ["password"], None)


async def test_nothing_but_health_and_signing_in_is_answered_to_nobody(system: System, owner: Browser) -> None:
    public = {
        ("GET", "/healthz"), ("GET", "/readyz"),
        ("GET", "/api/v1/session"), ("POST", "/api/v1/session"), ("POST", "/api/v1/set-up"),
        ("GET", "/api/v1/openid/sign-in"), ("GET", "/api/v1/openid/callback"),
    }  # fmt: skip
    assert {(one.method, one.path) for one in ENDPOINTS if one.needs is Right.NOBODY} == public
    for endpoint in ENDPOINTS:
        if (endpoint.method, endpoint.path) in public:
            continue
        path = re.sub(r"{\w+}", "00000000-0000-0000-0000-000000000000", endpoint.path)
        for method in {endpoint.method, "HEAD" if endpoint.method == "GET" else endpoint.method}:
            async with system.api.client.request(method, path) as response:
                assert response.status == 401, f"{method} {path}"
    for path in ("/openapi.json", "/docs", "/docs/start.js", "/api/v1/nonsense", "/api/", "/metrics"):
        assert (await system.api.get(path)).status == 401, path
    for path in ("/", "/tracks/1", "/static/icon.svg"):  # the page itself, which then asks for a password
        async with system.api.client.get(path) as response:
            assert response.status == 200, path


async def test_a_cookie_is_for_the_browser_alone_and_for_our_page(system: System, owner: Browser) -> None:
    answer = await system.api.post("/api/v1/session", OWNER)
    said = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in said
    assert "Secure" not in said  # the test has no TLS
    value = said.partition(";")[0]

    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        other = await system.api.ask("POST", "/api/v1/analysis", {}, headers={"Cookie": value, **headers})
        assert (other.status, other.body["reason"]) == (403, "other_site"), headers
    ours = await system.api.ask("POST", "/api/v1/analysis", {}, headers={"Cookie": value, **OUR_PAGE})
    assert (ours.status, ours.body["reason"]) == (409, "no_server")


async def test_a_session_that_somebody_chose_for_us_is_worth_nothing(system: System, owner: Browser) -> None:
    planted = {"Cookie": "starling_session=planted", **OUR_PAGE}
    answer = await system.api.ask("POST", "/api/v1/session", OWNER, headers=planted)
    assert answer.status == 204
    assert cookie(answer)["Cookie"] != planted["Cookie"]
    assert (await system.api.ask("GET", "/api/v1/servers", headers=planted)).status == 401


async def test_a_cookie_that_is_a_day_old_is_changed(system: System, owner: Browser) -> None:
    async with system.gateway.reading() as connection:
        await connection.execute("UPDATE account_sessions SET issued_at = now() - interval '25 hours'")
    fresh = await owner.ask("GET", "/api/v1/session")
    assert fresh.body["state"] == "signed_in"
    assert cookie(fresh)["Cookie"] != owner.headers["Cookie"]
    assert "Set-Cookie" not in (await Browser(system, cookie(fresh)).ask("GET", "/api/v1/session")).headers
    assert (await owner.ask("GET", "/api/v1/servers")).status == 200  # what was on its way
    async with system.gateway.reading() as connection:
        await connection.execute("UPDATE account_sessions SET expires_at = expires_at - interval '2 minutes'")
    assert (await owner.ask("GET", "/api/v1/servers")).status == 401
    assert (await Browser(system, cookie(fresh)).ask("GET", "/api/v1/servers")).status == 200


async def test_signing_out_ends_the_session_everywhere(system: System, owner: Browser) -> None:
    second = await sign_in(system, OWNER)
    answer = await second.ask("DELETE", "/api/v1/session")
    assert answer.status == 204
    assert 'starling_session=""' in answer.headers["Set-Cookie"]
    assert (await second.ask("GET", "/api/v1/servers")).status == 401
    assert (await owner.ask("GET", "/api/v1/servers")).status == 200


async def test_who_listens_is_let_go_when_the_session_has_ended(
    system: System, owner: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.routes.live.KNOWN_S", 0.05)
    monkeypatch.setattr("services.gateway.routes.live.HEARTBEAT_S", 0.05)
    second = await sign_in(system, OWNER)
    async with system.api.client.get("/api/v1/live", headers=second.headers) as response:
        assert (await response.content.readline()).startswith(b"id:")
        assert (await second.ask("DELETE", "/api/v1/session")).status == 204
        async with asyncio.timeout(5):
            assert (await response.content.read()).endswith(b"\n\n")


async def test_wrong_passwords_lock_a_name_for_that_address_and_sessions_go_on(system: System, owner: Browser) -> None:
    wrong = {"name": "anna", "password": "wrong wrong wrong"}
    seen = [(await system.api.post("/api/v1/session", wrong)) for _ in range(6)]
    assert [answer.status for answer in seen] == [401] * 5 + [429]
    assert {answer.body["reason"] for answer in seen[:5]} == {"wrong_password"}
    assert 1 <= int(seen[-1].headers["Retry-After"]) <= 61
    assert (await system.api.post("/api/v1/session", OWNER)).status == 429
    assert (await owner.ask("GET", "/api/v1/servers")).status == 200
    unknown = await system.api.post("/api/v1/session", {"name": "nobody", "password": "wrong wrong wrong"})
    assert (unknown.status, unknown.body["detail"]) == (401, seen[0].body["detail"])


async def test_a_right_password_forgets_the_wrong_ones(system: System, owner: Browser) -> None:
    for _ in range(2):
        for _ in range(4):
            await system.api.post("/api/v1/session", {"name": "Anna", "password": "wrong wrong wrong"})
        assert (await system.api.post("/api/v1/session", OWNER)).status == 204


async def test_what_each_role_may_do(system: System, owner: Browser) -> None:
    await join(owner, MEMBER, READER)
    member, reader = await sign_in(system, MEMBER), await sign_in(system, READER)
    library = {"type": "folder", "name": "Music", "path": "/nowhere"}
    for method, path, body, expected in (
        ("GET", "/api/v1/tracks", None, (200, 200, 200)),
        ("POST", "/api/v1/analysis", {}, (409, 409, 403)),
        ("POST", "/api/v1/servers/test", library, (200, 403, 403)),
        ("GET", "/api/v1/accounts", None, (200, 403, 403)),
        ("POST", "/api/v1/accounts", {**READER, "name": "Dora"}, (201, 403, 403)),
        ("GET", "/api/v1/tokens", None, (200, 200, 200)),
        ("GET", "/metrics", None, (200, 200, 200)),
    ):
        seen = tuple([(await who.ask(method, path, body)).status for who in (owner, member, reader)])
        assert seen == expected, (method, path)
    refused = await reader.ask("POST", "/api/v1/analysis", {})
    assert refused.body["detail"] == "The account Cleo may not do this; ask an owner."


async def test_a_token_opens_what_its_scope_says_and_no_more_than_its_account(system: System, owner: Browser) -> None:
    await join(owner, MEMBER)
    member = await sign_in(system, MEMBER)
    escape = await member.ask("POST", "/api/v1/tokens", {"name": "x", "scope": "admin"})
    assert (escape.status, escape.body["errors"][0]["field"]) == (422, "scope")

    metrics, read, write = [await bearer(member, system, scope=scope) for scope in ("metrics", "read", "write")]
    admin = await bearer(owner, system, scope="admin")
    for method, path, body, expected in (
        ("GET", "/metrics", None, (200, 200, 200, 200)),
        ("GET", "/api/v1/tracks", None, (403, 200, 200, 200)),
        ("POST", "/api/v1/analysis", {}, (403, 403, 409, 409)),
        ("GET", "/api/v1/accounts", None, (403, 403, 403, 200)),
        # What opens doors is changed by people: a token that leaks cannot make another one, or an account.
        ("POST", "/api/v1/tokens", {"name": "another"}, (403, 403, 403, 403)),
        ("POST", "/api/v1/accounts", {**READER, "name": "Dora"}, (403, 403, 403, 403)),
        ("PUT", "/api/v1/session/password", {"current": OWNER["password"], "new": "a" * 12}, (403,) * 4),
    ):
        seen = tuple([(await who.ask(method, path, body)).status for who in (metrics, read, write, admin)])
        assert seen == expected, (method, path)
    said = (await read.ask("POST", "/api/v1/analysis", {})).body["detail"]
    assert said == "This token is for 'read'; this takes one for 'write'."


async def test_a_token_is_shown_once_and_ends_when_it_should(system: System, owner: Browser) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    made = (await owner.ask("POST", "/api/v1/tokens", {"name": "radio", "expires_at": soon.isoformat()})).body
    program = Browser(system, {"Authorization": f"bearer {made['token']}"})
    assert (await program.ask("GET", "/api/v1/tracks")).status == 200
    listed = (await owner.ask("GET", "/api/v1/tokens")).body["items"]
    assert [(one["name"], one["scope"], one["account"]) for one in listed] == [("radio", "read", "Anna")]
    assert listed[0]["last_used_at"] is not None
    assert "token" not in listed[0]

    async with system.gateway.reading() as connection:
        await connection.execute("UPDATE account_tokens SET expires_at = now()")
    assert (await program.ask("GET", "/api/v1/tracks")).status == 401
    past = await owner.ask("POST", "/api/v1/tokens", {"name": "x", "expires_at": "2020-01-01T00:00:00Z"})
    assert (past.status, past.body["errors"][0]["field"]) == (422, "expires_at")


async def test_a_token_is_revoked_by_its_account_by_an_owner_and_by_itself(system: System, owner: Browser) -> None:
    await join(owner, MEMBER, READER)
    member, reader = await sign_in(system, MEMBER), await sign_in(system, READER)
    programs = [await bearer(member, system) for _ in range(3)]
    newest_first = [one["id"] for one in (await member.ask("GET", "/api/v1/tokens")).body["items"]]
    ids = newest_first[::-1]
    assert (await reader.ask("GET", "/api/v1/tokens")).body["items"] == []
    assert (await reader.ask("DELETE", f"/api/v1/tokens/{ids[0]}")).status == 404
    assert (await programs[0].ask("DELETE", f"/api/v1/tokens/{ids[1]}")).status == 403
    for who, token_id in ((member, ids[0]), (owner, ids[1]), (programs[2], ids[2])):
        assert (await who.ask("DELETE", f"/api/v1/tokens/{token_id}")).status == 204
    assert [(await program.ask("GET", "/api/v1/tracks")).status for program in programs] == [401] * 3


async def test_a_changed_role_counts_at_once_and_ends_the_sessions(system: System, owner: Browser) -> None:
    await join(owner, MEMBER)
    member = await sign_in(system, MEMBER)
    program = await bearer(member, system, scope="write")
    account = (await member.ask("GET", "/api/v1/session")).body["account_id"]
    assert (await owner.ask("PATCH", f"/api/v1/accounts/{account}", {"role": "reader"})).status == 200
    assert (await member.ask("GET", "/api/v1/servers")).status == 401
    assert (await program.ask("POST", "/api/v1/analysis", {})).status == 403
    assert (await owner.ask("DELETE", f"/api/v1/accounts/{account}")).status == 204
    assert (await program.ask("GET", "/api/v1/servers")).status == 401
    assert (await system.api.post("/api/v1/session", {k: MEMBER[k] for k in ("name", "password")})).status == 401


async def test_the_last_owner_stays(system: System, owner: Browser) -> None:
    account = (await owner.ask("GET", "/api/v1/session")).body["account_id"]
    for method, body in (("PATCH", {"role": "reader"}), ("DELETE", None)):
        answer = await owner.ask(method, f"/api/v1/accounts/{account}", body)
        assert (answer.status, "only owner" in answer.body["detail"]) == (409, True)
    await join(owner, {**MEMBER, "role": "owner"})
    assert (await owner.ask("DELETE", f"/api/v1/accounts/{account}")).status == 204


async def test_a_new_password_ends_the_other_sessions(system: System, owner: Browser) -> None:
    second = await sign_in(system, OWNER)
    path = "/api/v1/session/password"
    wrong = await owner.ask("PUT", path, {"current": "wrong wrong", "new": "another good one"})
    assert (wrong.status, wrong.body["errors"][0]["field"]) == (422, "current")
    assert (await owner.ask("PUT", path, {"current": OWNER["password"], "new": "another good one"})).status == 204
    assert (await owner.ask("GET", "/api/v1/servers")).status == 200
    assert (await second.ask("GET", "/api/v1/servers")).status == 401
    assert (await system.api.post("/api/v1/session", OWNER)).status == 401
    assert (await system.api.post("/api/v1/session", {"name": "Anna", "password": "another good one"})).status == 204


async def test_a_name_is_taken_once_however_it_is_spelt(system: System, owner: Browser) -> None:
    answer = await owner.ask("POST", "/api/v1/accounts", {**MEMBER, "name": " ANNA"})
    assert (answer.status, answer.body["errors"][0]["field"]) == (422, "name")


async def test_the_log_tells_who_did_what_and_holds_nothing_that_opens_a_door(system: System, owner: Browser) -> None:
    await join(owner, MEMBER)
    program = await bearer(owner, system)
    entries = await system.gateway.streams.log.page(0, 100)
    assert [entry.raw.type for entry in entries] == ["account.added", "account.added", "token.issued"]
    said = b"".join(entry.raw.data for entry in entries).decode()
    secrets = (OWNER["password"], MEMBER["password"], program.headers["Authorization"][7:], owner.headers["Cookie"])
    assert not any(secret in said for secret in secrets)
    async with system.gateway.reading() as connection:
        rows = [repr(tuple(row)) for table in ("accounts", "account_sessions", "account_tokens")
                for row in await connection.fetch(f"SELECT {table}::text FROM {table}")]  # fmt: skip
    assert len(rows) == 4
    assert not any(secret in row for row in rows for secret in secrets)


async def test_one_client_that_asks_too_much_is_slowed_and_others_are_not(settings: Settings) -> None:
    slow = settings.model_copy(update={"rate_limit": 0.3, "token": SecretStr("a long random word")})
    async with projector(slow), gateway(slow) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        anna = Browser(system, cookie(await system.api.post("/api/v1/set-up", {**OWNER, "code": "a long random word"})))
        seen = [(await anna.ask("GET", "/api/v1/session")).status for _ in range(2)]
        answers = [await anna.ask("GET", "/api/v1/servers") for _ in range(5)]
        assert [answer.status for answer in answers] == [200] * 3 + [429] * 2
        assert int(answers[-1].headers["Retry-After"]) >= 1
        assert seen == [200, 200]
        assert (await system.api.get("/api/v1/servers")).status == 200  # the operator is another client


@pytest.fixture
async def two(settings: Settings) -> AsyncIterator[tuple[System, System]]:
    """Two gateways of one deployment that other machines reach."""
    exposed = settings.model_copy(update={"token": SecretStr("a long random word"), "rate_limit": 0.01})
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(projector(exposed))
        systems = [await stack.enter_async_context(gateway(exposed)) for _ in range(2)]
        for one in systems:
            await until(partial(is_ready, one), "the gateway is ready")
        yield systems[0], systems[1]


async def test_two_gateways_know_the_same_sessions_tries_and_paces(two: tuple[System, System]) -> None:
    first, second = two
    made = await first.api.post("/api/v1/set-up", {**OWNER, "code": "a long random word"})
    here, there = Browser(first, cookie(made)), Browser(second, cookie(made))
    assert (await there.ask("GET", "/api/v1/servers")).status == 200
    assert (await here.ask("GET", "/api/v1/servers")).status == 429, "one request in 100 s was allowed"
    assert (await second.api.post("/api/v1/set-up", OWNER)).status == 409

    wrong = {"name": "Anna", "password": "wrong wrong wrong"}
    stranger = [Api(one.api.client) for one in two]
    seen = [(await stranger[n % 2].post("/api/v1/session", wrong)).status for n in range(6)]
    assert seen == [401] * 5 + [429]
