"""Names that people would say, never two alike, and the same ones when little has changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from services.clusterer.library import FloatArray
from services.clusterer.naming import (
    LONGEST,
    Backdrop,
    Heard,
    Portrait,
    decade_of,
    distinct_names,
    names,
)
from services.clusterer.naming_words import (
    ADJECTIVES,
    BEFORE_NOUN,
    CALM,
    GENRES,
    HEARD,
    INSTRUMENTS,
    LIVELY,
    OBVIOUS,
    PAIRS,
)
from shared.embedding import TAGS
from shared.tagwords import INFO

DoubleArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
LABELS = {info.label for info in INFO}


def portrait(labels: Mapping[str, tuple[float, float]], **others: Any) -> Portrait:
    """Labels as (z-score, probability)."""
    plain = Portrait(labels={label: Heard(*values) for label, values in labels.items()})
    return replace(plain, **others)


def name(labels: Mapping[str, tuple[float, float]], **others: Any) -> str:
    return names([portrait(labels, **others)])[0]


def test_every_word_of_the_tables_belongs_to_a_tag() -> None:
    for table in (GENRES, BEFORE_NOUN, INSTRUMENTS, HEARD, ADJECTIVES, OBVIOUS):
        assert set(table) <= LABELS
    assert set(ADJECTIVES) >= CALM | LIVELY
    assert {label for pair in PAIRS for label in pair} <= LABELS
    assert {label for labels in OBVIOUS.values() for label in labels} <= LABELS
    assert {info.label for info in INFO if info.family == "genre"} == set(GENRES)


@pytest.mark.parametrize(
    ("labels", "others", "expected"),
    [
        ({"soul": (1.5, 0.4), "slow": (1.2, 0.3)}, {"decade": 1970, "energy": -0.8}, "Slow 70s soul at night"),
        ({"classical": (1.4, 0.4), "strings": (1.3, 0.3), "violin": (1.3, 0.3)}, {}, "Classical strings"),
        ({"jazz": (1.2, 0.3), "piano": (1.4, 0.3)}, {"decade": 1950}, "50s jazz piano"),
        ({"metal": (2.0, 0.4), "rock": (1.8, 0.4), "guitar": (1.2, 0.4)}, {"tempo": 1.2}, "Fast metal"),
        ({"metal": (2.0, 0.4)}, {"energy": 1.1}, "Driving metal at full volume"),
        ({"techno": (1.6, 0.3), "beat": (1.2, 0.2)}, {"energy": 0.75, "tempo_bpm": 126}, "Techno beats for dancing"),
        ({"ambient": (1.2, 0.3)}, {"energy": -0.6, "brightness": 0.5}, "Ambient for slow mornings"),
        ({"electronic": (0.2, 0.3)}, {}, "Electronic music"),
        ({"guitar": (1.8, 0.5), "acoustic": (1.4, 0.2), "rock": (0.0, 0.1)}, {}, "Acoustic guitar"),
        ({"folk": (1.2, 0.3), "female voice": (1.6, 0.3)}, {"decade": 2010}, "2010s folk with female voices"),
        ({"pop": (1.0, 0.3), "80s": (1.5, 0.3)}, {}, "80s pop"),
        ({"pop": (1.0, 0.3), "80s": (1.5, 0.3)}, {"dated": True}, "Pop"),
        ({}, {}, "Mixed tracks"),
    ],
)  # fmt: skip
def test_a_name_says_what_is_heard(
    labels: Mapping[str, tuple[float, float]], others: Mapping[str, Any], expected: str
) -> None:
    assert name(labels, **others) == expected


@pytest.mark.parametrize(
    ("tag", "measured", "believed"),
    [
        ("chilled", {"energy": 0.3}, "Chilled electronic music"),
        ("chilled", {"energy": 0.6}, "Electronic music"),
        ("slow", {"tempo": 0.6}, "Electronic music"),
        ("fast", {"tempo": -0.6}, "Electronic music"),
        ("loud", {"energy": -0.45}, "Electronic music"),
    ],
)
def test_an_adjective_is_not_believed_when_the_opposite_was_measured(
    tag: str, measured: dict[str, float], believed: str
) -> None:
    assert name({"electronic": (1.0, 0.4), tag: (1.5, 0.4)}, **measured) == believed


def test_playlists_that_are_alike_say_more_until_they_differ() -> None:
    base = {"metal": (2.0, 0.4), "fast": (1.5, 0.3)}
    found = names(
        [
            portrait({**base, "choir": (0.5, 0.3)}, tempo_bpm=150.0),
            portrait({**base, "synth": (0.5, 0.3)}, tempo_bpm=150.0),
            portrait(base, tempo_bpm=150.0),
            portrait(base, tempo_bpm=171.0),
        ]
    )
    assert found == [
        "Fast metal with choirs",
        "Fast metal with synths",
        "Fast metal around 150 BPM",
        "Fast metal around 170 BPM",
    ]


def test_what_is_all_the_same_gets_numbers_at_last() -> None:
    assert names([portrait({"soul": (1.0, 0.3)})] * 3) == ["Soul", "Soul 2", "Soul 3"]
    assert names([portrait({"soul": (1.0, 0.3)})], taken=["SOUL"]) == ["Soul for the road"]


def test_a_number_never_makes_a_name_too_long() -> None:
    long = "x" * LONGEST
    assert distinct_names([long, long.upper()]) == [long, "X" * (LONGEST - 2) + " 2"]


def test_hundreds_of_names_are_short_and_no_two_are_alike() -> None:
    random = np.random.default_rng(1)
    tags = (random.random((400, 1, 100)) ** 3).astype(np.float32)
    backdrop = Backdrop.of(tags[:, 0])
    portraits = [
        Portrait(
            labels=backdrop.labels(some),
            tempo_bpm=float(random.uniform(60, 180)),
            energy=float(random.normal()),
            brightness=float(random.normal()),
            tempo=float(random.normal()),
            decade=int(random.integers(196, 203)) * 10,
            key="A minor",
        )
        for some in tags
    ]
    found = names(portraits)
    assert len({one.casefold() for one in found}) == 400
    assert all(0 < len(one) <= LONGEST and one[0] == one[0].upper() and "  " not in one for one in found)
    assert sum(one[-1].isdigit() for one in found) < 20
    assert names(portraits) == found


def test_a_decade_needs_most_of_the_tracks_to_agree() -> None:
    assert decade_of([1971, 1975, 1979, 1981, 0]) == (1970, True)
    assert decade_of([1971, 1975, 1982, 1984]) == (None, True)
    assert decade_of([1971, 0, 0, 0]) == (None, False)
    assert decade_of([]) == (None, False)


def test_tags_that_say_the_same_count_once_and_the_clearest_speaks() -> None:
    tags = np.full((40, 100), 0.01, np.float32)
    tags[:10, TAGS.index("msd:rock")] = 0.3
    tags[:10, TAGS.index("mtt:rock")] = 0.6
    labels = Backdrop.of(tags).labels(tags[:10])
    assert set(labels) == {"rock"}
    assert labels["rock"].probability == pytest.approx(0.6)
    assert labels["rock"].zscore > 1.5


def test_a_handful_of_tracks_is_named_by_what_is_heard_and_not_by_what_stands_out() -> None:
    tags = np.full((3, 100), 0.01, np.float32)
    tags[:, TAGS.index("mtt:harp")] = 0.7
    assert names([Portrait(labels=Backdrop.of(tags).labels(tags))]) == ["Harp"]


def _playlists(tags: FloatArray, styles: IntArray, tempo: DoubleArray, energy: DoubleArray) -> list[Portrait]:
    backdrop = Backdrop.of(tags)
    return [
        Portrait(
            labels=backdrop.labels(tags[styles == style]),
            tempo_bpm=float(np.median(tempo[styles == style])),
            tempo=float((tempo[styles == style].mean() - tempo.mean()) / tempo.std()),
            energy=float((energy[styles == style].mean() - energy.mean()) / energy.std()),
            dated=True,
        )
        for style in range(styles.max() + 1)
    ]


def test_names_stay_when_a_twentieth_of_the_tracks_go_and_the_rest_is_measured_a_little_differently() -> None:
    same = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        styles = np.repeat(np.arange(12), 40)
        heard = random.random((12, 100))[styles] ** 6 + 0.1 * random.normal(size=(480, 100))
        tags = np.clip(heard, 0, 1).astype(np.float32)
        tempo, energy = (random.normal(size=12)[styles] + random.normal(size=480) for _ in range(2))
        before = names(_playlists(tags, styles, 110 + 20 * tempo, energy))
        left = random.random(480) > 0.05
        noisy = np.clip(tags * (1 + 0.05 * random.normal(size=tags.shape)), 0, 1).astype(np.float32)
        after = names(
            _playlists(noisy[left], styles[left], (110 + 20.2 * tempo)[left], energy[left] + 0.02 * random.normal())
        )
        same += sum(one == other for one, other in zip(before, after, strict=True))
    assert same >= 0.9 * 120
