"""The page of a Starling that lives below a path, as behind a reverse proxy."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, Request, expect

from tests import music
from tests.e2e.browser import chromium, visit
from tests.instance import Instance

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]

BASE = "/music"
_AT = "document.querySelector('audio').currentTime"


@pytest.fixture(scope="module")
def starling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """A running Starling below ``BASE``."""
    songs = tmp_path_factory.mktemp("music")
    music.make_library(songs, music.many_songs(3, seconds=3.0))
    instance = Instance(tmp_path_factory.mktemp("starling") / "data", songs, {"STARLING_BASE_PATH": BASE})
    try:
        instance.start()
        yield instance
        assert instance.stop() == 0, instance.tail()
    finally:
        instance.kill()


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


def heading(page: Page, name: str) -> Locator:
    return page.get_by_role("heading", level=1, name=name)


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
