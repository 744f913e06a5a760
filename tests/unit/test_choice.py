"""Which tracks of a listing need which work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.fetcher.choice import choose, skip_reason
from services.fetcher.library import Known
from shared.embedding import FEATURE_VERSION, SPACE
from shared.mediaservers.base import ListedItem
from tests import given

ITEM = ListedItem(item_id="1.ogg", content_version="c2", meta_version="m2")
ANALYSED = Known(
    content_version="c2",
    meta_version="m2",
    removed=False,
    failed=False,
    failed_for_good=False,
    analysed_content="c2",
    feature_version=FEATURE_VERSION,
    space=SPACE,
    profile="fast",
)


def test_a_new_track_is_described_and_analysed() -> None:
    choice = choose([(given.track(1), ITEM)], {}, "needed", "fast")
    assert choice.describe == (ITEM,)
    assert choice.analyse == ((given.track(1), ITEM),)
    assert (choice.skip, choice.unchanged) == ((), ())


def test_a_known_and_analysed_track_needs_nothing() -> None:
    choice = choose([(given.track(1), ITEM)], {given.track(1): ANALYSED}, "needed", "fast")
    assert choice.unchanged == (given.track(1),)
    assert choice.skip == ((given.track(1), "unchanged"),)
    assert (choice.describe, choice.analyse) == ((), ())


def test_changed_tags_are_described_again_without_another_analysis() -> None:
    known = replace(ANALYSED, meta_version="m1")
    choice = choose([(given.track(1), ITEM)], {given.track(1): known}, "needed", "fast")
    assert choice.describe == (ITEM,)
    assert choice.skip == ((given.track(1), "unchanged"),)


def test_a_track_that_was_gone_is_described_anew_and_keeps_its_analysis() -> None:
    choice = choose([(given.track(1), ITEM)], {given.track(1): replace(ANALYSED, removed=True)}, "needed", "fast")
    assert choice.describe == (ITEM,)
    assert choice.analyse == ()


@pytest.mark.parametrize(
    ("known", "scope", "profile", "reason"),
    [
        (ANALYSED, "all", "fast", None),
        (ANALYSED, "needed", "full", None),
        (replace(ANALYSED, profile="full"), "needed", "full", "unchanged"),
        (replace(ANALYSED, profile="full"), "needed", "fast", "unchanged"),
        (replace(ANALYSED, content_version="c1", analysed_content="c1"), "needed", "fast", None),
        (replace(ANALYSED, feature_version=FEATURE_VERSION - 1), "needed", "fast", None),
        (replace(ANALYSED, space="older"), "needed", "fast", None),
        (replace(ANALYSED, analysed_content=None), "needed", "fast", None),
        (replace(ANALYSED, failed=True, failed_for_good=True), "needed", "fast", "unreadable_before"),
        (replace(ANALYSED, content_version="c1", failed=True, failed_for_good=True), "needed", "full", None),
        (replace(ANALYSED, failed=True, analysed_content=None), "needed", "fast", None),
        (replace(ANALYSED, failed=True, failed_for_good=True), "failed", "fast", None),
        (ANALYSED, "failed", "fast", "not_selected"),
        (None, "failed", "fast", "not_selected"),
        (None, "needed", "fast", None),
    ],
)
def test_the_rules_of_skipping(known: Known | None, scope: str, profile: str, reason: str | None) -> None:
    assert skip_reason(known, ITEM, scope, profile) == reason  # type: ignore[arg-type]
