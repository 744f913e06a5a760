"""Accounts on the page, of a Starling that lives below a path: the owner is made, people sign in and may do different
things, programs get tokens.

Screenshots are left in ``tests/screenshots``.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Locator, Page, Request, expect
from playwright.async_api import TimeoutError as OutOfTime

from services.up.ports import choose
from tests import music
from tests.e2e.browser import ELSEWHERE, NARROW, WIDE, chromium, picture, visit
from tests.instance import Instance, running
from tests.openid_provider import openid_provider
from tests.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

BASE = "/music"
OWNER = {"name": "Anna", "password": "correct horse battery"}
MEMBER = {"name": "Bert", "password": "staple staple paper", "role": "member"}
READER = {"name": "Cleo", "password": "only looking here", "role": "reader"}
_AT = "document.querySelector('audio').currentTime"
_NAMES = "all => all.map((one) => one.getAttribute('aria-label') ?? one.textContent.trim())"


@dataclass(frozen=True)
class Person:
    """Somebody with a session: asks as their browser would, and can lend it the cookie."""

    url: str
    session: str

    async def lend(self, context: BrowserContext) -> None:
        await context.add_cookies(
            [{"name": "starling_session", "value": self.session, "domain": "127.0.0.1", "path": f"{BASE}/"}]
        )

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Cookie": f"starling_session={self.session}", "Sec-Fetch-Site": "same-origin"}
        async with (
            aiohttp.ClientSession() as client,
            client.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            assert answer.ok, (answer.status, await answer.text())
            return await answer.json() if answer.status != 204 else None


async def enter(url: str, path: str, body: dict[str, str]) -> Person:
    """What makes a session: signing in, or making the owner's account."""
    async with aiohttp.ClientSession() as client, client.post(url + path, json=body) as answer:
        assert answer.ok, (answer.status, await answer.text())
        return Person(url, answer.cookies["starling_session"].value)


async def signed_in(url: str, who: dict[str, str]) -> Person:
    return await enter(url, "/api/v1/session", {key: who[key] for key in ("name", "password")})


@pytest.fixture(scope="module")
def starling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running Starling below ``BASE``; nobody has an account until a test makes the first."""
    songs = tmp_path_factory.mktemp("music")
    music.make_library(songs, music.many_songs(3, seconds=3.0))
    instance = Instance(tmp_path_factory.mktemp("starling") / "data", songs, {"STARLING_BASE_PATH": BASE})
    with running(instance):
        yield instance


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playlist(starling: Instance) -> str:
    """The address of a playlist of a library that was listened to."""
    server = await starling.post(
        "/api/v1/servers", {"type": "folder", "name": "Songs", "path": str(starling.music_dir)}
    )
    await starling.ended(await starling.analyse(server_id=server["id"]))
    tracks = (await starling.get("/api/v1/tracks?status=analysed"))["items"]
    body = {"name": "Kitchen", "track_ids": [track["id"] for track in tracks]}
    return f"/playlists/{(await starling.post('/api/v1/playlists', body))['id']}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(starling: Instance, playlist: str) -> Person:
    """The owner, made by now if no test has, with a member and a reader."""
    state = (await starling.get("/api/v1/session"))["state"]
    if state == "open":
        person = await enter(starling.url, "/api/v1/set-up", OWNER)
    else:
        person = await signed_in(starling.url, OWNER)
    for body in (MEMBER, READER):
        await person.ask("POST", "/api/v1/accounts", body)
    return person


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", level=1, name=name)


async def pictures(page: Page, name: str) -> None:
    """On a phone and on a desk."""
    for width in (NARROW, WIDE):
        await page.set_viewport_size({"width": width, "height": 900})
        await picture(page, name)


async def fill_in(page: Page, who: dict[str, str]) -> None:
    """Name and password, and Enter."""
    await page.get_by_label("Name", exact=True).fill(who["name"])
    await page.get_by_label("Password", exact=True).fill(who["password"])
    await page.keyboard.press("Enter")


async def test_below_a_path_everything_works_and_nothing_is_asked_for_outside_of_it(
    starling: Instance, browser: Browser, playlist: str
) -> None:
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    async with visit(browser, f"{starling.url}/") as page:
        page.on("request", note)
        await page.reload()
        title = page.locator("[data-song] .song-title").first
        name = await title.inner_text()
        await title.click()
        await expect(heading(page, name)).to_be_visible()
        await expect(page).to_have_url(re.compile(rf"{BASE}/tracks/[^/]+$"))
        await page.reload()
        await page.get_by_role("button", name="Play", exact=True).first.click()
        await page.wait_for_function(f"() => {_AT} > 0")
        await page.go_back()
        await expect(heading(page, "Library")).to_be_visible()
        await page.get_by_role("link", name="Playlists", exact=True).click()
        await page.get_by_role("link", name="Kitchen").click()
        async with page.expect_download() as download:
            await page.get_by_role("button", name="More for this playlist").click()
            await page.get_by_role("menuitem", name="Download as M3U8").click()
        assert (await download.value).suggested_filename.endswith(".m3u8")
        await page.get_by_role("link", name="Settings", exact=True).click()
        await expect(page.get_by_role("region", name="At work").locator(".worker")).to_have_count(4)
        await expect(page.get_by_role("link", name="The API, to read and try")).to_have_attribute(
            "href", f"{BASE}/docs"
        )
    inside = starling.url + "/"
    assert len(asked) > 20
    assert any(address.startswith(f"{inside}api/v1/live") for address in asked)
    assert [address for address in asked if not address.startswith((inside, "data:", "blob:"))] == []


async def test_without_an_account_settings_say_that_this_machine_may_do_everything(
    starling: Instance, browser: Browser, playlist: str
) -> None:
    async with visit(browser, f"{starling.url}/settings", width=NARROW) as page:
        part = page.get_by_role("region", name="Accounts")
        await expect(part).to_contain_text("Whoever uses this machine may do everything here.")
        await expect(part.get_by_role("button", name="Sign out")).to_have_count(0)
        await part.get_by_role("button", name="Make the owner's account").click()
        await part.get_by_label("Your name").fill(OWNER["name"])
        await part.get_by_label("Password", exact=True).fill(OWNER["name"])
        await expect(part).to_contain_text("6 more characters needed.")
        await picture(page, "settings-open")


async def test_from_elsewhere_the_owner_is_made_with_the_code_that_was_printed(
    starling: Instance, browser: Browser, playlist: str
) -> None:
    address = starling.url.replace("127.0.0.1", ELSEWHERE) + "/runs"

    def codes() -> list[str]:
        return re.findall(r"its page: (\S+)", starling.log.read_text())

    async def printed() -> bool:
        return len(codes()) == 1

    async with visit(browser, address, may_complain=True) as page:
        await expect(page.get_by_label("Your name")).to_be_focused()
        await pictures(page, "set-up")
        await until(printed, "the code is printed")
        await page.keyboard.type(OWNER["name"])
        await page.keyboard.press("Tab")
        await page.keyboard.type("short")
        await page.get_by_label("Code", exact=True).fill("AAAA-AAAA-AAAA-AAAA")
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Password", exact=True)).to_be_focused()
        await expect(page.locator(".field-problem")).to_have_text("5 more characters needed.")

        await page.get_by_label("Password", exact=True).fill(OWNER["password"])
        await page.keyboard.press("Enter")
        await expect(page.locator(".field-bad")).to_contain_text("This is not the code.")
        await page.get_by_label("Code", exact=True).fill(codes()[0].lower())
        await page.keyboard.press("Enter")
        await expect(heading(page, "Runs")).to_be_visible()
        await page.goto(address.replace("/runs", "/settings"))
        await expect(page.get_by_role("region", name="Accounts")).to_contain_text("Owner, may do everything")


async def test_one_signs_in_with_the_keyboard_and_a_wrong_password_is_told(
    starling: Instance, browser: Browser, owner: Person
) -> None:
    async with visit(browser, f"{starling.url}/settings", may_complain=True) as page:
        name, password = page.get_by_label("Name", exact=True), page.get_by_label("Password", exact=True)
        assert await name.get_attribute("autocomplete") == "username"
        assert await password.get_attribute("autocomplete") == "current-password"
        await expect(name).to_be_focused()
        await pictures(page, "sign-in")
        await page.keyboard.type(OWNER["name"])
        await page.keyboard.press("Tab")
        await page.keyboard.type("wrong wrong wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Name or password is wrong.")).to_be_visible()
        await password.fill(OWNER["password"])
        await page.keyboard.press("Tab")
        await page.keyboard.press("Space")
        await expect(password).to_have_attribute("type", "text")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(heading(page, "Settings")).to_be_visible()

        await page.get_by_role("button", name="Sign out").click()
        await expect(heading(page, "Sign in")).to_be_visible()


async def test_what_keeps_somebody_out_is_told_and_the_seconds_to_wait_are_counted_down(
    starling: Instance, browser: Browser, owner: Person
) -> None:
    wrong = {"name": "nobody", "password": "wrong wrong wrong"}
    tries = await asyncio.gather(*(starling.call("POST", "/api/v1/session", wrong) for _ in range(5)))
    assert [status for status, _ in tries] == [401] * 5

    # What went wrong elsewhere, at single sign-on, is told too, and the address forgets it.
    async with visit(browser, f"{starling.url}/runs?sign-in=not_invited", may_complain=True) as page:
        await expect(page.get_by_role("alert")).to_contain_text("not invited here")
        await expect(page).to_have_url(f"{starling.url}/runs")
        await fill_in(page, wrong)
        wait = page.get_by_role("button", name=re.compile(r"^Again in \d+ s$"))
        await expect(wait).to_be_disabled()
        first = await wait.inner_text()
        await expect(page.get_by_text("Too many tries to sign in.", exact=True)).to_be_visible()
        await expect(wait).not_to_have_text(first)


async def test_who_is_signed_out_meanwhile_comes_back_to_where_they_were(
    starling: Instance, browser: Browser, owner: Person
) -> None:
    reader = await signed_in(starling.url, READER)
    account = (await reader.ask("GET", "/api/v1/session"))["account_id"]
    async with visit(browser, f"{starling.url}/", prepare=reader.lend, may_complain=True) as page:
        await expect(page.locator("[data-song]").first).to_be_visible()
        await owner.ask("PATCH", f"/api/v1/accounts/{account}", {"password": READER["password"]})
        with suppress(OutOfTime):  # the page asks for the state now and then, and may have noticed by itself
            await page.get_by_role("link", name="Runs", exact=True).click(timeout=3000)
        await expect(page.get_by_text("Sign in to go on where you were.")).to_be_visible()
        where = page.url
        await fill_in(page, READER)
        await expect(heading(page, "Runs" if where.endswith("/runs") else "Library")).to_be_visible()
        await expect(page).to_have_url(where)


async def test_a_reader_sees_nothing_that_would_be_refused(
    starling: Instance, browser: Browser, owner: Person, playlist: str
) -> None:
    async def buttons(page: Page) -> set[str]:
        names = set(await page.locator("main").get_by_role("button").evaluate_all(_NAMES))
        return {name for name in names if not name.startswith(("Play", "What to do with"))}

    async def menu(page: Page, button: str) -> set[str]:
        opened = page.get_by_role("menu")
        await page.get_by_role("button", name=button).first.click()
        await expect(opened).to_be_visible()
        items = set(await opened.get_by_role("menuitem").all_inner_texts())
        await page.keyboard.press("Escape")
        await expect(opened).to_be_hidden()
        return items

    async def walk(who: dict[str, str]) -> tuple[list[set[str]], set[str]]:
        """The buttons of a song, the playlists, a playlist, the runs, and the settings; what the menus of the playlist
        offer."""
        person = await signed_in(starling.url, who)
        seen, offered = [], set()
        async with visit(browser, starling.url, prepare=person.lend) as page:
            await page.locator("[data-song] .song-title").first.click()
            await expect(page.locator(".closeness").first).to_be_visible()
            seen.append(await buttons(page))
            for link, ready in (("Playlists", ".playlist-row"), ("Kitchen", "[data-song]"), ("Runs", ".run-row")):
                await page.get_by_role("link", name=link, exact=True).click()
                await expect(page.locator(ready).first).to_be_visible()
                seen.append(await buttons(page))
                if link == "Kitchen":
                    offered = await menu(page, "More for this playlist") | await menu(page, "What to do with")
            await page.get_by_role("link", name="Settings", exact=True).click()
            await expect(page.get_by_role("button", name="Let a program in")).to_be_visible()
            return [*seen, await buttons(page)], offered

    own = {"Change my password", "Sign out", "Let a program in"}
    (member, changes), (reader, looks) = await walk(MEMBER), await walk(READER)
    assert member == [
        {"Make a playlist of songs like this"},
        {"Make playlists", "More for playlists"},
        {"Rename", "Write to servers", "More for this playlist"},
        {"New analysis"},
        own | {"Analyse", "Add a schedule"},
    ]
    assert reader == [set(), set(), {"More for this playlist"}, set(), own]
    assert looks == {"Download as M3U8", "Download as JSPF", "Songs like it"}
    assert changes > looks


async def test_an_owner_lets_others_in_changes_their_roles_and_removes_them(
    starling: Instance, browser: Browser, owner: Person
) -> None:
    async with visit(browser, f"{starling.url}/settings", prepare=owner.lend, may_complain=True) as page:
        part = page.get_by_role("region", name="Accounts")
        rows = part.get_by_role("list", name="Accounts").get_by_role("listitem")
        await part.get_by_role("button", name="Add an account").click()
        await part.get_by_label("Name", exact=True).fill("Dora")
        await part.get_by_label("First password", exact=True).fill("a door for dora")
        await part.get_by_label("Reader").check()
        await page.keyboard.press("Enter")
        dora = rows.filter(has_text="Dora")
        await expect(dora).to_contain_text("may look and listen")
        await part.get_by_label("Role of Dora").select_option("member")
        await expect(page.locator(".toast").last).to_contain_text("Dora is a member now")
        await page.reload()
        await expect(dora).to_contain_text("may do all but manage libraries and accounts")

        await part.get_by_role("button", name="More for Dora").click()
        await page.get_by_role("menuitem", name="Remove it").click()
        await expect(page.get_by_role("dialog")).to_contain_text("Dora is signed out everywhere")
        await page.get_by_role("button", name="Remove it").click()
        await expect(dora).to_have_count(0)

        await part.get_by_label("Role of Anna").select_option("reader")
        await page.get_by_role("button", name="Change it").click()
        await expect(page.locator(".toast-bad")).to_contain_text("only owner")
        await expect(part.get_by_label("Role of Anna")).to_have_value("owner")


async def test_a_token_is_shown_once_can_be_copied_and_revoked(
    starling: Instance, browser: Browser, owner: Person
) -> None:
    async with visit(browser, f"{starling.url}/settings", prepare=owner.lend) as page:
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        part = page.get_by_role("region", name="Accounts")
        await part.get_by_role("button", name="Let a program in").click()
        await expect(part.get_by_label("Which program")).to_be_focused()
        await page.keyboard.type("Radio")
        await part.get_by_label("Make playlists too").check()
        await part.get_by_text("In 30 days").click()
        await part.get_by_role("button", name="Make a token").click()

        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("it will not be shown again")
        token = await dialog.get_by_label("Token", exact=True).input_value()
        await dialog.get_by_role("button", name="Copy").click()
        await expect(dialog.get_by_role("status")).to_have_text("It is copied.")
        assert await page.evaluate("navigator.clipboard.readText()") == token
        await picture(page, "token")
        await dialog.get_by_role("button", name="Done").click()

        program = part.get_by_role("list", name="Programs").get_by_role("listitem")
        await expect(program).to_contain_text("may make playlists too · as Anna · not used yet, ends ")
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as radio:
            async with radio.get(f"{starling.url}/api/v1/tracks") as answer:
                assert answer.status == 200
            await page.reload()
            await expect(program).to_contain_text("used just now")
            assert token not in await page.content()
            await page.evaluate("document.getElementById('accounts-title').scrollIntoView()")
            await pictures(page, "settings-accounts")
            await part.get_by_role("button", name="Revoke the token of Radio").click()
            await page.get_by_role("button", name="Revoke it").click()
            await expect(page.get_by_text("Radio is shut out.")).to_be_visible()
            await expect(program).to_have_count(0)
            async with radio.get(f"{starling.url}/api/v1/tracks") as answer:
                assert answer.status == 401


async def test_one_comes_in_by_way_of_an_openid_provider(tmp_path: Path, browser: Browser) -> None:
    port = choose()
    async with openid_provider() as issuer, aiohttp.ClientSession() as there:
        await there.put(f"{issuer}/users/17", json={"preferred_username": "anna"})
        environment = {
            "STARLING_PORT": str(port),
            "STARLING_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "STARLING_TOKEN": "a long random word",
            "STARLING_OWNERS": "anna",
            "STARLING_OIDC_ISSUER": issuer,
            "STARLING_OIDC_CLIENT_ID": "starling",
            "STARLING_OIDC_CLIENT_SECRET": "between us",
        }
        guarded = Instance(tmp_path / "data", tmp_path, environment)
        try:
            await asyncio.to_thread(guarded.start)
            async with visit(browser, f"{guarded.url}/settings", may_complain=True) as page:
                await page.get_by_role("link", name=re.compile("single sign-on")).click()
                await page.locator("input[name=sub]").fill("17")
                await page.locator("input[name=sub]").press("Enter")
                await expect(page).to_have_url(f"{guarded.url}/settings")
                part = page.get_by_role("region", name="Accounts")
                await expect(part).to_contain_text("anna")
                await expect(part).to_contain_text("Owner")
        finally:
            guarded.kill()
