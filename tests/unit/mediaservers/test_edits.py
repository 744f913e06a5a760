"""Turning one list into another by appending and removing."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from shared.mediaservers.edits import Edit, chunked, plan


class Playlist:
    """A server's list that can be appended to and removed from, and remembers how short it ever was."""

    def __init__(self, items: Sequence[str], *, repeats: bool) -> None:
        self.items = list(items)
        self.shortest = len(self.items)
        self._repeats = repeats

    def append(self, items: Sequence[str]) -> None:
        for item in items:
            if self._repeats or item not in self.items:
                self.items.append(item)

    def remove(self, positions: Sequence[int]) -> None:
        for position in positions:
            del self.items[position]
            self.shortest = min(self.shortest, len(self.items))

    def apply(self, edit: Edit[str], size: int) -> None:
        for items in chunked(edit.append, size):
            self.append(items)
        for positions in chunked(edit.remove, size):
            self.remove(positions)
        for items in chunked(edit.append_after, size):
            self.append(items)


def test_equal_lists_need_nothing() -> None:
    assert plan("abc", "abc").nothing
    assert plan("", "").nothing


def test_a_longer_list_is_only_appended_to() -> None:
    assert plan("ab", "abcd") == Edit(append=("c", "d"))


def test_what_lies_between_goes_highest_position_first() -> None:
    assert plan("axbyc", "abc") == Edit(remove=(3, 1))


def test_where_nothing_stays_the_new_comes_before_the_old_goes() -> None:
    assert plan("ab", "cd") == Edit(append=("c", "d"), remove=(1, 0))


def test_an_empty_list_is_wanted() -> None:
    assert plan("ab", "") == Edit(remove=(1, 0))


def test_without_repeats_an_item_goes_before_it_comes_back() -> None:
    assert plan("ab", "ba", repeats=False) == Edit(remove=(0,), append_after=("a",))


def test_without_repeats_strangers_bridge_the_gap() -> None:
    assert plan("ab", "cab", repeats=False) == Edit(append=("c",), remove=(1, 0), append_after=("a", "b"))


def test_without_repeats_each_item_is_wanted_once() -> None:
    assert plan("a", "aabb", repeats=False) == Edit(append=("b",))


@pytest.mark.parametrize("repeats", [True, False])
def test_any_list_becomes_any_other_and_never_runs_empty(repeats: bool) -> None:
    dice = random.Random(20)
    for _ in range(3000):
        alphabet = "abcdefgh"[: dice.randint(1, 8)]
        before = dice.choices(alphabet, k=dice.randint(1, 12))
        wanted = dice.choices(alphabet, k=dice.randint(0, 12))
        if not repeats:
            before = list(dict.fromkeys(before))
        playlist = Playlist(before, repeats=repeats)
        playlist.apply(plan(before, wanted, repeats=repeats), dice.randint(1, 5))
        assert playlist.items == (wanted if repeats else list(dict.fromkeys(wanted))), (before, wanted)
        assert playlist.shortest > 0 or not wanted, (before, wanted)


def test_chunks_hold_everything_in_order() -> None:
    assert list(chunked("abcde", 2)) == [("a", "b"), ("c", "d"), ("e",)]
    assert list(chunked("", 2)) == []


def test_a_chunk_of_nothing_is_no_chunk() -> None:
    with pytest.raises(ValueError, match="at least one"):
        list(chunked("abc", 0))
