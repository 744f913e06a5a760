"""Which tracks are the same recording, so that a playlist has it once.

Two tracks are one when their audio is equal, or when they sound alike (cosine above 0.995) and are equally long (within
1.5 s) or have the same title and artist once "(live)", "[2011 remaster]" and the like are taken off.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from services.clusterer.library import FloatArray, Library

Rows = npt.NDArray[np.intp]
Kept = npt.NDArray[np.bool_]

ALIKE = 0.995
EQUALLY_LONG_S = 1.5
_MOST_NEIGHBOURS = 1500
"""Tracks of nearly the same length that one is compared with; bounds the work where everything is equally long."""
_BLOCK = 256
_DIRECTIONS = 48
_FEW = 2000
"""Tracks that are compared in all directions, and the size of the sample that shows the few that matter."""
_BRACKETS = re.compile(r"\s*[(\[{][^)\]}]*[)\]}]")
_SUFFIX = re.compile(r"\s+-\s+[^-]*\b(live|remaster(ed)?|version|edit|mix|mono|stereo|demo|bonus)\b.*$", re.IGNORECASE)
_OTHER = re.compile(r"[^\w]+")


def distinct(library: Library) -> Rows:
    """The rows of one track of each recording, ascending: the one that is best described, the first among equals.
    100,000 tracks take a few seconds."""
    kept = np.ones(len(library), bool)
    rank = _described(library)
    for members in _runs(library.audio_hash.tolist(), list(range(len(library)))):
        _keep_best(members, rank, kept)
    _drop_same_title(library, rank, kept)
    while _drop_same_length(library, rank, kept):
        pass
    return np.flatnonzero(kept)


def plain_title(title: str) -> str:
    """``title`` without brackets, remarks after a dash, accents, case and punctuation; empty if nothing else."""
    bare = _SUFFIX.sub("", _BRACKETS.sub("", title))
    return _OTHER.sub("", unicodedata.normalize("NFKD", bare).casefold())


def _described(library: Library) -> Rows:
    """Rank of each track, 0 the one to keep first."""
    poor = [
        (not artist) + (not album) + (not year) + (not title) + bool(_BRACKETS.search(title))
        for title, artist, album, year in zip(
            library.title, library.artist, library.album, library.year.tolist(), strict=True
        )
    ]
    rank = np.empty(len(library), np.intp)
    rank[np.argsort(poor, kind="stable")] = np.arange(len(library))
    return rank


def _keep_best(members: Sequence[int] | Rows, rank: Rows, kept: Kept) -> None:
    """Of ``members`` keep the one of lowest rank. In place."""
    rows = np.asarray(members)
    kept[rows] = False
    kept[rows[rank[rows].argmin()]] = True


def _runs(keys: list[str], rows: list[int]) -> Iterator[list[int]]:
    """Rows that share a key that is not empty, two at least."""
    known = sorted((key, row) for key, row in zip(keys, rows, strict=True) if key)
    for _, found in groupby(known, key=lambda item: item[0]):
        members = [row for _, row in found]
        if len(members) > 1:
            yield members


def _drop_same_title(library: Library, rank: Rows, kept: Kept) -> None:
    titles, artists, rows = library.title, library.artist, np.flatnonzero(kept)
    plain = [(plain_title(titles[row]), (artists[row] or "").casefold().strip()) for row in rows]
    keys = [f"{title}\x00{artist}" if title and artist else "" for title, artist in plain]
    for members in _runs(keys, rows.tolist()):
        few = np.array(members[:_MOST_NEIGHBOURS])
        alike = library.vectors[few] @ library.vectors[few].T > ALIKE
        for row, others in zip(few.tolist(), alike, strict=True):
            same = few[others & kept[few]]
            if kept[row] and len(same) > 1:
                _keep_best(same, rank, kept)


def _drop_same_length(library: Library, rank: Rows, kept: Kept) -> bool:
    """Sorted by length, each track is compared with those that follow within reach. A turn into few directions only
    makes distances smaller, so whatever is too far apart there is so in truth: few pairs are left to look at.
    True when so many are equally long that another look at those left may find more."""
    known = np.flatnonzero(kept & np.isfinite(library.duration_s))
    order = known[np.argsort(library.duration_s[known], kind="stable")]
    lengths = library.duration_s[order].astype(np.float64)
    turned = _turned(library.vectors[order])
    before, cut = len(order), False
    for start in range(0, len(order), _BLOCK):
        stop = min(start + _BLOCK, len(order))
        end = int(np.searchsorted(lengths, lengths[stop - 1] + EQUALLY_LONG_S, side="right"))
        here = np.arange(start, min(end, stop + _MOST_NEIGHBOURS))
        cut = cut or end > stop + _MOST_NEIGHBOURS
        here = here[kept[order[here]]]
        first, second = _near(library.vectors, order[here], turned[here], int((here < stop).sum()))
        first, second = here[first], here[second]
        close = np.abs(lengths[first] - lengths[second]) <= EQUALLY_LONG_S
        _drop_pairs(order[first[close]], order[second[close]], rank, kept)
    return cut and int(kept[order].sum()) < before


def _drop_pairs(first: Rows, second: Rows, rank: Rows, kept: Kept) -> None:
    """Each of ``first`` (equal ones beside each other) with all its partners in ``second``; a track that has gone
    takes nobody along, so that a chain of small differences does not make one recording of many."""
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    for row, partners in zip(first[starts].tolist(), np.split(second, starts[1:]), strict=False):
        left = partners[kept[partners]]
        if kept[row] and len(left):
            _keep_best(np.append(left, row), rank, kept)


def _near(vectors: FloatArray, rows: Rows, turned: FloatArray, first: int) -> tuple[Rows, Rows]:
    """Pairs i < j of ``rows``, i before ``first``, that sound alike; pairs of one i are beside each other."""
    halves = (turned**2).sum(axis=1) / 2.0
    i, j = np.nonzero(turned[:first] @ turned.T - halves[None, :] > halves[:first, None] - (1.0 - ALIKE) - 1e-4)
    i, j = i[j > i], j[j > i]
    if len(i) > 8 * len(rows):  # so many that comparing everything at once is cheaper
        alike = vectors[rows[:first]] @ vectors[rows].T > ALIKE
        i, j = np.nonzero(np.triu(alike, 1))
        return i, j
    alike = np.einsum("ij,ij->i", vectors[rows[i]], vectors[rows[j]]) > ALIKE
    return i[alike], j[alike]


def _turned(vectors: FloatArray) -> FloatArray:
    """``vectors`` [n, 400] along about those 48 directions in which a sample of them differs most [n, 48]; as they are
    if there are few. The directions come from a randomised range finder, which is much cheaper than a decomposition:
    N. Halko, P.-G. Martinsson and J. A. Tropp, "Finding structure with randomness", SIAM Review 53, 2011."""
    if len(vectors) < _FEW:
        return vectors
    sample = vectors[:: len(vectors) // _FEW]
    sample = sample - sample.mean(axis=0)
    start = np.random.default_rng(0).normal(size=(vectors.shape[1], _DIRECTIONS)).astype(np.float32)
    directions, _ = np.linalg.qr(sample.T @ (sample @ start))
    result: FloatArray = vectors @ directions.astype(np.float32)
    return result
