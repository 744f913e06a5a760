"""Files of the page: under which addresses they are found, how long a browser may keep them, how they travel."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from aiohttp.test_utils import make_mocked_request

from services.gateway.assets import FOR_GOOD, STYLES, Asset, Assets
from services.gateway.pages import WEB

PAGE = """<head>
    <link rel="stylesheet" href="/static/css/one.css">
    <link rel="stylesheet" href="/static/css/two.css">
    <script type="module" src="/static/js/main.js"></script>
</head>
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("css/one.css", "a{}"), ("css/two.css", "b{}"), ("js/main.js", "let x = 1;\n" * 50)):
        path = tmp_path / "static" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "index.html").write_text(PAGE)
    return tmp_path


def test_the_page_names_each_file_by_its_release_and_all_sheets_as_one(root: Path) -> None:
    assets = Assets(root)
    addresses = re.findall(r'"/static/([^"]+)"', assets.page.body.decode())
    assert addresses == [f"{assets.version}/{STYLES}", f"{assets.version}/js/main.js"]
    found = [assets.find(address) for address in addresses]
    assert [kept for _, kept in filter(None, found)] == [FOR_GOOD, FOR_GOOD]
    sheets = assets.find(addresses[0])
    assert sheets is not None
    assert sheets[0].body == b"a{}\nb{}"


def test_every_address_on_our_page_is_found() -> None:
    assets = Assets(WEB)
    addresses = re.findall(r'"/static/([^"]+)"', assets.page.body.decode())
    assert len(addresses) > 50
    assert [address for address in addresses if assets.find(address) is None] == []


def test_a_plain_address_works_too_and_one_of_another_release_is_not_kept(root: Path) -> None:
    assets = Assets(root)
    plain, old = assets.find("js/main.js"), assets.find(f"{'0' * 16}/js/main.js")
    assert plain is not None
    assert old == (plain[0], "no-cache")
    assert plain[1] is None
    assert assets.find("js/none.js") is None
    assert assets.find(assets.version) is None


def test_whatever_changes_makes_another_release(root: Path) -> None:
    versions = {Assets(root).version}
    for name in ("index.html", "static/css/one.css", "static/js/main.js"):
        (root / name).write_text((root / name).read_text() + "\n")
        versions.add(Assets(root).version)
    assert len(versions) == 4


def test_text_travels_packed_to_those_who_can_unpack_it() -> None:
    asset = Asset.of("main.js", b"let x = 1;\n" * 100)
    packed = asset.answer(make_mocked_request("GET", "/", {"Accept-Encoding": "br, gzip"}))
    plain = asset.answer(make_mocked_request("GET", "/"))
    assert packed.headers["Content-Encoding"] == "gzip"
    assert isinstance(packed.body, bytes)
    assert gzip.decompress(packed.body) == plain.body == asset.body
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_what_packing_does_not_shrink_is_left_alone() -> None:
    assert Asset.of("x.png", bytes(1000)).packed is None
    tiny = Asset.of("x.js", b"1")
    answer = tiny.answer(make_mocked_request("GET", "/", {"Accept-Encoding": "gzip"}))
    assert answer.body == b"1"
    assert "Content-Encoding" not in answer.headers


def test_a_browser_that_has_it_gets_nothing_more() -> None:
    asset = Asset.of("main.js", b"let x = 1;")
    first = asset.answer(make_mocked_request("GET", "/"))
    again = asset.answer(make_mocked_request("GET", "/", {"If-None-Match": first.headers["ETag"]}))
    assert (again.status, again.body) == (304, None)
    assert again.headers["ETag"] == first.headers["ETag"]
