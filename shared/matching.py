"""Which proposed playlists are recognisably playlists that exist already: they share most of their tracks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar
from uuid import UUID

K = TypeVar("K")

SHARED_OF_BOTH = 0.25
"""Least share of common tracks in all tracks of the two (Jaccard): two playlists of one size have 40 % in common."""
SHARED_OF_SMALLER = 0.6
"""Or the least share of common tracks in the smaller one (overlap coefficient), if there are ``LEAST_COMMON``."""
LEAST_COMMON = 5


def match(proposals: Mapping[int, Iterable[UUID]], playlists: Mapping[K, Iterable[UUID]]) -> dict[int, K]:
    """Proposal number -> playlist, each playlist at most once; the pairs that have most in common first.

    The order of both mappings decides between equals, so the same input gives the same pairs.
    """
    holders: dict[UUID, list[K]] = defaultdict(list)
    sizes: dict[K, int] = {}
    for key, tracks in playlists.items():
        distinct = set(tracks)
        sizes[key] = len(distinct)
        for track in distinct:
            holders[track].append(key)
    places = {key: place for place, key in enumerate(sizes)}
    candidates: list[tuple[float, int, int, int, K]] = []
    for order, (number, tracks) in enumerate(proposals.items()):
        wanted = set(tracks)
        common: dict[K, int] = defaultdict(int)
        for track in wanted:
            for key in holders.get(track, ()):
                common[key] += 1
        for key, count in common.items():
            if recognisable(count, len(wanted), sizes[key]):
                share = count / (len(wanted) + sizes[key] - count)
                candidates.append((-share, order, places[key], number, key))
    return _one_to_one(candidates)


def recognise(
    became: Mapping[int, K], proposals: Mapping[int, Iterable[UUID]], playlists: Mapping[K, Iterable[UUID]]
) -> dict[int, K]:
    """Like ``match``, save that a proposal which was kept before is what it ``became``, whatever the two share now."""
    own = {number: became[number] for number in proposals if number in became}
    taken = set(own.values())
    others = {number: tracks for number, tracks in proposals.items() if number not in own}
    free = {key: tracks for key, tracks in playlists.items() if key not in taken}
    return own | match(others, free)


def recognisable(common: int, one: int, other: int) -> bool:
    """Whether two playlists of these sizes with ``common`` tracks in both are the same one, changed."""
    if not common:
        return False
    of_both, of_smaller = common / (one + other - common), common / min(one, other)
    return of_both >= SHARED_OF_BOTH or (of_smaller >= SHARED_OF_SMALLER and common >= LEAST_COMMON)


def _one_to_one(candidates: list[tuple[float, int, int, int, K]]) -> dict[int, K]:
    pairs: dict[int, K] = {}
    taken: set[K] = set()
    for *_, number, key in sorted(candidates, key=lambda candidate: candidate[:3]):
        if number not in pairs and key not in taken:
            pairs[number] = key
            taken.add(key)
    return pairs
