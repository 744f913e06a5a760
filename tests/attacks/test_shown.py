"""Names that are markup, templates or terminal codes: the page and the command line show them as they are."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import subprocess
import sys

import pytest
from playwright.async_api import Page, expect

from tests.attacks.hostile import MARKUP, TERMINAL
from tests.attacks.house import WORD, House
from tests.e2e.browser import chromium, visit
from tests.environment import clean_environment

SHOWN = " ".join(MARKUP.split())
SCHEDULE = "/api/v1/schedules/01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"


async def addresses(house: House) -> list[str]:
    """Every page that shows something of what came from elsewhere."""
    tracks = (await house.starling.get("/api/v1/tracks?status=analysed"))["items"]
    run = (await house.starling.get("/api/v1/runs"))["items"][-1]
    evil = next(track for track in tracks if track["title"].startswith("<script>"))
    return [
        "/",
        f"/?query={evil['title'][:40]}",
        f"/tracks/{evil['id']}",
        f"/runs/{run['id']}",
        "/playlists",
        f"/playlists/{house.playlist['id']}",
        "/settings",
        "/runs",
    ]


async def test_no_name_runs_as_a_script_on_any_page(house: House) -> None:
    schedule = {"name": MARKUP[:200], "kind": "sync", "cron": "@daily"}
    assert (await house.call("PUT", SCHEDULE, schedule))[0] == 200
    async with chromium() as browser, visit(browser, "about:blank") as page:
        await page.set_extra_http_headers(WORD)
        opened: list[str] = []
        page.on("dialog", lambda dialog: opened.append(dialog.message))
        for address in await addresses(house):
            await page.goto(house.starling.url + address)
            await expect(page.locator("main")).to_contain_text(SHOWN[:100])
            await assert_untouched(page)
        assert opened == []


async def assert_untouched(page: Page) -> None:
    """No script of a name has run, and no element of one was made."""
    assert await page.evaluate("window.attacked") is None, page.url
    made = "img[src=x], svg[onload], [onerror], a[href^='javascript:'], script:not([src])"
    assert await page.locator(made).count() == 0, page.url


@pytest.mark.parametrize("name", [MARKUP, "../../x", 'a"; filename=evil.html', "Ünïcode 🎵 % \u202e", "con", "."])
async def test_answers_are_data_and_files_are_saved_under_a_harmless_name(house: House, name: str) -> None:
    track = house.playlist["tracks"][0]["id"]
    _, made = await house.call("POST", "/api/v1/playlists", {"name": name, "track_ids": [track]})
    address = f"/api/v1/playlists/{made['id']}"
    async with house.starling.session() as session:
        async with session.get(address) as shown:
            assert shown.content_type == "application/json"
            assert shown.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(f"{address}/export") as file:
            assert file.content_type == "audio/x-mpegurl"
            assert file.headers["X-Content-Type-Options"] == "nosniff"
            said = file.headers["Content-Disposition"]
            assert re.fullmatch(
                r"attachment; filename=\"[^\"/\\%\x00-\x1f\x7f-\xff]+\"; filename\*=UTF-8''[\w.~%-]+", said
            )
            assert "%2F" not in said
            assert (await file.read()).count(b"\n#PLAYLIST:") == 1
        async with session.delete(address) as gone:
            assert gone.status == 202


@pytest.mark.parametrize("command", [("playlists", "show", "{playlist}"), ("similar", "{title}"), ("events", "tail")])
async def test_no_title_moves_the_cursor_of_a_terminal_or_is_read_as_markup(
    house: House, command: tuple[str, ...]
) -> None:
    arguments = [part.format(playlist=house.playlist["id"], title="100%") for part in command]
    said = await asyncio.to_thread(on_a_terminal, house, arguments)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said), ascii(said)
    assert command[0] == "events" or "[red]rich" in said


def on_a_terminal(house: House, arguments: list[str]) -> str:
    """What ``starling`` shows to somebody at a wide terminal without colours."""
    ours, theirs = pty.openpty()
    environment = {"STARLING_DATA_DIR": str(house.starling.data_dir), "TERM": "dumb", "COLUMNS": "400"}
    command = [sys.executable, "-m", "services.cli", *arguments]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(environment)
    ) as process:
        os.close(theirs)
        said = bytearray()
        try:
            while part := os.read(ours, 65536):
                said += part
        except OSError:  # how the end of a terminal is told
            pass
        finally:
            os.close(ours)
    assert process.returncode == 0, said
    assert TERMINAL not in said.decode()
    return said.decode()
