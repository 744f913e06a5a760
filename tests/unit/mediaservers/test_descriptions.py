"""Values from tags and servers, made safe."""

from __future__ import annotations

import pytest

from shared.mediaservers.descriptions import (
    clean_suffix,
    clean_text,
    fingerprint,
    join_texts,
    seconds,
    whole_number,
    year_of,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Jóga\n\tlive ", "Jóga live"),
        ("a\0b\x1bc\x85d\u2028e", "a b c d e"),
        ("\udce9t\ud800", "\ufffdt\ufffd"),
        ("x" * 1000, "x" * 500),
        ("👩\u200d🎤", "👩\u200d🎤"),
        (1999, "1999"),
        ("", None),
        ("\0\x01 \n", None),
        (None, None),
        (True, None),
        (["a"], None),
        (b"bytes", None),
    ],
)
def test_text_becomes_one_clean_line(value: object, text: str | None) -> None:
    assert clean_text(value) == text


def test_several_texts_are_joined_and_each_is_named_once() -> None:
    assert join_texts(["A", None, "B\n", "A", 7, ""]) == "A; B; 7"
    assert join_texts([None, ""]) is None
    assert join_texts([]) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        ("3", 3),
        ("03/12", 3),
        (" 7 of 9", 7),
        (4.0, 4),
        (4.5, None),
        ("x", None),
        (0, None),
        (-1, None),
        (True, None),
        (None, None),
        (10**9, None),
        ("9" * 5000, None),
        ([], None),
    ],
)
def test_numbers_are_found_and_bounded(value: object, number: int | None) -> None:
    assert whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "year"),
    [
        (1999, 1999),
        ("1999", 1999),
        ("2001-05-09", 2001),
        ("20010509", 2001),
        ("09.05.2001", 2001),
        ("99", None),
        ("0000", None),
        (0, None),
        (None, None),
        ("in 1984!", 1984),
        (True, None),
        (1000.0, None),
    ],
)
def test_years_are_found(value: object, year: int | None) -> None:
    assert year_of(value) == year


@pytest.mark.parametrize(
    ("value", "duration"),
    [
        (200, 200.0),
        ("1.5", 1.5),
        (0, None),
        (-1, None),
        (float("nan"), None),
        (float("inf"), None),
        ("x", None),
        (None, None),
        (True, None),
        (1000000000000.0, None),
    ],
)
def test_durations_are_positive_and_finite(value: object, duration: float | None) -> None:
    assert seconds(value) == duration


@pytest.mark.parametrize(
    ("value", "suffix"), [("MP3", "mp3"), (".flac", "flac"), ("../x", "x"), ("a" * 20, None), ("", None), (3, None)]
)
def test_suffixes_are_plain(value: object, suffix: str | None) -> None:
    assert clean_suffix(value) == suffix


def test_a_fingerprint_changes_with_every_part() -> None:
    prints = {
        fingerprint(*parts) for parts in [(1, "a"), (1, "b"), (2, "a"), (1, None), ("1", "a"), (1,), (), ("\ud800",)]
    }
    assert len(prints) == 8
    assert all(len(text) == 16 for text in prints)
    assert fingerprint(1, "a") == fingerprint(1, "a")
