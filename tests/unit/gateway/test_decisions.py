"""What the gateway decides before anything is written."""

from __future__ import annotations

import pytest

from services.gateway.intake import Control, address_key
from services.gateway.models.common import read_cursor, write_cursor
from services.gateway.queries.tracks import Wanted, words_of
from services.gateway.routes.runs import refuse
from shared.errors import InvalidInput


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("folder", "/music", None, None), ("folder", "/music/", None, None)),
        (("folder", "/music/rock", None, None), ("folder", "/music//jazz/../rock", None, None)),
        (("subsonic", None, "http://NAS:4533", "ann"), ("subsonic", None, "http://nas:4533/", "ann")),
        (("subsonic", None, "https://nas", "ann"), ("subsonic", None, "https://nas:443", "ann")),
    ],
)
def test_two_spellings_of_one_library_are_one(
    one: tuple[str, None, None, None], two: tuple[str, None, None, None]
) -> None:
    assert address_key(*one) == address_key(*two)


def test_another_user_of_the_same_server_has_another_library() -> None:
    assert address_key("subsonic", None, "http://nas", "ann") != address_key("subsonic", None, "http://nas", "bob")


@pytest.mark.parametrize(
    ("action", "state", "flag", "allowed"),
    [
        ("cancel", "requested", None, True),
        ("cancel", "paused", "paused", True),
        ("cancel", "running", "cancelled", False),
        ("cancel", "completed", None, False),
        ("pause", "running", None, True),
        ("pause", "running", "paused", False),
        ("pause", "paused", None, True),
        ("resume", "paused", "paused", True),
        ("resume", "running", "paused", True),
        ("resume", "running", None, False),
        ("resume", "cancelled", "cancelled", False),
    ],
)
def test_what_the_workers_were_told_last_counts(action: Control, state: str, flag: str | None, allowed: bool) -> None:
    assert (refuse(action, state, flag) is None) is allowed


def test_a_cursor_comes_back_as_it_was() -> None:
    assert read_cursor(write_cursor("Björk", 3), str, int) == ("Björk", 3)
    assert read_cursor(None, str) is None


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "AAAA", write_cursor(1), write_cursor("a", "b"), "WyJh", "é"])
def test_a_cursor_we_did_not_write_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="next_cursor"):
        read_cursor(cursor, str)


def test_a_search_ignores_case_accents_and_repeats() -> None:
    assert words_of("  BJÖRK  Björk jóga\x00 ") == ("bjork", "joga")
    assert words_of(None) == ()


def test_signs_with_a_meaning_for_the_database_are_only_signs() -> None:
    condition, arguments = Wanted(words=("100%", "a_b", "c\\d")).condition()
    assert arguments == ["%100\\%%", "%a\\_b%", "%c\\\\d%"]
    assert condition == "NOT t.removed AND t.search LIKE $1 AND t.search LIKE $2 AND t.search LIKE $3"
