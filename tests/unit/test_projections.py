"""What the projections do with single values, without a database."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from services.projector.projections import PROJECTIONS
from services.projector.projections.base import large, real, short, source, text, upsert, whole
from services.projector.projections.track_analysis import _sums
from services.projector.projections.tracks import searchable
from shared.embedding import TAG_COUNT
from shared.events import EVENTS


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("nul\x00 inside", "nul inside"),
        ("half \ud83d a pair", "half  a pair"),
        ("whole 🎵 pair", "whole 🎵 pair"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_text_is_what_postgresql_takes(given: str, kept: str) -> None:
    assert text(given) == kept


def test_names_are_cut_between_letters() -> None:
    assert len(short("夜" * 1000).encode()) == 600
    assert len(short("🎵" * 1000).encode()) == 600
    assert len(short("a" + "夜" * 1000).encode()) == 598


def test_numbers_that_do_not_fit_are_missing() -> None:
    assert (whole(2**31 - 1), whole(2**31), whole(None)) == (2**31 - 1, None, None)
    assert (large(2**31), large(2**63)) == (2**31, None)
    assert (real(1.5), real(math.inf), real(math.nan), real(1e39), real(None)) == (1.5, None, None, None, None)
    assert math.copysign(1, real(-0.0) or 0.0) == 1


def test_a_search_finds_words_with_and_without_their_accents() -> None:
    assert searchable("Hello", None, "World") == "hello world"
    found = searchable("Björk", "ÉTÉ", None)
    assert all(word in found for word in ("björk", "bjork", "été", "ete"))


def test_sums_of_tags_do_not_depend_on_the_order_or_the_cut() -> None:
    rng = np.random.default_rng(1)
    rows = [rng.random(TAG_COUNT).astype("<f2").tobytes() for _ in range(500)]
    whole_total, whole_squares = _sums(rows)
    random.Random(1).shuffle(rows)
    total, squares = np.zeros(TAG_COUNT), np.zeros(TAG_COUNT)
    for start in range(0, 500, 7):
        part = _sums(rows[start : start + 7])
        total, squares = total + part[0], squares + part[1]
    assert (total == whole_total).all()
    assert (squares == whole_squares).all()


def test_rows_travel_as_one_array_per_column() -> None:
    columns = {"id": "uuid", "name": "text"}
    assert source(columns) == "unnest($1::uuid[], $2::text[]) AS new (id, name)"
    assert upsert("things", ["id"], columns).endswith("ON CONFLICT (id) DO UPDATE SET name = excluded.name")


def test_projections_hear_events_of_the_catalogue() -> None:
    known = set(EVENTS.by_type.values())
    assert all(projection.handles <= known for projection in PROJECTIONS)
