"""The page as a listener uses it, on a whole Starling, in Chromium.

Screenshots of the main pages are left in ``tests/screenshots``.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests import music
from tests.e2e.browser import NARROW, WIDE, chromium, picture, visit
from tests.instance import Instance

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

BOTH_WIDTHS = (NARROW, WIDE)
EVENING = 30
_AT = "document.querySelector('audio').currentTime"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def songs(starling: Instance) -> list[dict[str, Any]]:
    """The analysed songs of a library that is there and at rest."""
    servers = (await starling.get("/api/v1/servers"))["items"]
    if not servers:
        body = {"type": "folder", "name": "Songs", "path": str(starling.music_dir)}
        servers = [await starling.post("/api/v1/servers", body)]
        await starling.analyse(server_id=servers[0]["id"])
    for run in (await starling.get("/api/v1/runs"))["items"]:
        await starling.ended(run["id"])
    listed = await starling.get("/api/v1/tracks?status=analysed&limit=200")
    found: list[dict[str, Any]] = listed["items"]
    return found


def row(page: Page, title: str) -> Any:
    """The row of a song in a list."""
    return page.locator("[data-song]").filter(has=page.get_by_role("link", name=title, exact=True))


async def plays_on(page: Page) -> None:
    """The song in the player sounds: its time goes on."""
    now = await page.evaluate(_AT)
    await page.wait_for_function(f"(now) => {_AT} !== now && !document.querySelector('audio').paused", arg=now)


async def test_the_first_visit_tests_a_folder_adds_it_and_shows_its_songs(starling: Instance, browser: Browser) -> None:
    for width in BOTH_WIDTHS:
        async with visit(browser, starling.url, width=width) as page:
            await expect(page.get_by_role("heading", name="Where is your music?")).to_be_visible()
            await picture(page, "first-visit")

    async with visit(browser, starling.url) as page:
        await page.get_by_label("Path of the folder").fill("/no/such/folder")
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator(".result.is-bad")).to_contain_text("/no/such/folder")

        await page.get_by_label("Path of the folder").fill(str(starling.music_dir))
        await page.get_by_role("button", name="Test the connection").click()
        await expect(page.locator(".result.is-good")).to_be_visible()
        await page.get_by_label("Call it").fill("Songs")
        await page.get_by_role("button", name="Add it and start listening").click()

        await expect(page.get_by_role("heading", name="Library", exact=True)).to_be_visible()
        await expect(row(page, "Alpha")).to_be_visible(timeout=30_000)
        # Without a reload, the sound of each song comes in as it is analysed.
        await expect(page.locator(".ended-card")).to_contain_text("analysed", timeout=90_000)
        await expect(row(page, "Alpha").locator(".song-tempo")).not_to_be_empty()


async def test_a_run_is_seen_live_and_can_be_paused_and_stopped(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]], tmp_path: Path
) -> None:
    music.make_library(tmp_path, music.many_songs(EVENING, suffix="flac", seconds=20.0))

    async with visit(browser, f"{starling.url}/settings") as page:
        await page.get_by_role("button", name="Add a library").click()
        await page.get_by_label("Path of the folder").fill(str(tmp_path))
        await page.get_by_role("button", name="Test the connection").click()
        await page.get_by_label("Call it").fill("Evening")
        await page.get_by_role("button", name="Add it and start listening").click()
        await expect(page.get_by_role("link", name="See the run")).to_be_visible()
        await page.get_by_role("link", name="Library", exact=True).click()

        progress = page.get_by_role("progressbar", name="Listening to Evening")
        await expect(progress).to_have_attribute(
            "aria-valuetext", re.compile(rf"^[1-9]\d* of {EVENING}$"), timeout=60_000
        )
        done = await progress.get_attribute("aria-valuenow")
        await expect(progress).not_to_have_attribute("aria-valuenow", str(done), timeout=60_000)
        await expect(page.locator(".run-card")).to_contain_text("a minute")
        await _picture_the_run(starling, browser)

        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_role("button", name="Pause")).to_be_visible()
        await page.get_by_role("button", name="Stop").click()
        await expect(page.get_by_role("dialog")).to_contain_text("kept")
        await page.get_by_role("button", name="Stop it").click()
        await expect(page.locator(".ended-card")).to_contain_text("Stopped.", timeout=60_000)


async def _picture_the_run(starling: Instance, browser: Browser) -> None:
    for width in BOTH_WIDTHS:
        async with visit(browser, starling.url, width=width) as page:
            await expect(page.get_by_role("progressbar", name="Listening to Evening")).to_be_visible()
            await expect(page.locator("[data-song]").first).to_be_visible()
            await picture(page, "running")


async def test_searching_narrows_the_list_and_the_address_keeps_it(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]]
) -> None:
    async with visit(browser, starling.url) as page:
        await expect(page.locator("[data-song]").first).to_be_visible()
        await page.keyboard.press("/")
        await page.keyboard.type("tësts jóga")
        await expect(page.locator("[data-song]")).to_have_count(1)
        await expect(page).to_have_url(re.compile(r"\?q="))

        await page.reload()
        await expect(row(page, "Jóga")).to_be_visible()
        await expect(page.locator("[data-song]")).to_have_count(1)

        await page.get_by_role("button", name="Clear the search").click()
        await expect(page.locator("[data-song]").nth(1)).to_be_visible()
        await page.get_by_label("Search titles").fill("nothing is called like this")
        await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


async def test_a_song_shows_its_sound_and_its_similar_songs_and_each_plays_in_place(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]]
) -> None:
    song = next(one for one in songs if one["suffix"] == "ogg")
    async with visit(browser, f"{starling.url}/tracks/{song['id']}") as page:
        await expect(page.get_by_role("heading", level=1)).to_have_text(song["title"])
        for fact in ("Tempo", "Key", "Loudness", "Energy"):
            await expect(page.locator(".facts").get_by_text(fact, exact=True)).to_be_visible()
        await expect(page.locator(".bars li").first).to_be_visible()

        similar = page.get_by_label("Similar songs").locator("[data-song]")
        await expect(similar.first).to_be_visible()
        await expect(similar.first.locator(".closeness")).to_contain_text(re.compile(r"\d+"))
        await expect(similar.first.locator(".song-reason")).not_to_be_empty()

        await page.get_by_role("button", name="Play", exact=True).first.click()
        await plays_on(page)

        address = page.url
        title = await similar.first.locator(".song-title").inner_text()
        await similar.first.locator("[data-play]").click()
        await expect(page.locator(".player-words a")).to_have_text(title)
        assert page.url == address


async def test_what_plays_goes_on_from_page_to_page(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]], tmp_path: Path
) -> None:
    (long,) = music.make_library(tmp_path, music.many_songs(1, seconds=30.0))
    server = await starling.post("/api/v1/servers", {"type": "folder", "name": "Long", "path": str(tmp_path)})
    await starling.ended(await starling.analyse(server_id=server["id"]))

    async with visit(browser, f"{starling.url}/?library={server['id']}") as page:
        await row(page, long.title).locator("[data-play]").click()
        await plays_on(page)
        await page.evaluate("window.sameDocument = true")
        for name in ("Runs", "Settings", "Library"):
            await page.get_by_role("link", name=name, exact=True).click()
            await expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()
            await plays_on(page)
        assert await page.evaluate("window.sameDocument") is True

        await page.get_by_role("slider", name="Position").fill("12")
        await page.wait_for_function(f"{_AT} >= 12")
        await page.get_by_role("button", name="Pause", exact=True).click()
        await page.wait_for_function("document.querySelector('audio').paused")


async def test_addresses_survive_a_reload_and_back_returns_to_the_same_place(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]]
) -> None:
    run_id = (await starling.get("/api/v1/runs"))["items"][0]["id"]
    async with visit(browser, f"{starling.url}/runs/{run_id}") as page:
        await expect(page.locator(".sum")).to_be_visible()
        await page.reload()
        await expect(page.locator(".sum")).to_be_visible()

    async with visit(browser, starling.url, width=NARROW) as page:
        await expect(page.locator("[data-song]").first).to_be_visible()
        await page.evaluate("scrollTo(0, 500)")
        where = await page.evaluate("scrollY")
        assert where > 200
        link = page.locator("[data-row]").nth(10)
        title = await link.inner_text()
        await link.click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await page.reload()
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await page.go_back()
        await expect(page.get_by_role("heading", name="Library")).to_be_visible()
        await page.wait_for_function("(where) => Math.abs(scrollY - where) < 3", arg=where)


async def test_the_keyboard_is_enough(starling: Instance, browser: Browser, songs: list[dict[str, Any]]) -> None:
    async with visit(browser, f"{starling.url}/?status=analysed") as page:
        await expect(page.locator("[data-song]").first).to_be_visible()
        for key in ("j", "j", "j", "k"):
            await page.keyboard.press(key)
        focused = page.locator("[data-row]:focus")
        await expect(focused).to_have_text(await page.locator("[data-row]").nth(1).inner_text())
        title = await focused.inner_text()

        await page.keyboard.press("Space")
        await expect(page.locator(".player-words a")).to_have_text(title)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", level=1)).to_have_text(title)
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("width", BOTH_WIDTHS)
async def test_every_page_fits_reads_well_and_is_pictured(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]], width: int
) -> None:
    run_id = (await starling.get("/api/v1/runs"))["items"][-1]["id"]
    pages = {
        "library": "/",
        "track": f"/tracks/{songs[0]['id']}",
        "runs": "/runs",
        "run": f"/runs/{run_id}",
        "settings": "/settings",
    }
    ready = {"library": "[data-song]", "track": ".closeness", "runs": ".run-row", "run": ".sum", "settings": ".library"}
    async with visit(browser, starling.url, width=width) as page:
        for name, path in pages.items():
            await page.goto(starling.url + path)
            await expect(page.locator(ready[name]).first).to_be_visible()
            await picture(page, name)
        box = await page.get_by_role("navigation", name="Pages").bounding_box()
        assert box is not None
        assert (box["y"] > 700 and box["width"] == NARROW) if width == NARROW else box["x"] == box["y"] == 0


async def test_settings_show_who_is_at_work(starling: Instance, browser: Browser) -> None:
    async with visit(browser, f"{starling.url}/settings") as page:
        workers = page.get_by_role("region", name="At work").locator(".worker")
        await expect(workers).to_have_count(4)
        await expect(workers.filter(has_text="Listens to songs")).to_contain_text(re.compile("cores? · cpu · started"))


async def test_dark_colours_follow_the_system_until_one_chooses(starling: Instance, browser: Browser) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    async with visit(browser, f"{starling.url}/settings", theme="dark") as page:
        await expect(page.locator("html[data-theme=dark]")).to_be_attached()
        dark = await page.evaluate(ground)
        await page.get_by_text("Light", exact=True).click()
        await expect(page.locator("html[data-theme=light]")).to_be_attached()
        assert await page.evaluate(ground) != dark
        await page.reload()
        await expect(page.locator("html[data-theme=light]")).to_be_attached()


async def test_the_page_says_so_when_live_values_stop(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]]
) -> None:
    async with visit(browser, f"{starling.url}/runs", may_complain=True) as page:
        await expect(page.locator(".run-row").first).to_be_visible()
        await page.route("**/api/v1/live", lambda route: route.abort())
        await page.reload()
        await expect(page.get_by_text("Reconnecting.")).to_be_visible()
        await page.unroute("**/api/v1/live")
        await expect(page.get_by_text("Reconnecting.")).to_be_hidden(timeout=20_000)


async def test_what_another_program_found_out_stands_in_for_an_analysis(
    starling: Instance, browser: Browser, songs: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "broken.mp3").write_bytes(b"no music " * 1000)
    server = await starling.post("/api/v1/servers", {"type": "folder", "name": "Old", "path": str(tmp_path)})
    await starling.ended(await starling.analyse(server_id=server["id"]))
    [track] = (await starling.get(f"/api/v1/tracks?server_id={server['id']}"))["items"]
    vector = base64.b64encode(bytes([0, 0, 128, 63] * 200)).decode()
    found = {"item_id": track["item_id"], "tempo_bpm": 93.0, "tags": {"msd:jazz": 0.4}, "vector": vector}
    body = {"server_id": server["id"], "source": "audiomuse", "source_version": "item_id", "items": [found]}
    taken = await starling.post("/api/v1/imports/analyses", body)
    await starling.get(f"/api/v1/tracks/{track['id']}?after={taken['position']}")
    for width in BOTH_WIDTHS:
        async with visit(browser, f"{starling.url}/tracks/{track['id']}", width=width) as page:
            await expect(page.get_by_role("heading", name="From AudioMuse-AI")).to_be_visible()
            await expect(page.locator(".facts")).to_contain_text("93 BPM")
            await expect(page.get_by_text("Jazz")).to_be_visible()
            await picture(page, "imported")


async def test_a_locked_starling_asks_for_its_token_and_the_operator_makes_the_owner(
    tmp_path: Path, browser: Browser
) -> None:
    locked = Instance(tmp_path / "data", tmp_path, {"STARLING_TOKEN": "correct horse battery"})
    try:
        await asyncio.to_thread(locked.start)
        async with visit(browser, f"{locked.url}/settings", may_complain=True) as page:
            token = page.get_by_label("Access token", exact=True)
            await token.fill("wrong")
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.get_by_role("alert")).to_contain_text("This is not the token")
            await token.fill("correct horse battery")
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", level=1, name="Settings")).to_be_visible()

            part = page.get_by_role("region", name="Accounts")
            await expect(part).to_contain_text("The operator")
            await part.get_by_label("Your name").fill("Anna")
            await part.get_by_label("Password", exact=True).fill("only for the owner")
            await token.fill("correct horse battery")
            await page.keyboard.press("Enter")
            await expect(part).to_contain_text("Owner, may do everything")
            await expect(part.get_by_role("list", name="Accounts")).to_contain_text("Anna")
    finally:
        locked.kill()
