"""The order in which a playlist is heard: a path through tempo, key, energy and sound without hard jumps.

What a step from one track to the next costs is known for every pair (0 none, 1 as far as it gets), how well a track
suits a place in the energy arc for every place. A greedy path is improved until neither turning a stretch around nor
moving one track makes it cheaper (2-opt and or-opt: G. A. Croes, "A method for solving traveling-salesman problems",
Operations Research 6, 1958; I. Or, 1976). Nothing is random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.integer]
DoubleArray = npt.NDArray[np.float64]
Order = npt.NDArray[np.intp]

_TEMPO, _KEY, _ENERGY, _SOUND = 0.25, 0.2, 0.2, 0.35
"""Weights of the four parts of a step; their sum is 1."""
_SAME_ARTIST = 3.0
"""Cost of an artist after itself: more than any step may cost, so it happens only where nothing else is possible."""
_ARC = 0.6
"""Weight of the energy arc against the cost of steps."""
_TEMPO_REACH = 0.3
"""Octaves of tempo after which a step is as far as it gets: 100 to 123 BPM."""
_OCTAVE_COST = 0.15
"""Half and double time feel related, but not the same."""
_BLOCK = 96
"""Places improved together; a longer playlist is improved in blocks that overlap by half."""
_ENOUGH = 1e-4
_AT_ONCE = 256
"""Changes looked at in one round; those that do not touch each other are all made."""
_PEAK_AT = 0.65
"""Place of the liveliest track in a playlist, 0 first, 1 last."""


@dataclass(frozen=True, slots=True)
class Sounds:
    """What sequencing looks at; all of length ``n``. NaN and -1 are unknown."""

    tempo_bpm: FloatArray
    key: IntArray
    """0 (C) to 11 (B)."""
    scale: IntArray
    """1 major, 0 minor."""
    energy: FloatArray
    vectors: FloatArray
    """[n, d], unit length."""
    artist: Sequence[str | None]


def sequence(sounds: Sounds) -> Order:
    """The indices 0..n-1 in listening order. The same input gives the same path. Time grows with n squared: 80 tracks
    take milliseconds, 2,000 less than a second."""
    n = len(sounds.tempo_bpm)
    if n < 3:
        return np.arange(n)
    costs = step_costs(sounds) + _SAME_ARTIST * _same_artist(sounds.artist)
    places, arc = _ranks(sounds.energy), _arc(n)
    path = _greedy(costs, places, arc)
    if n <= _BLOCK:
        return _improved(path, 0, n, costs, places, arc)
    for start in [*range(0, n, _BLOCK // 2), *range(_BLOCK // 4, n, _BLOCK // 2)]:
        path = _improved(path, start, min(n, start + _BLOCK), costs, places, arc)
    return path


def smoothness(sounds: Sounds, order: Order) -> float:
    """How smoothly the tracks follow each other in ``order``: 1 minus the mean cost of a step, 0..1."""
    if len(order) < 2:
        return 1.0
    return float(1.0 - step_costs(sounds)[order[:-1], order[1:]].mean())


def artist_repeats(artist: Sequence[str | None], order: Order) -> int:
    """How often an artist follows itself in ``order``."""
    return int(_same_artist(artist)[order[:-1], order[1:]].sum())


def step_costs(sounds: Sounds) -> FloatArray:
    """[n, n]: the cost of a step between two tracks, 0..1, symmetric; of something unknown, half."""
    cosines = np.clip(sounds.vectors @ sounds.vectors.T, -1.0, 1.0)
    energy = np.nan_to_num(np.abs(sounds.energy[:, None] - sounds.energy[None, :]), nan=0.5)
    total = (
        _TEMPO * _tempo_costs(sounds.tempo_bpm)
        + _KEY * _key_costs(sounds.key, sounds.scale)
        + _ENERGY * np.clip(2 * energy, 0.0, 1.0)
        + _SOUND * np.sqrt((1.0 - cosines) / 2.0)
    )
    result: FloatArray = total.astype(np.float32)
    return result


def _tempo_costs(tempo_bpm: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        octaves = np.log2(np.where(tempo_bpm > 0, tempo_bpm, np.nan))
    apart = np.abs(octaves[:, None] - octaves[None, :])
    related = np.minimum(apart, np.abs(apart - 1.0) + _OCTAVE_COST * _TEMPO_REACH)
    result: FloatArray = np.nan_to_num(np.clip(related / _TEMPO_REACH, 0.0, 1.0), nan=0.5)
    return result


def _key_costs(key: IntArray, scale: IntArray) -> FloatArray:
    """Steps round the circle of fifths, a minor key standing where its parallel of the same notes does (three
    semitones above): the neighbours of the Camelot wheel that disc jockeys mix by."""
    major = np.where(scale == 0, key + 3, key)
    place = (major * 7) % 12
    apart = np.abs(place[:, None] - place[None, :])
    steps = np.minimum(apart, 12 - apart) + 0.5 * (scale[:, None] != scale[None, :])
    unknown = (key < 0) | (scale < 0)
    costs = np.clip(steps / 6.0, 0.0, 1.0)
    result: FloatArray = np.where(unknown[:, None] | unknown[None, :], 0.5, costs).astype(np.float32)
    return result


def _same_artist(artist: Sequence[str | None]) -> FloatArray:
    """[n, n]: 1 where two tracks are by one artist. A track without an artist is nobody's."""
    names = [name.casefold().strip() if name else "" for name in artist]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    who = np.array([numbers[name] for name in names])
    known = np.array([bool(name) for name in names])
    same: npt.NDArray[np.bool_] = (who[:, None] == who[None, :]) & known[:, None]
    np.fill_diagonal(same, False)
    result: FloatArray = same.astype(np.float32)
    return result


def _ranks(values: FloatArray) -> FloatArray:
    """0 (the least) to 1 (the most); what is unknown stands in the middle."""
    filled = np.where(np.isfinite(values), values, np.nanmedian(values) if np.isfinite(values).any() else 0.0)
    ranks = np.empty(len(values), np.float32)
    ranks[np.argsort(filled, kind="stable")] = np.linspace(0.0, 1.0, len(values))
    return ranks


def _arc(n: int) -> FloatArray:
    """The energy wanted at each place, as a rank: from below the middle up to the peak, then down to rest."""
    arc: FloatArray = np.interp(np.linspace(0.0, 1.0, n), [0.0, _PEAK_AT, 1.0], [0.25, 1.0, 0.0]).astype(np.float32)
    return arc


def _greedy(costs: FloatArray, places: FloatArray, arc: FloatArray) -> Order:
    n = len(places)
    left = np.zeros(n, np.float32)
    path = np.empty(n, np.intp)
    step = np.zeros(n, np.float32)
    for place in range(n):
        path[place] = np.argmin(step + _ARC * (places - arc[place]) ** 2 + left)
        left[path[place]] = np.inf
        step = costs[path[place]]
    return path


def _improved(path: Order, start: int, end: int, costs: FloatArray, places: FloatArray, arc: FloatArray) -> Order:
    """``path`` with the places from ``start`` to before ``end`` put into a better order; what is around stays."""
    path = path.copy()
    block = _Block(path, start, end, costs, places, arc)
    for _ in range(4 * (end - start)):
        if not block.better():
            break
    path[start:end] = block.path
    return path


class _Block:
    """A stretch of the path, and the cheapest next changes to it. All are weighed at once, as [m, m] arrays."""

    def __init__(
        self, path: Order, start: int, end: int, costs: FloatArray, places: FloatArray, arc: FloatArray
    ) -> None:
        self.path = path[start:end].copy()
        self._m = m = end - start
        self._arc = arc[start:end].astype(np.float64)
        # The block stands between the tracks before and after it; where the path ends, a step costs nothing.
        self._members = np.concatenate([[path[start - 1]], self.path, [path[end % len(path)]]])
        self._energy = places[self._members].astype(np.float64)
        self._costs = costs[np.ix_(self._members, self._members)].astype(np.float64)
        if start == 0:
            self._costs[0, :] = self._costs[:, 0] = 0.0
        if end == len(path):
            self._costs[-1, :] = self._costs[:, -1] = 0.0
        self._at = np.arange(m + 2)
        rows = np.arange(m)
        self._rows, self._columns = rows[:, None], rows[None, :]
        self._upper = self._rows < self._columns
        mirror = np.arange(2 * m - 1)[:, None] - rows[None, :]
        self._mirrored_arc = np.where((mirror >= 0) & (mirror < m), self._arc[np.clip(mirror, 0, m - 1)], 0.0)

    def better(self) -> bool:
        """Make the changes that save most and do not touch each other; False when none saves anything."""
        order = self._at
        costs, energy = self._costs[np.ix_(order, order)], self._energy[order[1:-1]]
        savings = np.concatenate([self._turns(costs, energy).ravel(), self._moves(costs, energy).ravel()])
        best = np.argpartition(savings, min(_AT_ONCE, savings.size - 1))[:_AT_ONCE]
        best = best[savings[best] < -_ENOUGH]
        touched = np.zeros(self._m + 2, bool)
        for change in best[np.lexsort((best, savings[best]))].tolist():
            kind, pair = divmod(change, self._m * self._m)
            first, last = divmod(pair, self._m)
            low, high = min(first, last), max(first, last)
            if not touched[low : high + 3].any():
                touched[low + 1 : high + 2] = True
                self._change(order[1:-1], kind == 0, first, last)
        self.path = self._members[order[1:-1]]
        return len(best) > 0

    @staticmethod
    def _change(inner: Order, turn: bool, first: int, last: int) -> None:
        """Turn the places ``first`` to ``last`` around, or move the track at ``first`` to ``last``; in place."""
        low, high = min(first, last), max(first, last) + 1
        stretch = inner[low:high]
        inner[low:high] = stretch[::-1].copy() if turn else np.roll(stretch, -1 if first < last else 1)

    def _turns(self, costs: DoubleArray, energy: DoubleArray) -> DoubleArray:
        """[m, m]: what turning the places i..j around costs; infinite where j is not after i."""
        edges = np.diagonal(costs, 1)
        joined = costs[:-2, 1:-1] + costs[1:-1, 2:]
        steps = joined - edges[:-1, None] - edges[None, 1:]
        # The arc costs the squared distance of energy and wish. The squares themselves do not change with the order,
        # so only the products count: along an anti-diagonal for a stretch turned around.
        sums = np.zeros((2 * self._m - 1, self._m + 1))
        np.cumsum(energy[None, :] * self._mirrored_arc, axis=1, out=sums[:, 1:])
        both = self._rows + self._columns
        turned = sums[both, self._columns + 1] - sums[both, self._rows]
        straight = np.concatenate([[0.0], np.cumsum(energy * self._arc)])
        kept = straight[None, 1:] - straight[:-1, None]
        return np.where(self._upper, steps - 2 * _ARC * (turned - kept), np.inf)

    def _moves(self, costs: DoubleArray, energy: DoubleArray) -> DoubleArray:
        """[m, m]: what taking the track at place i and putting it at place j costs; infinite where i is j."""
        edges = np.diagonal(costs, 1)
        closing = np.diagonal(costs, 2) - edges[:-1] - edges[1:]
        inner = costs[1:-1]
        down = inner[:, 1:-1] + inner[:, 2:] - edges[None, 1:]
        up = inner[:, :-2] + inner[:, 1:-1] - edges[None, :-1]
        steps = closing[:, None] + np.where(self._upper, down, up)
        own = energy[:, None] * (self._arc[None, :] - self._arc[:, None])
        falls = self._arc[:-1] - self._arc[1:]
        back = np.concatenate([[0.0], np.cumsum(energy[1:] * falls)])
        forth = np.concatenate([[0.0], np.cumsum(energy[:-1] * -falls)])
        others = np.where(self._upper, back[None, :] - back[:, None], forth[:, None] - forth[None, :])
        return np.where(self._rows == self._columns, np.inf, steps - 2 * _ARC * (own + others))
