"""Playlist files: written, read, and their entries found in a library."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from services.gateway.playlist_files import MOST_ENTRIES, Entry, Item, read, write_jspf, write_m3u8
from services.gateway.playlist_files.entries import URN, clean
from services.gateway.playlist_files.finding import Finder, KnownTrack, folded, path_parts
from services.gateway.routes.playlist_files import disposition
from shared.errors import InvalidInput
from tests.given import track


def item(number: int, path: str | None = None, title: str = "Jóga") -> Item:
    return Item(track(number), title, "Björk", "Homogenic", 305.2, path)


def test_an_m3u8_is_written_as_players_expect_it() -> None:
    text = write_m3u8("Late\nsoul", [item(1, "Björk/01 Jóga.flac"), item(2), item(3, "#1.mp3")]).decode()
    assert text.splitlines() == [
        "#EXTM3U",
        "#PLAYLIST:Late soul",
        "#EXTINF:305,Björk - Jóga",
        "#EXTALB:Homogenic",
        "Björk/01 Jóga.flac",
        "#EXTINF:305,Björk - Jóga",
        "#EXTALB:Homogenic",
        f"{URN}{track(2)}",
        "#EXTINF:305,Björk - Jóga",
        "#EXTALB:Homogenic",
        "./#1.mp3",
    ]


def test_a_jspf_is_written_as_its_description_says() -> None:
    playlist = json.loads(write_jspf("Late soul", [item(1, "a.flac")]))["playlist"]
    assert playlist["title"] == "Late soul"
    assert playlist["track"] == [
        {
            "identifier": [f"{URN}{track(1)}"],
            "title": "Jóga",
            "creator": "Björk",
            "album": "Homogenic",
            "duration": 305200,
            "location": ["a.flac"],
        }
    ]


@pytest.mark.parametrize("write", [write_m3u8, write_jspf])
def test_what_was_written_is_read_again(write: Callable[[str, list[Item]], bytes]) -> None:
    names = ["Plain", "Ünïcödé 夜 🎵", 'quotes " and, commas', "dash - in it"]
    items = [item(number, f"{number}.flac", title) for number, title in enumerate(names)]
    found = read(write("A name / 🎵", items))
    assert found.name == "A name / 🎵"
    assert [entry.title for entry in found.entries] == names
    assert [entry.locations for entry in found.entries] == [(f"{number}.flac",) for number in range(4)]


@pytest.mark.parametrize(
    "content",
    [
        "Björk/Jóga.mp3\n".encode(),
        "\ufeffBjörk/Jóga.mp3\r\n".encode(),
        "Björk/Jóga.mp3\r".encode("latin-1"),
        "\ufeffBjörk/Jóga.mp3\n".encode("utf-16-le"),
        "\n\n  Björk/Jóga.mp3  \n#EXTM3U\n".encode(),
    ],
)
def test_encodings_and_ends_of_lines_do_not_matter(content: bytes) -> None:
    assert read(content, "m3u8").entries == [Entry(locations=("Björk/Jóga.mp3",))]


def test_hostile_files_are_read_or_refused_in_bounds() -> None:
    long = read(b"#EXTM3U\n#EXTINF:" + b"9" * 100_000 + b",x\n" + b"a/" * 500_000 + b"\n").entries
    assert len(long) == 1
    assert len(long[0].locations[0]) == 8000
    many = read(b"a.mp3\n" * (MOST_ENTRIES + 7))
    assert (len(many.entries), many.dropped) == (MOST_ENTRIES, 7)
    odd = read(b"#EXTINF:-1,\x1b[2J\xe2\x80\xa8Evil\x07 - Title\na.mp3\n").entries[0]
    assert (odd.artist, odd.title, odd.duration_s) == ("[2J Evil", "Title", None)
    tracks: list[Any] = [
        7,
        None,
        [],
        {"title": 3, "duration": "x"},
        {"duration": 1e999},
        {"identifier": "urn:starling:track:no"},
    ]
    assert all(entry.empty for entry in read(json.dumps({"playlist": {"track": tracks}}).encode()).entries)
    for content in (b"", b" \n", b"#EXTM3U\n#only comments", b"ID3\x00\x01binary", b"{", b"{}", b'{"playlist": []}',
                    b'{"playlist": {"track": {}}}', b'{"a":' * 100_000):  # fmt: skip
        with pytest.raises(InvalidInput, match="choose"):
            read(content)


def test_texts_become_one_line() -> None:
    assert clean(" a\tb\x00\u2028c \ud800 ") == "a b c"
    assert clean("\n\x00") is None
    assert clean(7) is None
    assert clean("x" * 5000, 300) == "x" * 300


def test_paths_are_compared_by_their_parts() -> None:
    assert path_parts(r"C:\Music\Björk\1.mp3") == ("c:", "music", "björk", "1.mp3")
    assert path_parts("file:///home/me/Bj%C3%B6rk/1.mp3") == ("home", "me", "björk", "1.mp3")
    assert path_parts("../Bjo\u0308rk/./1.mp3") == ("björk", "1.mp3")
    assert path_parts("http://[") == ()
    assert folded("Sigur  Rós!") == folded("SIGUR-ROS")
    assert folded("!!!") == "!!!"


LIBRARY = [
    KnownTrack(track(1), "Björk/Homogenic/02 Jóga.flac", "Jóga", "Björk", "Homogenic", 305.0),
    KnownTrack(track(2), "Björk/Live/02 Jóga.flac", "Jóga", "Björk", "Live", 330.0),
    KnownTrack(track(3), "Air/1.flac", "La femme d'argent", "Air", "Moon Safari", 427.0),
    KnownTrack(track(4), "Other/1.flac", "Intro", "Someone", None, None),
    KnownTrack(track(5), "Third/x.flac", "Intro", "Somebody", None, None),
]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (Entry(track_ids=(track(9), track(3)), title="Jóga", artist="Björk"), 3),
        (Entry(locations=("/mnt/nas/Björk/Live/02 Jóga.flac",)), 2),
        (Entry(locations=(r"D:\music\homogenic\02 jóga.FLAC",)), 1),
        (Entry(locations=("02 Jóga.flac",)), None),
        (Entry(locations=("x.flac",)), 5),
        (Entry(locations=("/gone.mp3",), artist="bjork", title="JOGA", duration_s=331), 2),
        (Entry(artist="Björk", title="Joga", album="homogenic"), 1),
        (Entry(artist="Björk", title="Joga", duration_s=100), None),
        (Entry(artist="AIR", title="La Femme d’Argent"), 3),
        (Entry(title="La femme d'argent"), 3),
        (Entry(title="Intro"), None),
        (Entry(title="Intro", artist="someone"), 4),
        (Entry(), None),
        (Entry(locations=("http://[",)), None),
    ],
)
def test_entries_are_found_by_id_then_path_then_name(entry: Entry, found: int | None) -> None:
    assert Finder.of(LIBRARY).find(entry) == (None if found is None else track(found))


def test_an_export_comes_back_whole() -> None:
    items = [Item(known.track_id, known.title, known.artist, known.album, known.duration_s) for known in LIBRARY]
    finder = Finder.of(LIBRARY)
    for content in (write_m3u8("x", items), write_jspf("x", items)):
        found: list[UUID | None] = [finder.find(entry) for entry in read(content).entries]
        assert found == [known.track_id for known in LIBRARY]


def test_any_name_fits_into_a_header() -> None:
    said = disposition('a/b "c" 🎵\r\nX: y.m3u8')
    assert said.isascii() and "\n" not in said and "/" not in said.partition("filename*")[0]
    assert said.endswith("a_b%20%22c%22%20%F0%9F%8E%B5__X%3A%20y.m3u8")
