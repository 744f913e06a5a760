"""People whom a reverse proxy has signed in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.gateway.__main__ import main
from shared.errors import ConfigurationError
from shared.settings import Settings
from tests.integration.gateway.people import OUR_PAGE, Person, front, told, with_password
from tests.integration.gateway.system import System

PROXY: dict[str, Any] = {"proxy_user_header": "Remote-User", "trusted_proxies": "127.0.0.1,::1", "owners": "anna,root"}


def named(system: System, name: str) -> Person:
    """Somebody's browser behind the proxy, as our page asks."""
    return Person(system, {"Remote-User": name, **OUR_PAGE})


async def test_whom_the_proxy_names_has_an_account_from_then_on(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        session = await named(system, "anna").session()
        assert (session["state"], session["name"], session["role"]) == ("signed_in", "anna", "owner")
        # A page asks for many things at once.
        bert = await asyncio.gather(*(named(system, "bert").session() for _ in range(8)))
        assert {(one["account_id"], one["role"]) for one in bert} == {(bert[0]["account_id"], "reader")}
        accounts = (await named(system, "anna").ask("GET", "/api/v1/accounts")).body["items"]
        assert [(one["name"], one["signs_in_with"]) for one in accounts] == [("anna", "proxy"), ("bert", "proxy")]
        body = {"current": "whatever it is", "new": "another good one"}
        refused = await named(system, "anna").ask("PUT", "/api/v1/session/password", body)
        assert (refused.status, refused.body["detail"]) == (403, "This account has no password: it signs in elsewhere.")
        assert [(event["name"], event["signs_in_with"], event["by"]) for event in await told(system)] == [
            ("anna", "proxy", "proxy"), ("bert", "proxy", "proxy"),
        ]  # fmt: skip


async def test_the_header_is_worth_nothing_from_anybody_but_the_proxy(settings: Settings) -> None:
    async with front(settings, **{**PROXY, "trusted_proxies": "10.0.0.0/8"}) as system:
        await with_password(system, "Olga")
        for more in ({}, {"X_Forwarded_For": "10.0.0.1"}, {"Forwarded": "for=10.0.0.1"}):
            assert (await named(system, "anna").ask("GET", "/api/v1/accounts", **more)).status == 401, more
        assert (await named(system, "anna").session())["state"] == "signed_out"
        assert await told(system) == []
    async with front(settings, **{**PROXY, "proxy_user_header": ""}) as system:
        assert (await named(system, "anna").session())["state"] == "signed_out"


async def test_a_gateway_that_would_believe_anybody_does_not_start(settings: Settings) -> None:
    believing = settings.model_copy(update={**PROXY, "trusted_proxies": ""})
    with pytest.raises(ConfigurationError, match="proxy in STARLING_TRUSTED_PROXIES"):
        await main(believing, asyncio.Event())


async def test_another_sites_page_cannot_use_what_the_browser_sends_by_itself(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            browser = Person(system, {"Remote-User": "anna", **headers})
            answer = await browser.ask("POST", "/api/v1/tokens", {"name": "radio"})
            assert (answer.status, answer.body["reason"]) == (403, "other_site"), headers
        assert (await named(system, "anna").ask("POST", "/api/v1/tokens", {"name": "radio"})).status == 201


async def test_before_there_is_an_owner_only_a_named_one_comes_in(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        # The proxy is at this machine's own address: whom it names is not whoever sits at the machine.
        assert (await named(system, "bert").session())["state"] == "set_up"
        assert (await Person(system, {}).session())["state"] == "set_up"
        assert (await named(system, "bert").ask("GET", "/api/v1/servers")).body["reason"] == "set_up_needed"
        assert await told(system) == []
        assert (await named(system, "anna").session())["role"] == "owner"
        assert (await named(system, "bert").session())["role"] == "reader"


async def test_whoever_makes_the_owners_account_behind_the_proxy_is_that_owner_from_then_on(settings: Settings) -> None:
    async with front(settings, **{**PROXY, "owners": ""}) as system:
        code = await system.gateway.streams.codes.make()
        body = {"name": "Anna", "password": "correct horse battery", "code": code}
        assert (await named(system, "anna").ask("POST", "/api/v1/set-up", body)).status == 201
        session = await named(system, "anna").session()
        assert (session["name"], session["role"]) == ("Anna", "owner")


async def test_what_somebody_new_becomes_is_a_setting(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        await named(system, "anna").session()
        assert (await named(system, "bert").session())["role"] == "reader"
    async with front(settings, **PROXY, new_accounts="member") as system:
        assert (await named(system, "cleo").session())["role"] == "member"
        assert (await named(system, "bert").session())["role"] == "reader"
        assert (await named(system, "root").session())["role"] == "owner"
    async with front(settings, **PROXY, new_accounts="none") as system:
        assert await named(system, "dora").session() == "not_invited"
        assert (await named(system, "cleo").session())["role"] == "member"


async def test_a_name_is_no_way_into_somebody_elses_account(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        olga = await with_password(system, "Olga")
        for name in ("olga", "OLGA", "Ｏlga"):
            answer = await named(system, name).ask("GET", "/api/v1/servers")
            assert (answer.status, answer.body["reason"]) == (403, "name_taken"), name
            assert "somebody has this name already" in answer.body["detail"]
        assert (await named(system, "x" * 61).session()) == "name_taken"
        assert (await olga.session())["name"] == "Olga"
        assert await told(system) == []


async def test_a_proxy_that_passes_on_what_clients_say_is_not_believed(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        await named(system, "anna").session()
        client = system.api.client
        async with client.get("/api/v1/servers", headers=[("Remote-User", "anna"), ("Remote-User", "bert")]) as answer:
            assert (answer.status, (await answer.json(content_type=None))["reason"]) == (403, "two_names")


async def test_the_proxys_word_counts_more_than_a_cookie_and_less_than_a_token(settings: Settings) -> None:
    async with front(settings, **PROXY) as system:
        olga = await with_password(system, "Olga", "member")
        both = Person(system, {**olga.headers, "Remote-User": "bert"})
        assert (await both.session())["name"] == "bert"
        made = await olga.ask("POST", "/api/v1/tokens", {"name": "radio"})
        program = Person(system, {"Authorization": f"Bearer {made.body['token']}", "Remote-User": "bert"})
        assert (await program.session())["name"] == "Olga"
        wrong = Person(system, {"Authorization": "Bearer wrong", "Remote-User": "bert"})
        assert (await wrong.session())["state"] == "signed_out"
