"""Lists in files: what Starling writes, what others have written, and what a file may be called."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.mediaservers.m3u import Line, entry_of, file_name, item_of, parse_m3u, rename_m3u, write_m3u

ROOT = "/music"
FOLDER = Path("/music/Starling")


def test_a_written_list_is_extended_m3u() -> None:
    content = write_m3u("abc", "Slow.m3u8", "Slow 🌙", [Line("../a.mp3", "12,A - B"), Line("../b.mp3")])
    expected = "#EXTM3U\n#PLAYLIST:Slow 🌙\n#STARLING:abc:Slow.m3u8\n#EXTINF:12,A - B\n../a.mp3\n../b.mp3\n"
    assert content.decode() == expected


def test_a_written_list_is_read_back() -> None:
    found = parse_m3u(write_m3u("abc", "A: b.m3u8", "Any: name", [Line("../a.mp3", "1,x")]))
    assert (found.name, found.mark, found.entries) == ("Any: name", ("abc", "A: b.m3u8"), ("../a.mp3",))


def test_a_list_of_somebody_else_is_read() -> None:
    found = parse_m3u(b"\xef\xbb\xbf#EXTM3U\r\n# a comment\r\n\r\n../caf\xe9.mp3\r\nb.mp3\r\n")
    assert (found.name, found.mark) == (None, None)
    assert found.entries == ("../caf\udce9.mp3", "b.mp3")


def test_another_name_changes_nothing_else() -> None:
    content = b"#EXTM3U\n#PLAYLIST:Old\n#STARLING:abc:Old.m3u8\n# mine\n../caf\xe9.mp3\nhttp://radio\n"
    expected = b"#EXTM3U\n#PLAYLIST:New\n#STARLING:abc:New.m3u8\n# mine\n../caf\xe9.mp3\nhttp://radio\n"
    assert rename_m3u(content, "New.m3u8", "New") == expected


@pytest.mark.parametrize(
    "item_id",
    ["a.mp3", "A/B/c d.mp3", "#1/100%.mp3", " a / b .mp3", "x\ny/z.mp3", "x\ry.mp3", "/caf%E9/x.mp3", "Starling/s.mp3"],
)
def test_every_path_comes_back(item_id: str) -> None:
    entry = entry_of(item_id, ROOT)
    assert entry is not None
    assert "\n" not in entry
    assert item_of(parse_m3u(entry.encode()).entries[0], ROOT, FOLDER) == item_id


@pytest.mark.parametrize(
    ("entry", "item_id"),
    [
        ("../a/b.mp3", "a/b.mp3"),
        ("/music/a/b.mp3", "a/b.mp3"),
        ("file:///music/a%20b.mp3", "a b.mp3"),
        ("file://localhost/music/a.mp3", "a.mp3"),
        ("../../elsewhere/a.mp3", None),
        ("/elsewhere/a.mp3", None),
        ("https://radio.example/stream", None),
        ("..", None),
        ("../a\0b.mp3", None),
    ],
)
def test_only_what_lies_in_the_library_is_an_item(entry: str, item_id: str | None) -> None:
    assert item_of(entry, ROOT, FOLDER) == item_id


@pytest.mark.parametrize("item_id", ["../x.mp3", "a//b.mp3", "", "x\0y", "\ud800"])
def test_what_is_no_path_has_no_entry(item_id: str) -> None:
    assert entry_of(item_id, ROOT) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Slow soul", "Slow soul.m3u8"),
        ("AC/DC: live", "AC-DC- live.m3u8"),
        ('"Quoted" <b>?*', "'Quoted' 'b'.m3u8"),
        ("..", "Playlist.m3u8"),
        (".hidden. ", "hidden.m3u8"),
        ("", "Playlist.m3u8"),
        ("\n\0", "Playlist.m3u8"),
        ("con", "con_.m3u8"),
        ("Aux.1", "Aux.1_.m3u8"),
        ("🌙 東京", "🌙 東京.m3u8"),
        ("e\u0301", "é.m3u8"),
    ],
)
def test_file_names_are_safe_everywhere(name: str, expected: str) -> None:
    assert file_name(name, ()) == expected


@pytest.mark.parametrize("name", ["x" * 300, "👩‍🎤" * 300, "ü" * 300])
def test_long_names_are_cut_at_a_letter(name: str) -> None:
    found = file_name(name, [file_name(name, ())])
    assert len(found.encode()) <= 255
    assert found.endswith(" (2).m3u8")


def test_names_that_differ_only_in_case_are_numbered() -> None:
    assert file_name("Soul", ["soul.M3U8", "Soul (2).m3u8"]) == "Soul (3).m3u8"
