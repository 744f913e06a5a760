"""From clusters to groups of tracks that have the size of a playlist: limits, splitting, merging, choosing.

A group is an array of rows, the core first. Everything works on sums over groups; nothing is n by n.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]

_SPLIT_ROUNDS = 12
_NEARLY = 0.6
"""Share of a smallest playlist from which a group may borrow what it lacks."""
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """Most tracks of one artist and one album in a playlist. ``loosen`` where the library has too few of them: then as
    many more as a smallest playlist needs, and enough for two thirds of a group."""

    per_artist: int
    per_album: int
    loosen_artists: bool
    loosen_albums: bool
    tracks_min: int
    tracks_max: int


@dataclass(frozen=True, slots=True)
class Shelf:
    """The tracks that groups are made of, all of length ``n``. A number below 0 is nobody's and never limited."""

    vectors: FloatArray
    """[n, d], unit length."""
    artist: Rows
    album: Rows


def core_first(shelf: Shelf, rows: Rows) -> Rows:
    """``rows`` with those nearest to the middle first."""
    vectors = shelf.vectors[rows]
    near = vectors @ unit(vectors.mean(axis=0))
    return rows[np.lexsort((rows, -near))]


def picked(shelf: Shelf, rows: Rows, limits: Limits) -> Rows:
    """What a playlist takes of ``rows`` (core first): within the limits, at most ``tracks_max``."""
    artists, albums = occurrence(shelf.artist[rows]), occurrence(shelf.album[rows])
    enough = min(max(limits.tracks_min, 2 * len(rows) // 3), limits.tracks_max, len(rows))
    per_artist, per_album = limits.per_artist, limits.per_album
    while True:
        taken = (artists < per_artist) & (albums < per_album)
        if int(taken.sum()) >= enough:
            break
        more = _looser(artists, albums, per_artist, per_album, limits)
        if more is None:
            break
        per_artist, per_album = more
    return rows[taken][: limits.tracks_max]


def _looser(artists: Rows, albums: Rows, per_artist: int, per_album: int, limits: Limits) -> tuple[int, int] | None:
    """One more of an album, or of an artist where albums are not what stops; None when neither may be or helps."""
    album_stops = bool((albums >= per_album).any()) and limits.loosen_albums
    artist_stops = bool((artists >= per_artist).any()) and limits.loosen_artists
    if album_stops and (per_album <= per_artist or not artist_stops):
        return per_artist, per_album + 1
    return (per_artist + 1, per_album) if artist_stops else None


def occurrence(numbers: Rows) -> Rows:
    """For each place how often its number came before it; 0 for numbers below 0."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    first = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1)) if len(ordered) else np.empty(0, np.intp)
    lengths = np.diff(np.append(first, len(ordered)))
    result = np.empty(len(numbers), np.intp)
    result[order] = np.arange(len(numbers)) - np.repeat(first, lengths)
    result[numbers < 0] = 0
    return result


def unit(vector: FloatArray) -> FloatArray:
    """``vector`` with length 1; one without a direction stays as it is."""
    length = float(np.linalg.norm(vector))
    return (vector / length).astype(np.float32) if length > 1e-9 else vector


def split(shelf: Shelf, groups: list[Rows], limits: Limits, most: int, seed: int) -> list[Rows]:
    """Halve the largest group (2-means, seeded) until each fits into a playlist or there are ``most`` groups. A group
    whose half would be too small for a playlist stays whole."""
    waiting = [
        (-len(picked_all), number, rows)
        for number, (picked_all, rows) in enumerate((_unbounded(shelf, rows, limits), rows) for rows in groups)
    ]
    heapq.heapify(waiting)
    done: list[Rows] = []
    counter = len(waiting)
    while waiting:
        size, number, rows = heapq.heappop(waiting)
        halves = None
        if -size > limits.tracks_max and len(done) + len(waiting) + 1 < most:
            halves = _halves(shelf, rows, limits, np.random.default_rng((seed, number)))
        if halves is None:
            done.append(rows)
            continue
        for half in halves:
            heapq.heappush(waiting, (-len(_unbounded(shelf, half, limits)), counter, half))
            counter += 1
    return done


def _unbounded(shelf: Shelf, rows: Rows, limits: Limits) -> Rows:
    """What the limits leave of a group, however many."""
    artists, albums = occurrence(shelf.artist[rows]), occurrence(shelf.album[rows])
    artist_ok = (artists < limits.per_artist) | limits.loosen_artists
    album_ok = (albums < limits.per_album) | limits.loosen_albums
    return rows[artist_ok & album_ok]


def _halves(shelf: Shelf, rows: Rows, limits: Limits, random: np.random.Generator) -> tuple[Rows, Rows] | None:
    """Two groups that sound different, each large enough; None when there are none. Spherical 2-means from two tracks
    far from each other; then the border moves until the smaller half is large enough."""
    vectors = shelf.vectors[rows]
    start = vectors[random.integers(len(rows))]
    one = vectors[int((vectors @ start).argmin())]
    other = vectors[int((vectors @ one).argmin())]
    lean = vectors @ (one - other)
    for _ in range(_SPLIT_ROUNDS):
        left = lean > 0
        if left.all() or not left.any():
            break
        lean = vectors @ (unit(vectors[left].mean(axis=0)) - unit(vectors[~left].mean(axis=0)))
        if np.array_equal(left, lean > 0):
            break
    least = min(len(rows) // 2, max(limits.tracks_min, len(rows) // 5))
    order = np.lexsort((rows, -lean))
    cut = int(np.clip((lean > 0).sum(), least, len(rows) - least))
    halves = np.sort(rows[order[:cut]]), np.sort(rows[order[cut:]])
    if any(len(_unbounded(shelf, half, limits)) < min(limits.tracks_min, limits.tracks_max) for half in halves):
        return None
    return halves


def top_up(shelf: Shelf, groups: list[Rows], limits: Limits) -> list[Rows]:
    """Let each group that lacks only a little of a playlist borrow the tracks that sound nearest to it from groups that
    can spare them: joined with a whole other group, what makes it special would be lost."""
    groups = list(groups)
    sizes = [len(picked(shelf, core_first(shelf, rows), limits)) for rows in groups]
    for number in sorted(range(len(groups)), key=lambda number: (-sizes[number], number)):
        if _NEARLY * limits.tracks_min <= sizes[number] < limits.tracks_min:
            changed = _borrowed(shelf, groups, sizes, number, limits)
            for other, rows in changed.items():
                groups[other] = rows
                sizes[other] = len(picked(shelf, core_first(shelf, rows), limits))
    return groups


def _borrowed(shelf: Shelf, groups: list[Rows], sizes: list[int], number: int, limits: Limits) -> dict[int, Rows]:
    """The groups that change when ``number`` borrows as many tracks as it lacks; none if it cannot."""
    spare = {other: size - limits.tracks_min for other, size in enumerate(sizes) if size > limits.tracks_min}
    if not spare:
        return {}
    rows = np.concatenate([groups[other] for other in spare])
    owners = np.concatenate([np.full(len(groups[other]), other) for other in spare])
    near = shelf.vectors[rows] @ unit(shelf.vectors[groups[number]].mean(axis=0))
    grown, size, taken = groups[number], sizes[number], dict.fromkeys(spare, 0)
    for place in np.lexsort((rows, -near))[: _TRIES * limits.tracks_min].tolist():
        owner = int(owners[place])
        with_it = np.append(grown, rows[place])
        if taken[owner] < spare[owner] and len(picked(shelf, with_it, limits)) > size:
            grown, size = with_it, size + 1
            taken[owner] += 1
        if size == limits.tracks_min:
            left = {other: np.setdiff1d(groups[other], grown) for other in spare if taken[other]}
            if all(len(picked(shelf, core_first(shelf, some), limits)) >= limits.tracks_min for some in left.values()):
                return {number: np.sort(grown), **left}
            break
    return {}


def merge(shelf: Shelf, groups: list[Rows], limits: Limits) -> list[Rows]:
    """Join each group that is too small for a playlist, the smallest first, with the group that sounds nearest."""
    groups = list(groups)
    sums = np.array([shelf.vectors[rows].sum(axis=0) for rows in groups], np.float32)
    sizes = [len(picked(shelf, core_first(shelf, rows), limits)) for rows in groups]
    while len(groups) > 1 and min(sizes) < limits.tracks_min:
        small = min(range(len(groups)), key=lambda number: (sizes[number], number))
        centres = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
        near = centres @ centres[small]
        near[small] = -np.inf
        target = int(near.argmax())
        groups[target] = np.sort(np.concatenate([groups[target], groups[small]]))
        sums[target] += sums[small]
        sizes[target] = len(picked(shelf, core_first(shelf, groups[target]), limits))
        del groups[small], sizes[small]
        sums = np.delete(sums, small, axis=0)
    return groups


def most_different(centres: FloatArray, weights: FloatArray, most: int) -> list[int]:
    """Numbers of at most ``most`` groups: the weightiest first, then always the one whose distance to those chosen,
    times its weight, is greatest. (Farthest-point order: T. F. Gonzalez, "Clustering to minimize the maximum
    intercluster distance", Theoretical Computer Science 38, 1985.)"""
    chosen: list[int] = []
    apart = np.ones(len(centres), np.float64)
    for _ in range(min(most, len(centres))):
        value = np.sqrt(np.maximum(apart, 1e-6)) * weights
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
        apart = np.minimum(apart, 1.0 - centres @ centres[chosen[-1]])
    return chosen
