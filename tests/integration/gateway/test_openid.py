"""Signing in at an OpenID provider: at a real one, and at one that lies."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

from services.gateway.openid import provider as provider_module
from shared.settings import Settings
from tests.integration.gateway.api import Answer, Api
from tests.integration.gateway.lying_provider import (
    CLIENT,
    SECRET,
    Claims,
    Key,
    LyingProvider,
    handmade,
    lying_provider,
)
from tests.integration.gateway.people import OUR_PAGE, Person, front, told, with_password
from tests.integration.gateway.system import System
from tests.openid_provider import openid_provider
from tests.waiting import until

PAGE = "http://localhost:8000"
BEGIN, CALLBACK = "/api/v1/openid/sign-in", "/api/v1/openid/callback"


def at(issuer: str, **changes: Any) -> dict[str, Any]:
    """The settings for a provider."""
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": SecretStr(SECRET),
        "public_url": PAGE,
        "owners": "anna",
        **changes,
    }


@pytest.fixture
async def liar() -> AsyncIterator[LyingProvider]:
    async with lying_provider() as provider:
        yield provider


@pytest.fixture
async def system(settings: Settings, liar: LyingProvider) -> AsyncIterator[System]:
    """A gateway that knows this provider."""
    async with front(settings, **at(liar.issuer)) as made:
        yield made


class Visit:
    """A browser on its way."""

    def __init__(self, system: System) -> None:
        self.cookie = ""
        self._system = system

    async def get(self, path: str, **query: str) -> Answer:
        """One request, redirects not followed."""
        address = f"{path}?{urlencode(query)}" if query else path
        headers = {"Cookie": f"starling_openid={self.cookie}"} if self.cookie else {}
        async with self._system.api.client.get(address, allow_redirects=False, headers=headers) as response:
            body = await response.json() if "json" in response.content_type else None
            cookies = response.headers.getall("Set-Cookie", [])
            return Answer(response.status, body, {**response.headers, "Set-Cookie": "\n".join(cookies)})

    async def set_out(self, to: str = "/") -> dict[str, str]:
        """What the browser is sent to the provider with."""
        answer = await self.get(BEGIN, to=to)
        assert answer.status == 302, answer
        self.cookie = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        self.at_provider = answer.headers["Location"]
        return dict(parse_qsl(urlsplit(self.at_provider).query))

    async def come_back(self, **query: str) -> Answer:
        return await self.get(CALLBACK, **query)

    async def sign_in(self, liar: LyingProvider, to: str = "/") -> Answer:
        wish = await self.set_out(to)
        return await self.come_back(code=liar.grant(wish), state=wish["state"])


def person(system: System, answer: Answer) -> Person:
    """Who has the session of that answer."""
    [cookie] = [line for line in answer.headers["Set-Cookie"].splitlines() if line.startswith("starling_session=")]
    return Person(system, {"Cookie": cookie.partition(";")[0], **OUR_PAGE})


@pytest.fixture
async def real_issuer() -> AsyncIterator[str]:
    """A provider that others have written, in a process of its own."""
    async with openid_provider() as issuer:
        yield issuer


async def test_somebody_signs_in_at_a_real_provider_and_comes_again(settings: Settings, real_issuer: str) -> None:
    claims = {"preferred_username": "anna", "email": "anna@music.example"}
    async with ClientSession() as there, front(settings, **at(real_issuer)) as system:
        await there.put(f"{real_issuer}/users/17", json=claims)
        accounts = []
        for _ in range(2):
            visit = Visit(system)
            await visit.set_out("/tracks")
            async with there.post(visit.at_provider, data={"sub": "17"}, allow_redirects=False) as sent_back:
                back = urlsplit(sent_back.headers["Location"])
            assert (back.netloc, back.path) == ("localhost:8000", CALLBACK)
            answer = await visit.come_back(**dict(parse_qsl(back.query)))
            assert (answer.status, answer.headers["Location"]) == (302, "/tracks")
            session = await person(system, answer).session()
            assert (session["state"], session["name"], session["role"]) == ("signed_in", "anna", "owner")
            accounts.append(session["account_id"])
        assert accounts[0] == accounts[1]
        assert [(event["name"], event["signs_in_with"]) for event in await told(system)] == [("anna", "openid")]


async def test_who_declines_there_is_told_so_here(system: System) -> None:
    visit = Visit(system)
    wish = await visit.set_out()
    answer = await visit.come_back(error="access_denied", state=wish["state"])
    assert answer.headers["Location"] == "/?sign-in=refused"


async def test_the_cookies_are_for_the_browser_alone(system: System, liar: LyingProvider) -> None:
    visit = Visit(system)
    wish = await visit.set_out()
    begun = (await visit.get(BEGIN)).headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Lax", "Path=/api/v1/openid/callback", "Max-Age=600"):
        assert part in begun
    answer = await visit.come_back(code=liar.grant(wish), state=wish["state"])
    session, gone = answer.headers["Set-Cookie"].splitlines()
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in session
    assert gone.startswith('starling_openid=""')
    assert wish["code_challenge_method"] == "S256"
    assert len({wish[name] for name in ("state", "nonce", "code_challenge")}) == 3


def stating(**claims: Any) -> Callable[[Claims], Claims]:
    """A lie: these claims instead; None leaves one out."""
    return lambda true: {name: value for name, value in {**true, **claims}.items() if value is not None}


def later(**seconds: int) -> Callable[[Claims], Claims]:
    """A lie about times."""
    return lambda true: {**true, **{name: true["iat"] + offset for name, offset in seconds.items()}}


LIES = {
    "another nonce": stating(nonce="another"),
    "no nonce": stating(nonce=None),
    "for somebody else": stating(aud="another"),
    "for several and no azp": stating(aud=[CLIENT, "another"]),
    "made for another of several": stating(aud=[CLIENT, "another"], azp="another"),
    "made for another": stating(azp="another"),
    "by somebody else": stating(iss="https://login.example"),
    "expired": later(iat=-400, exp=-61),
    "without an end": stating(exp=None),
    "from the future": later(iat=120, exp=400),
    "about nobody": stating(sub=None),
    "about an empty name": stating(sub=""),
}


async def test_a_false_statement_opens_nothing(system: System, liar: LyingProvider) -> None:
    for name, lie in LIES.items():
        liar.lie = lie
        answer = await Visit(system).sign_in(liar)
        assert (answer.status, answer.headers["Location"]) == (302, "/?sign-in=not_believed"), name
        assert "starling_session" not in answer.headers["Set-Cookie"], name
    assert await told(system) == []
    for nearly in (later(iat=50), later(iat=-400, exp=-50)):  # clocks may differ by a minute
        liar.lie = nearly
        assert (await Visit(system).sign_in(liar)).headers["Location"] == "/"


async def test_a_statement_signed_in_another_way_opens_nothing(
    system: System, liar: LyingProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    hs256 = {"alg": "HS256", "typ": "JWT", "kid": "first"}
    forgeries: tuple[Callable[[Claims], str], ...] = (
        lambda claims: handmade({"alg": "none", "kid": "first"}, claims, None),
        lambda claims: handmade({"alg": "None"}, claims, None),
        lambda claims: handmade(hs256, claims, SECRET.encode()),
        lambda claims: handmade(hs256, claims, liar.key.pem()),
        lambda claims: handmade({**hs256, "kid": "other"}, claims, b"\0\0\0"),
        lambda claims: handmade({**hs256, "alg": "ES256"}, claims, liar.key.pem()),
        lambda claims: Key("first").sign(claims),
        lambda claims: f"{liar.key.sign(claims)[:-4]}AAAA",
        lambda _: "nonsense",
        lambda _: "",
    )
    tokens = []
    for forge in forgeries:
        liar.sign = lambda claims, forge=forge: tokens.append(forge(claims)) or tokens[-1]  # type: ignore[misc, func-returns-value]
        answer = await Visit(system).sign_in(liar)
        assert answer.headers["Location"] == "/?sign-in=not_believed", tokens[-1]
        assert "starling_session" not in answer.headers["Set-Cookie"]
    liar.sign = None
    assert (await Visit(system).sign_in(liar)).headers["Location"] == "/"
    said = "".join(capfd.readouterr())
    assert "not_believed" in said
    assert SECRET not in said
    assert not any(part and part in said for token in tokens for part in token.split(".")[1:])


async def test_an_answer_counts_once_and_in_the_browser_that_asked(system: System, liar: LyingProvider) -> None:
    visit, other = Visit(system), Visit(system)
    wish = await visit.set_out()
    answer = {"code": liar.grant(wish), "state": wish["state"]}
    assert (await other.come_back(**answer)).headers["Location"] == "/?sign-in=other_browser"
    await other.set_out()
    assert (await other.come_back(**answer)).headers["Location"] == "/?sign-in=expired"
    assert (await visit.come_back(**{**answer, "state": "made up"})).headers["Location"] == "/?sign-in=expired"
    assert (await visit.come_back(**answer)).headers["Location"] == "/"
    assert (await visit.come_back(**answer)).headers["Location"] == "/?sign-in=expired"


async def test_a_code_that_was_used_or_is_another_browsers_opens_nothing(system: System, liar: LyingProvider) -> None:
    first, second, third = Visit(system), Visit(system), Visit(system)
    theirs, mine = await first.set_out(), await second.set_out()
    code = liar.grant(theirs)
    # The victim's code, in the thief's browser: the verifier is not theirs.
    stolen = await second.come_back(code=code, state=mine["state"])
    assert stolen.headers["Location"] == "/?sign-in=not_believed"
    own = await third.set_out()
    used = liar.grant(own)
    liar.codes.pop(used)
    again = await third.come_back(code=used, state=own["state"])
    assert again.headers["Location"] == "/?sign-in=not_believed"


async def test_an_answer_of_another_provider_is_not_taken(system: System, liar: LyingProvider) -> None:
    for issuer, ends in (("https://login.example", "/?sign-in=not_believed"), (liar.issuer, "/")):
        visit = Visit(system)
        wish = await visit.set_out()
        answer = await visit.come_back(code=liar.grant(wish), state=wish["state"], iss=issuer)
        assert answer.headers["Location"] == ends


async def test_nobody_is_sent_anywhere_but_to_a_page_of_ours(system: System) -> None:
    for to in (
        "//evil.example", "/\\evil.example", "\\/evil", "https://evil.example", "javascript:alert(1)", "tracks",
        "/\t/evil.example", "/a\r\nSet-Cookie: a=b", "/ö", "/api/v1/openid/sign-in", "/" + "a" * 1000,
    ):  # fmt: skip
        answer = await Visit(system).get(BEGIN, to=to)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, "to"), to


async def test_behind_a_path_everything_stays_below_it(settings: Settings, liar: LyingProvider) -> None:
    changes = at(liar.issuer, base_path="/music", public_url="https://home.example/music/")
    async with front(settings, **changes) as system:
        visit = Visit(system)
        begun = await visit.get(f"/music{BEGIN}", to="/tracks?q=a%2Fb#c")
        wish = dict(parse_qsl(urlsplit(begun.headers["Location"]).query))
        assert wish["redirect_uri"] == f"https://home.example/music{CALLBACK}"
        assert "Path=/music/api/v1/openid/callback" in begun.headers["Set-Cookie"]
        assert "Secure" in begun.headers["Set-Cookie"]
        visit.cookie = begun.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        answer = await visit.get(f"/music{CALLBACK}", code=liar.grant(wish), state=wish["state"])
        assert answer.headers["Location"] == "/music/tracks?q=a%2Fb#c"
        assert (await visit.get(f"/music{CALLBACK}")).headers["Location"] == "/music/?sign-in=expired"


async def test_any_gateway_takes_the_answer_to_what_another_began(settings: Settings, liar: LyingProvider) -> None:
    async with front(settings, **at(liar.issuer)) as one, front(settings, **at(liar.issuer)) as two:
        here, there = Visit(one), Visit(two)
        wish = await here.set_out()
        there.cookie = here.cookie
        answer = await there.come_back(code=liar.grant(wish), state=wish["state"])
        assert (await person(one, answer).session())["name"] == "anna"


async def test_a_provider_that_is_down_is_said_to_be(system: System, liar: LyingProvider) -> None:
    liar.down = True
    answer = await Visit(system).get(BEGIN)
    assert (answer.status, answer.body["reason"]) == (503, "provider_unavailable")
    assert answer.body["detail"] == "the OpenID provider 127.0.0.1 answers with something else than JSON (HTTP 502)"
    liar.down = False
    visit = Visit(system)
    wish = await visit.set_out()
    liar.down = True
    answer = await visit.come_back(code="code", state=wish["state"])
    assert answer.headers["Location"] == "/?sign-in=unavailable"


async def test_a_provider_that_describes_itself_oddly_is_not_used(system: System, liar: LyingProvider) -> None:
    for liar.places in (
        {"issuer": "https://login.example"},
        {"token_endpoint": "http://login.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"more": "x" * 300_000},
    ):
        answer = await Visit(system).get(BEGIN)
        assert (answer.status, answer.body["reason"]) == (503, "provider_unavailable"), liar.places


async def test_new_keys_are_looked_up_at_most_once_a_minute(
    system: System, liar: LyingProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await Visit(system).sign_in(liar)).headers["Location"] == "/"
    liar.key = Key("second")
    for _ in range(3):
        assert (await Visit(system).sign_in(liar)).headers["Location"] == "/?sign-in=not_believed"
    assert liar.asked.count("/keys") == 1
    monkeypatch.setattr(provider_module, "_LOOK_AGAIN_S", 0.0)
    assert (await Visit(system).sign_in(liar)).headers["Location"] == "/"
    assert liar.asked.count("/keys") == 2
    assert liar.asked.count("/.well-known/openid-configuration") == 1


async def test_what_the_token_does_not_tell_is_asked_for(system: System, liar: LyingProvider) -> None:
    liar.person = {"sub": "17"}
    liar.about = {"sub": "another", "preferred_username": "anna"}
    assert (await Visit(system).sign_in(liar)).headers["Location"] == "/?sign-in=set_up"
    liar.about = {"sub": "17", "preferred_username": "anna"}
    session = await person(system, await Visit(system).sign_in(liar)).session()
    assert (session["name"], session["role"]) == ("anna", "owner")


async def test_only_what_people_cannot_choose_makes_them_owners(settings: Settings, liar: LyingProvider) -> None:
    async with front(settings, **at(liar.issuer, owners="anna@music.example")) as system:
        unproven: tuple[Claims, ...] = (
            {"name": "anna@music.example"},
            {"email": "anna@music.example"},
            {"email": "anna@music.example", "email_verified": "true"},
            {"preferred_username": ["anna@music.example"]},
        )
        for number, claims in enumerate(unproven):
            liar.person = {"sub": str(number), **claims}
            assert (await Visit(system).sign_in(liar)).headers["Location"] == "/?sign-in=set_up", claims
        liar.person = {"sub": "9", "email": "anna@music.example", "email_verified": True}
        assert (await person(system, await Visit(system).sign_in(liar)).session())["role"] == "owner"


async def test_somebody_of_the_same_name_gets_an_account_of_their_own(system: System, liar: LyingProvider) -> None:
    await with_password(system, "Bert")
    names = []
    for subject in ("1", "2", "1"):
        liar.person = {"sub": subject, "preferred_username": "bert"}
        session = await person(system, await Visit(system).sign_in(liar)).session()
        names.append((session["name"], session["role"]))
    assert names == [("bert 2", "reader"), ("bert 3", "reader"), ("bert 2", "reader")]


async def test_who_is_not_invited_is_told_so(settings: Settings, liar: LyingProvider) -> None:
    async with front(settings, **at(liar.issuer, new_accounts="none")) as system:
        await with_password(system, "Olga")
        liar.person = {"sub": "18", "preferred_username": "bert"}
        assert (await Visit(system).sign_in(liar)).headers["Location"] == "/?sign-in=not_invited"


async def test_the_page_is_told_that_there_is_a_provider(system: System) -> None:
    away = Person(system, {"Host": "music.example"})
    assert (await away.session())["ways"] == ["openid"]
    await with_password(system, "Olga")

    async def noticed() -> bool:
        return bool((await away.session())["state"] == "signed_out")

    await until(noticed, "the gateway has seen that there is an account")
    assert (await away.session())["ways"] == ["password", "openid"]


async def test_without_a_provider_there_is_nothing_to_sign_in_at(settings: Settings) -> None:
    async with front(settings) as system:
        for path in (BEGIN, CALLBACK):
            answer = await Api(system.api.client).get(path)
            assert (answer.status, answer.body["reason"]) == (404, "no_provider")


async def test_setting_out_again_and_again_is_slowed(system: System) -> None:
    seen = [(await Visit(system).get(BEGIN)).status for _ in range(31)]
    assert seen == [302] * 30 + [429]
