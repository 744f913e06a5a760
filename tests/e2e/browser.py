"""A browser and what every page has to keep to in it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, get_args

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

Theme = Literal["light", "dark"]
NARROW, WIDE = 390, 1400
LEAST_CONTRAST = 4.5
TOUCH_PX = 44
ELSEWHERE = "music.test"
"""A name that leads to this machine without saying so: what a page is asked for under it comes from elsewhere."""
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1",
]
_CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
_TOO_WIDE = "(width) => document.documentElement.scrollWidth - width"
_SMALL_TARGETS = """(least) =>
    [...document.querySelectorAll("button, a.button, a.nav-link, select, summary, .segment")]
    .map((one) => [one.className || one.tagName, one.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.width < least || box.height < least))
    .map(([name, box]) => [name, box.width, box.height])"""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "these tests need Chromium; `make test` installs it as root"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def visit(
    browser: Browser,
    address: str,
    *,
    width: int = WIDE,
    theme: Theme = "light",
    may_complain: bool = False,
    prepare: Callable[[BrowserContext], Awaitable[None]] | None = None,
) -> AsyncIterator[Page]:
    """A listener with a fresh browser at ``address``. In the end the console must be empty: no error, no warning, no
    violation of the content security policy; ``may_complain`` is for tests that make a request fail. ``prepare`` gives
    the browser what it has from earlier visits."""
    narrow = width < 720
    context = await browser.new_context(
        viewport={"width": width, "height": 844 if narrow else 900},
        color_scheme=theme,
        has_touch=narrow,
        is_mobile=narrow,
    )
    if prepare is not None:
        await prepare(context)
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page = await context.new_page()
    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        await page.goto(address)
        yield page
        assert may_complain or complaints == []
    finally:
        await context.close()


async def screenshot(page: Page, name: str, theme: Theme) -> None:
    """``tests/screenshots/<name>-<width>-<theme>.png``, for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    assert page.viewport_size is not None
    await page.screenshot(path=SCREENSHOTS / f"{name}-{page.viewport_size['width']}-{theme}.png")


async def picture(page: Page, name: str) -> None:
    """In both themes, as the system changes from one to the other: it fits, reads well, and is left as a screenshot."""
    for theme in get_args(Theme):
        # Without motion, or colours would be read on their way from one theme to the other.
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await expect(page.locator(f"html[data-theme={theme}]")).to_be_attached()
        await assert_fits(page)
        await screenshot(page, name, theme)


async def assert_fits(page: Page) -> None:
    """Nothing sticks out at the side, every text can be read, and on a phone every control can be hit."""
    assert page.viewport_size is not None
    width = page.viewport_size["width"]
    assert await page.evaluate(_TOO_WIDE, width) <= 0, f"{page.url} is wider than {width} px"
    assert await page.evaluate(_CONTRAST, LEAST_CONTRAST) == [], page.url
    if width == NARROW:
        assert await page.evaluate(_SMALL_TARGETS, TOUCH_PX) == [], page.url
