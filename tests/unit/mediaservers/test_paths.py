"""Paths as ids, and HTTP ranges."""

from __future__ import annotations

import os

import pytest

from shared.mediaservers.audio import parse_range
from shared.mediaservers.folder import artist_and_album
from shared.mediaservers.paths import from_item_id, is_audio, is_hidden, suffix_of, to_item_id


@pytest.mark.parametrize(
    "name", [b"a.mp3", b"50% off/a+b.mp3", "東京/Jóga.ogg".encode(), b"caf\xe9.mp3", b"%FF\xff/\n\x01.mp3", b" /..a"]
)
def test_every_name_has_an_id_that_leads_back(name: bytes) -> None:
    relative = os.fsdecode(name)
    item_id = to_item_id(relative)
    assert item_id.encode().decode() == item_id
    assert from_item_id(item_id) == relative


def test_ordinary_names_are_their_own_ids() -> None:
    assert to_item_id("Björk/50% & more.mp3") == "Björk/50% & more.mp3"


@pytest.mark.parametrize("item_id", ["", "/", "..", "a/..", "../a", "./a", "a//b", "//a", "/%2e%2e/a", "a\0", "\ud800"])
def test_ids_that_are_no_path_inside_are_refused(item_id: str) -> None:
    assert from_item_id(item_id) is None


def test_suffixes() -> None:
    assert [suffix_of(name) for name in ("a.MP3", "a.b.flac", "mp3", ".mp3", "a.", "")] == [
        "mp3",
        "flac",
        "",
        "",
        "",
        "",
    ]
    assert is_audio("x.OPUS")
    assert not is_audio("x.jpg")
    assert [name for name in (".a", "@eaDir", "Lost+Found", "a") if not is_hidden(name)] == ["a"]


@pytest.mark.parametrize(
    ("folders", "found"),
    [
        ([], (None, None)),
        (["Downloads"], (None, None)),
        (["Band", "Album"], ("Band", "Album")),
        (["Rock", "Band", "Album"], ("Band", "Album")),
        (["Band", "Album", "CD 2"], ("Band", "Album")),
        (["Band", "disc_01"], (None, None)),
    ],
)
def test_folders_speak_only_when_there_are_two(folders: list[str], found: tuple[str | None, str | None]) -> None:
    assert artist_and_album(folders) == found


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("bytes=0-9", range(10)),
        ("Bytes = 5 - ", range(5, 100)),
        ("bytes=90-500", range(90, 100)),
        ("bytes=-10", range(90, 100)),
        ("bytes=-500", range(100)),
        ("bytes=100-", range(0)),
        ("bytes=-0", range(0)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
        ("bytes=" + "9" * 30 + "-", None),
    ],
)
def test_ranges(header: str | None, expected: range | None) -> None:
    found = parse_range(header, 100)
    assert found is None if expected is None else found == expected


def test_every_range_of_nothing_lies_outside() -> None:
    assert parse_range("bytes=0-", 0) == range(0)
    assert parse_range("bytes=-5", 0) == range(0)
