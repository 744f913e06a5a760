"""Playlists on the page: found, chosen, kept, changed, taken back, and what would be written shown before it is.

Screenshots of the new pages are left in ``tests/screenshots``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests import music
from tests.e2e.browser import NARROW, WIDE, chromium, picture, visit
from tests.instance import Instance
from tests.waiting import until

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

BOTH_WIDTHS = (NARROW, WIDE)
MORE_SONGS = 9
SEARCH = {"seed": 7, "tracks_min": 2, "tracks_max": 12, "clusters_min": 3, "clusters_max": 8, "evaluations": 40}
PATIENT = {"evaluations": 20_000, "patience": 100, "seed": 1}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def library(starling: Instance) -> dict[str, Any]:
    """A library that was listened to."""
    servers = (await starling.get("/api/v1/servers"))["items"]
    if not servers:
        music.make_library(starling.music_dir / "More", music.many_songs(MORE_SONGS, seconds=3.0))
        body = {"type": "folder", "name": "Songs", "path": str(starling.music_dir)}
        servers = [await starling.post("/api/v1/servers", body)]
        await starling.ended(await starling.analyse(server_id=servers[0]["id"]))
    found: dict[str, Any] = servers[0]
    return found


@pytest_asyncio.fixture(loop_scope="module")
async def search(starling: Instance, library: dict[str, Any]) -> str:
    """A search that has found playlists; its id."""
    for known in (await starling.get("/api/v1/clusterings"))["items"]:
        if known["state"] == "completed" and known["seed"] == SEARCH["seed"]:
            return str(known["id"])
    accepted = await starling.post("/api/v1/clusterings", SEARCH)
    address = f"/api/v1/clusterings/{accepted['clustering_id']}"
    await starling.get(f"{address}?after={accepted['position']}")

    async def completed() -> bool:
        clustering = await starling.get(address)
        assert clustering["state"] not in ("failed", "cancelled"), clustering
        return bool(clustering["state"] == "completed")

    await until(completed, "playlists are found", seconds=90)
    return str(accepted["clustering_id"])


@pytest_asyncio.fixture(loop_scope="module")
async def playlist(starling: Instance, library: dict[str, Any]) -> dict[str, Any]:
    """A playlist of six songs."""
    tracks = (await starling.get("/api/v1/tracks?status=analysed&limit=6"))["items"]
    body = {"name": "Kitchen", "track_ids": [track["id"] for track in tracks]}
    made: dict[str, Any] = await starling.post("/api/v1/playlists", body)
    return made


def titles(page: Page) -> Locator:
    """The songs of the playlist, in their order."""
    return page.locator(".playlist-page .song-title")


async def from_menu(page: Page, button: str, item: str) -> None:
    """Open the menu behind a button and take what is called ``item``."""
    await page.get_by_role("button", name=button).click()
    await page.get_by_role("menuitem", name=item).click()


async def test_playlists_are_found_chosen_kept_renamed_taken_back_previewed_and_written(
    starling: Instance, browser: Browser, library: dict[str, Any]
) -> None:
    async with visit(browser, f"{starling.url}/playlists") as page:
        await page.get_by_role("button", name="Make playlists from my library").click()
        await page.get_by_label("Short").check()
        await page.get_by_text("More choices").click()
        await page.get_by_label("How long to search").select_option("quick")
        await page.get_by_label("Seed").fill("7")
        await page.get_by_role("button", name="Start").click()
        found = page.get_by_role("heading", level=1, name=re.compile(r"^\d+ playlists? found$"))
        await expect(found).to_be_visible(timeout=60_000)

        cards = page.locator(".proposal")
        await expect(cards.first).to_be_visible()
        count = await cards.count()
        await cards.first.get_by_role("button", name=re.compile("Show .* song")).click()
        await expect(cards.first.locator("[data-song]").first).to_be_visible()
        name = await cards.first.get_by_role("heading", level=3).inner_text()
        for other in range(1, count):
            await cards.nth(other).get_by_role("checkbox").uncheck()
        await expect(page.get_by_role("group", name="Keep playlists")).to_contain_text(f"1 of {count} playlist")
        await page.get_by_role("button", name="Keep these").click()

        await expect(page.locator(".toast")).to_contain_text("1 new playlist")
        await expect(page.locator(".playlist-row")).to_have_count(1)
        await page.get_by_role("link", name=name).click()
        await page.get_by_role("button", name="Rename").click()
        await page.keyboard.type("Sunday breakfast")
        await page.keyboard.press("Enter")
        heading = page.get_by_role("heading", level=1)
        await expect(heading).to_have_text("Sunday breakfast")
        await page.get_by_role("button", name="Undo").click()
        await expect(heading).to_have_text(name)
        await page.reload()
        await expect(heading).to_have_text(name)

        await page.get_by_role("button", name="Write to servers").click()
        preview = page.get_by_role("group", name="What would be written")
        await expect(preview).to_contain_text(library["name"])
        await expect(preview.locator(".badge")).to_have_text("New")
        await page.get_by_role("button", name="Not now").click()
        assert [one["links"] for one in (await starling.get("/api/v1/playlists"))["items"]] == [[]]

        await page.get_by_role("button", name="Write to servers").click()
        await page.get_by_role("button", name="Write it").click()
        await expect(page.locator(".link-good")).to_contain_text(library["name"], timeout=20_000)
        await page.get_by_role("link", name="Runs", exact=True).click()
        await expect(page.locator(".sync-row")).to_contain_text("1 of 1 written")


async def test_a_search_is_seen_live_and_can_be_stopped(
    starling: Instance, browser: Browser, library: dict[str, Any]
) -> None:
    accepted = await starling.post("/api/v1/clusterings", PATIENT)
    address = f"{starling.url}/clusterings/{accepted['clustering_id']}"
    for width in BOTH_WIDTHS:
        async with visit(browser, address, width=width) as page:
            await expect(page.locator(".methods").first).to_be_visible(timeout=60_000)
            await picture(page, "searching")
    async with visit(browser, f"{starling.url}/playlists") as page:
        progress = page.get_by_role("progressbar", name="Looking for songs")
        tried = await progress.get_attribute("aria-valuenow")
        await expect(progress).not_to_have_attribute("aria-valuenow", str(tried), timeout=30_000)
        await expect(page.locator(".run-card")).to_contain_text("of 100")
        await page.get_by_role("link", name="Looking for songs").click()
        await page.get_by_role("button", name="Stop").click()
        await page.get_by_role("button", name="Stop it").click()
        await expect(page.get_by_role("heading", name="Stopped")).to_be_visible(timeout=10_000)


async def test_every_change_of_a_playlist_shows_at_once_and_can_be_taken_back(
    starling: Instance, browser: Browser, playlist: dict[str, Any]
) -> None:
    before = [track["title"] for track in playlist["tracks"]]
    async with visit(browser, f"{starling.url}/playlists/{playlist['id']}") as page:
        await expect(titles(page)).to_have_text(before)
        await titles(page).first.focus()
        await page.keyboard.press("Alt+ArrowDown")
        await expect(titles(page)).to_have_text([before[1], before[0], *before[2:]])
        await expect(page.locator("[data-row]:focus")).to_have_text(before[0])
        await from_menu(page, f"What to do with {before[2]}", "Pin: keep it")
        await expect(page.locator(".song-mark")).to_have_count(1)
        await from_menu(page, f"What to do with {before[3]}", "Never put it in again")
        await expect(titles(page)).to_have_count(5)
        await expect(page.locator(".excluded")).to_contain_text(before[3])
        await page.get_by_role("button", name="Undo").click()
        await expect(titles(page)).to_have_count(6)

        handle = await page.locator(".grip").first.bounding_box()
        assert handle is not None
        await page.mouse.move(handle["x"] + 9, handle["y"] + 20)
        await page.mouse.down()
        await page.mouse.move(handle["x"] + 9, handle["y"] + 20 + 2 * 64, steps=4)
        await page.mouse.up()
        await expect(titles(page)).to_have_text([before[0], before[2], before[1], *before[3:]])

        await page.get_by_text("What changed, and the way back").click()
        await page.get_by_role("button", name="Restore version 1").click()
        await expect(titles(page)).to_have_text(before)
        await page.reload()
        await expect(titles(page)).to_have_text(before)
        await from_menu(page, "More for this playlist", "Delete it")
        await page.get_by_role("button", name="Delete it").click()
        await expect(page.get_by_role("heading", level=1, name="Playlists")).to_be_visible()
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_role("heading", level=1, name="Kitchen")).to_be_visible()


async def test_a_song_makes_a_playlist_and_a_file_is_imported_with_what_was_not_found(
    starling: Instance, browser: Browser, playlist: dict[str, Any], tmp_path: Path
) -> None:
    song = playlist["tracks"][0]
    file = tmp_path / "Old times.m3u8"
    file.write_text(f"#EXTM3U\n#EXTINF:3,{song['artist']} - {song['title']}\n{song['item_id']}\nno/such/song.flac\n")
    async with visit(browser, f"{starling.url}/tracks/{song['id']}") as page:
        await page.get_by_role("button", name="Make a playlist of songs like this").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"Like {song['title']}")
        await expect(titles(page).first).to_be_visible()

        await page.get_by_role("link", name="Playlists", exact=True).click()
        await from_menu(page, "More for playlists", "Import a playlist file")
        await page.locator("#playlist-file").set_input_files(file)
        await page.get_by_role("button", name="Import", exact=True).click()
        await expect(page.get_by_role("dialog")).to_contain_text("1 song found in your library, 1 entry not.")
        await expect(page.get_by_role("list", name="Not found")).to_contain_text("song.flac")
        await page.get_by_role("button", name="Open it").click()
        await expect(page.get_by_role("heading", level=1, name="Old times")).to_be_visible()
        async with page.expect_download() as download:
            await from_menu(page, "More for this playlist", "Download as M3U8")
        assert (await download.value).suggested_filename == "Old times.m3u8"


async def test_a_schedule_says_when_it_is_next(starling: Instance, browser: Browser, library: dict[str, Any]) -> None:
    async with visit(browser, f"{starling.url}/settings") as page:
        await page.get_by_role("button", name="Add a schedule").click()
        await page.get_by_label("How often").select_option("week")
        await page.get_by_label("On", exact=True).select_option("fri")
        await page.get_by_label("Call it").fill("Weekend")
        await page.get_by_role("button", name="Add it").click()
        schedule = page.locator(".schedule").filter(has_text="Weekend")
        await expect(schedule).to_contain_text("every Friday at 03:00")
        await expect(schedule).to_contain_text("Next")
        await schedule.get_by_role("switch").uncheck(force=True)
        await expect(schedule).to_contain_text("Switched off")
        await page.reload()
        await expect(schedule).to_contain_text("Switched off")


async def test_a_library_gets_another_name(starling: Instance, browser: Browser, library: dict[str, Any]) -> None:
    async with visit(browser, f"{starling.url}/settings") as page:
        await from_menu(page, f"More for {library['name']}", "Change name or login")
        await page.get_by_label("Name", exact=True).fill("Attic")
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".library h3")).to_have_text("Attic")


async def test_times_are_said_in_words_where_there_are_words(
    starling: Instance, browser: Browser, library: dict[str, Any]
) -> None:
    words = {
        "0 3 * * *": "every day at 03:00",
        "30 22 * * FRI": "every Friday at 22:30",
        "0 5 * * 0": "every Sunday at 05:00",
        "0 5 * * 7": "every Sunday at 05:00",
        "0 4 1 * *": "on day 1 of every month at 04:00",
        "0 */6 * * *": "every 6 hours",
        "0 * * * *": "every hour",
        "@daily": "every day at 00:00",
        "15 */2 * * mon-fri": "at “15 */2 * * mon-fri”",
    }
    said = """async (crons) => {
        const { cronWords, readCron, writeCron } = await import("/static/js/app/cron.js");
        return crons.map((cron) => [cronWords(cron), cronWords(writeCron(readCron(cron)))]);
    }"""
    async with visit(browser, f"{starling.url}/settings") as page:
        assert await page.evaluate(said, list(words)) == [[word, word] for word in words.values()]


@pytest.mark.parametrize("width", BOTH_WIDTHS)
async def test_the_new_pages_fit_read_well_and_are_pictured(
    starling: Instance, browser: Browser, search: str, playlist: dict[str, Any], width: int
) -> None:
    async with visit(browser, f"{starling.url}/playlists", width=width) as page:
        await expect(page.locator(".playlist-row").first).to_be_visible()
        await picture(page, "playlists")
        await page.get_by_role("button", name="Make playlists").click()
        await picture(page, "make-playlists")
        await page.goto(f"{starling.url}/clusterings/{search}")
        await expect(page.locator(".proposal").first).to_be_visible()
        await picture(page, "proposals")
        await page.get_by_role("button", name="Keep and write").click()
        await expect(page.locator(".write-server").first).to_be_visible()
        await picture(page, "preview")
        await page.goto(f"{starling.url}/playlists/{playlist['id']}")
        await expect(titles(page).first).to_be_visible()
        await picture(page, "playlist")
        await page.get_by_role("button", name="What to do with").first.click()
        await picture(page, "playlist-menu")
        await page.goto(f"{starling.url}/runs")
        await expect(page.locator(".run-row").first).to_be_visible()
        await picture(page, "runs-of-all-kinds")
        await page.goto(f"{starling.url}/settings")
        await page.get_by_role("button", name="Add a schedule").click()
        await page.get_by_role("button", name="Add a library").click()
        await page.get_by_text("Jellyfin", exact=True).click()
        await expect(page.get_by_label("Address")).to_be_visible()
        await picture(page, "add-library")
