"""What playlists are called on servers."""

from __future__ import annotations

import pytest

from services.syncer.names import alike, fitting, free


@pytest.mark.parametrize(
    ("name", "limit", "fits"),
    [
        ("Slow soul", 255, "Slow soul"),
        ("  AC/DC\n'live' \"1977\" ", 255, "AC/DC 'live' \"1977\""),
        ("x" * 300, 100, "x" * 100),
        ("ab cd", 3, "ab"),
        ("🌙" * 10, 9, "🌙🌙"),
        ("\t\n", 255, "Playlist"),
    ],
)
def test_a_name_is_cut_to_what_the_server_takes(name: str, limit: int, fits: str) -> None:
    assert fitting(name, limit) == fits
    assert len(fitting(name, limit).encode()) <= limit


def test_a_taken_name_gets_a_number_that_fits_too() -> None:
    assert free("Soul", [], 255) == "Soul"
    assert free("Soul", ["SOUL"], 255) == "Soul (2)"
    assert free("Soul", ["Soul", "soul (2)"], 255) == "Soul (3)"
    assert free("x" * 10, ["x" * 10], 10) == "xxxxxx (2)"


@pytest.mark.parametrize(
    ("listed", "written", "same"),
    [
        ("Soul", "Soul", True),
        ("AC DC live", "AC/DC  live", True),
        ("Soul", "Soul (2)", False),
        ("🌙", "🔥", False),
        ("🌙", "🌙", True),
        ("so", "soul", False),
        ("a" * 60, "a" * 80, True),
    ],
)
def test_a_name_that_a_server_has_changed_is_recognised(listed: str, written: str, same: bool) -> None:
    assert alike(listed, written) is same
