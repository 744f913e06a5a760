"""The files of the page: small modules, all fetched in one go, and libraries that are what they are said to be."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

WEB = Path(__file__).parents[3] / "services" / "gateway" / "web"
STATIC = WEB / "static"
MODULES = sorted([*(STATIC / "js").rglob("*.js"), *(STATIC / "vendor").glob("*.js")])
LONGEST = 300
# Runs before the first paint, as an ordinary script.
CLASSIC = STATIC / "js" / "theme-first.js"

_IMPORT = re.compile(r'(?<!["\w/])(?:from\s*|import\s*)"([^"]+)"')


def _address(path: Path) -> str:
    return f"/static/{path.relative_to(STATIC).as_posix()}"


def test_every_module_is_preloaded() -> None:
    page = (WEB / "index.html").read_text()
    preloaded = set(re.findall(r'rel="modulepreload" href="([^"]+)"', page))
    assert preloaded == {_address(path) for path in MODULES if path != CLASSIC}


def test_every_stylesheet_is_linked() -> None:
    page = (WEB / "index.html").read_text()
    linked = set(re.findall(r'rel="stylesheet" href="([^"]+)"', page))
    assert linked == {_address(path) for path in (STATIC / "css").glob("*.css")}


def test_every_import_leads_to_a_file() -> None:
    broken = [
        (path.name, target)
        for path in MODULES
        for target in _IMPORT.findall(path.read_text())
        if not target.startswith(".") or not (path.parent / target).is_file()
    ]
    assert broken == []


def test_no_module_is_long() -> None:
    own = [path for path in MODULES if path.parent.name != "vendor"]
    assert [path.name for path in own if len(path.read_text().splitlines()) > LONGEST] == []


def test_the_page_needs_nothing_from_elsewhere() -> None:
    files = [
        WEB / "index.html",
        *(STATIC / "css").glob("*.css"),
        *(path for path in MODULES if path.parent.name != "vendor"),
    ]
    outside = [
        path.name
        for path in files
        if re.search(r"(?:src|href|url\(|from|import|fetch\()\s*[=(]?\s*[\"'](?:https?:)?//", path.read_text())
    ]
    assert outside == []


def test_vendored_libraries_are_the_ones_described() -> None:
    described = dict(
        re.findall(
            r"\| `([\w-]+\.js)` \| `[0-9a-f]{64}` \| `([0-9a-f]{64})` \|",
            (STATIC / "vendor" / "VENDORED.md").read_text(),
        )
    )
    kept = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (STATIC / "vendor").glob("*.js")}
    assert kept == described
