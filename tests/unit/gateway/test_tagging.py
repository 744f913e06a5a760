"""From probabilities to words."""

from __future__ import annotations

import numpy as np

from services.gateway.tagging import NO_STATS, TagStats, mood_strip, moods, read_tags, top_tags
from services.gateway.tags import INFO, TAG_INFO
from shared.embedding import TAG_COUNT, TAGS, FloatArray


def heard(**probabilities: float) -> FloatArray:
    """Probabilities by tag, with ``__`` for the colon and ``_`` for spaces; nothing else can be heard."""
    found = np.zeros(TAG_COUNT, np.float32)
    for name, value in probabilities.items():
        found[TAGS.index(name.replace("__", ":").replace("_", " "))] = value
    return found


def library(n: int = 1000, **means: float) -> TagStats:
    return TagStats(n, heard(**means), np.full(TAG_COUNT, 0.1, np.float32))


def test_every_tag_has_a_label_and_a_family() -> None:
    assert set(TAG_INFO) == set(TAGS)
    assert [info.tag for info in INFO] == list(TAGS)


def test_in_a_small_library_the_loudest_tags_come_first() -> None:
    [found] = top_tags(heard(msd__rock=0.6, msd__jazz=0.3, mtt__piano=0.4)[None], NO_STATS, 3)
    assert [(tag.label, tag.zscore) for tag in found] == [("rock", None), ("piano", None), ("jazz", None)]


def test_in_a_rock_library_rock_is_nothing_special() -> None:
    [found] = top_tags(heard(msd__rock=0.6, msd__jazz=0.3)[None], library(msd__rock=0.6), 2)
    assert [tag.label for tag in found] == ["jazz", "rock"]
    assert found[0].zscore == 3.0


def test_what_can_hardly_be_heard_never_leads_however_rare_it_is() -> None:
    stats = TagStats(1000, heard(), np.full(TAG_COUNT, 0.0001, np.float32))
    [found] = top_tags(heard(mtt__sitar=0.01, msd__rock=0.5)[None], stats, 2)
    assert [tag.label for tag in found] == ["rock", "sitar"]


def test_two_names_of_the_same_sound_count_once() -> None:
    [found] = top_tags(heard(msd__rock=0.5, mtt__rock=0.6, mtt__woman=0.3, mtt__female_voice=0.2)[None], NO_STATS, 2)
    assert [(tag.tag, tag.label) for tag in found] == [("mtt:rock", "rock"), ("mtt:woman", "female voice")]


def test_each_track_has_tags_of_its_own() -> None:
    both = np.stack([heard(msd__rock=0.5), heard(msd__jazz=0.5)])
    assert [[tag.label for tag in found] for found in top_tags(both, NO_STATS, 1)] == [["rock"], ["jazz"]]
    assert top_tags(read_tags([]), NO_STATS, 3) == []


def test_the_strip_stays_within_its_bars() -> None:
    loud = mood_strip(300.0, 1.2, float("nan"), 0.9)
    assert (loud.tempo, loud.energy, loud.brightness, loud.mood) == (1.0, 1.0, 0.0, 0.9)
    assert mood_strip(None, 0.0, 0.0, 0.5).tempo == 0.0


def test_a_sad_song_is_lower_on_the_last_bar_than_a_happy_one() -> None:
    sad, happy, silent = moods(
        np.stack([heard(msd__sad=0.4, mtt__slow=0.5), heard(msd__happy=0.4, msd__party=0.5), heard()])
    )
    assert sad < 0.3
    assert happy > 0.7
    assert silent == 0.5


def test_stored_half_floats_are_read_as_shares() -> None:
    content = np.array([1.001, -0.001, *[0.25] * 98], "<f2").tobytes()
    assert read_tags([content, content])[1].tolist()[:3] == [1.0, 0.0, 0.25]
