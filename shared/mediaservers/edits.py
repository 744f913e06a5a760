"""How to turn the list a server holds into the list that is wanted, where a server can only append and remove.

The order is always: ``append``, then ``remove``, then ``append_after``. Done in that order, in chunks of any size, the
list is never empty in between unless nothing is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edit(Generic[T]):
    """Items to append, positions to remove, items to append after that.

    ``remove`` names positions of the list as it was at the beginning, highest first: appending does not move them,
    and removing them one by one or in chunks does not either.
    """

    append: tuple[T, ...] = ()
    remove: tuple[int, ...] = ()
    append_after: tuple[T, ...] = ()

    @property
    def nothing(self) -> bool:
        """The list is what it should be."""
        return not (self.append or self.remove or self.append_after)


def plan(current: Sequence[T], wanted: Sequence[T], *, repeats: bool = True) -> Edit[T]:
    """The fewest changes from ``current`` to ``wanted``: the longest beginning of ``wanted`` that ``current`` holds in
    this order stays, what lies between goes, the rest is appended. O(len(current) + len(wanted)).

    ``repeats=False`` is for servers that ignore an item they hold already: each item is wanted once, and none is
    appended before its old place is gone.
    """
    if not repeats:
        wanted = tuple(dict.fromkeys(wanted))
    kept, remove = 0, []
    for position, item in enumerate(current):
        if kept < len(wanted) and item == wanted[kept]:
            kept += 1
        else:
            remove.append(position)
    missing = tuple(wanted[kept:])
    first = len(missing) if repeats else _leading_strangers(missing, {current[position] for position in remove})
    return Edit(missing[:first], tuple(reversed(remove)), missing[first:])


def chunked(items: Sequence[T], size: int) -> Iterator[tuple[T, ...]]:
    """``items`` in order, ``size`` at a time; nothing for no items. Raises ``ValueError`` for a size below 1."""
    if size < 1:
        raise ValueError("a chunk holds at least one item")
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def _leading_strangers(items: Sequence[T], known: set[T]) -> int:
    """How many items at the beginning are not in ``known``. Where nothing of a list stays, its wanted beginning is
    not in it, so this is at least one and the list does not run empty."""
    return next((number for number, item in enumerate(items) if item in known), len(items))
