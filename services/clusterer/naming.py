"""Names for playlists that people would say, from what is heard in them: "Slow 70s soul at night".

What a word is worth is how far its tag stands out in the library (z-score) times the root of how clearly it is heard
(probability), so neither the rare and inaudible nor the loud and everywhere wins. A name depends on its playlist alone
unless two are alike; then both say more, until they differ. So a library that changed a little keeps its names.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from services.clusterer.naming_words import (
    ADJECTIVES,
    ANYTHING,
    BEFORE_NOUN,
    CALM,
    DANCE_GENRES,
    GENRES,
    HEARD,
    INSTRUMENTS,
    LIVELY,
    LOUD_GENRES,
    MOMENTS,
    OBVIOUS,
    PAIRS,
    ROAD_GENRES,
)
from shared.tagwords import INFO

FloatArray = npt.NDArray[np.float32]

LONGEST = 60
AUDIBLE = 0.04
"""A tag of a lower mean probability is not heard."""
_AGREE = 0.6
"""Share of the dated tracks that a decade needs, and of all tracks that must be dated."""
_STEP = 0.1
"""Worths are compared in steps of this size; within a step the order of the tables decides, not the noise."""
_SAID = (
    (),
    ("more",),
    ("more", "second"),
    ("more", "moment"),
    ("more", "second", "moment"),
    ("more", "moment", "key"),
    ("more", "moment", "tempo"),
    ("more", "moment", "key", "tempo"),
)
"""What is said beside what is always said, step by step, while a name is not the only one."""
_CLEARLY = 0.4
"""Standard deviations of the library from which energy or tempo count as high or low."""
_FEW = 20
"""Below this many tracks a library has no mean worth comparing with."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A label in a playlist: its z-score within the library and its mean probability."""

    zscore: float
    probability: float

    @property
    def worth(self) -> float:
        """How telling it is; also of something ordinary a little, or a library of one kind would have no names."""
        return (max(self.zscore, 0.0) + 0.25) * math.sqrt(self.probability)


@dataclass(frozen=True, slots=True)
class Portrait:
    """What a playlist is like, as far as its name is concerned. Deviations are z-scores within the library."""

    labels: Mapping[str, Heard] = field(default_factory=dict)
    tempo_bpm: float | None = None
    energy: float = 0.0
    brightness: float = 0.0
    tempo: float = 0.0
    decade: int | None = None
    dated: bool = False
    """Most tracks have a year, so tags need not guess the era."""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Backdrop:
    """Mean and deviation of each tag [100] in the library, which z-scores are measured against."""

    mean: FloatArray
    deviation: FloatArray

    @staticmethod
    def of(tags: FloatArray) -> Backdrop:
        """From the probabilities of all tracks [n, 100]; for a handful of tracks, nothing stands out of them."""
        if len(tags) < _FEW:
            return Backdrop(np.full(tags.shape[1], 0.1, np.float32), np.full(tags.shape[1], 0.1, np.float32))
        return Backdrop(tags.mean(axis=0), np.maximum(tags.std(axis=0), 0.01))

    def labels(self, tags: FloatArray) -> dict[str, Heard]:
        """What is audible in a playlist with these probabilities [tracks, 100]. Of the tags with one label the most
        telling gives the z-score, the clearest the probability."""
        mean = tags.mean(axis=0)
        scores = (mean - self.mean) / self.deviation
        found: dict[str, Heard] = {}
        for info, score, share in zip(INFO, scores.tolist(), mean.tolist(), strict=True):
            if share >= AUDIBLE:
                known = found.get(info.label, Heard(score, share))
                found[info.label] = Heard(max(known.zscore, score), max(known.probability, share))
        return found


def decade_of(years: Sequence[int]) -> tuple[int | None, bool]:
    """The decade that most tracks agree on, e.g. 1970, and whether enough of them have a year at all (0 is none)."""
    dated = [year // 10 * 10 for year in years if year > 0]
    if len(dated) < _AGREE * len(years) or not dated:
        return None, False
    decade, count = max(Counter(dated).items(), key=lambda item: (item[1], -item[0]))
    return (decade if count >= _AGREE * len(dated) else None), True


def names(portraits: Sequence[Portrait], taken: Sequence[str] = ()) -> list[str]:
    """A name for each, no two alike and none in ``taken`` (case aside), at most 60 characters."""
    ladders = [list(_ladder(portrait)) for portrait in portraits]
    levels = [0] * len(ladders)
    used = {name.casefold() for name in taken}
    while True:
        found = [ladder[level] for ladder, level in zip(ladders, levels, strict=True)]
        counts = Counter(name.casefold() for name in found)
        alike = [n for n, name in enumerate(found) if counts[name.casefold()] > 1 or name.casefold() in used]
        able = [n for n in alike if levels[n] + 1 < len(ladders[n])]
        if not able:
            # Whoever cannot be told apart by words gets a number, and that needs no more words before it.
            return distinct_names([ladders[n][0] if n in alike else name for n, name in enumerate(found)], taken)
        for number in able:
            levels[number] += 1


def distinct_names(wanted: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """``wanted`` with a number behind those that are already there, earlier ones first."""
    used = {name.casefold() for name in taken}
    result = []
    for name in wanted:
        number, free = 2, name
        while free.casefold() in used:
            suffix = f" {number}"
            free = name[: LONGEST - len(suffix)].rstrip() + suffix
            number += 1
        used.add(free.casefold())
        result.append(free)
    return result


def _ladder(portrait: Portrait) -> Iterator[str]:
    """Names for one playlist, each saying more than the one before, none too long."""
    words = _Words(portrait)
    last = ""
    for extras in _SAID:
        name = words.name(extras)
        if name != last and len(name) <= LONGEST:
            yield name
            last = name
    if not last:
        yield ANYTHING


class _Words:
    """The parts of one playlist's name."""

    def __init__(self, portrait: Portrait) -> None:
        self._portrait = portrait
        self._labels = portrait.labels
        self._used: set[str] = set()
        self._genre = self._best({label: weight for label, (_, weight) in GENRES.items()})
        self._instruments = self._telling({label: weight for label, (_, weight) in INSTRUMENTS.items()})
        self._noun = self._what()
        self._era = self._when()
        self._adjectives = self._how()

    def name(self, extras: tuple[str, ...]) -> str:
        """The name with these things said beside what is always said."""
        with_more = "more" in extras
        first = self._adjectives[:1]
        heard = [HEARD[label] for label in self._heard_after(with_more)[: 2 if "second" in extras else 1]]
        if with_more and not heard and len(self._adjectives) > 1:
            first.append(self._adjectives[1].lower())
        words = [*first, *([self._era] if self._era else []), self._noun]
        if heard:
            words += ["with", " and ".join(heard)]
        moment = self._moment("moment" in extras)
        if moment and ("moment" in extras or not heard):
            words.append(MOMENTS[moment])
        if "key" in extras and self._portrait.key:
            words.append(f"in {self._portrait.key}")
        if "tempo" in extras and self._portrait.tempo_bpm:
            words.append(f"around {round(self._portrait.tempo_bpm / 5) * 5} BPM")
        name = " ".join(words)
        return name[:1].upper() + name[1:]

    def _worth(self, label: str, weight: float = 1.0) -> float:
        return self._labels[label].worth * weight if label in self._labels else 0.0

    def _telling(self, weights: Mapping[str, float], least: float = 0.0) -> list[str]:
        """Labels that are heard, the most telling first, in coarse steps: see ``_STEP``."""
        order = {label: place for place, label in enumerate(weights)}
        heard = [label for label in weights if self._worth(label, weights[label]) > least]
        return sorted(heard, key=lambda label: (-round(self._worth(label, weights[label]) / _STEP), order[label]))

    def _best(self, weights: Mapping[str, float]) -> str | None:
        return next(iter(self._telling(weights)), None)

    def _what(self) -> str:
        """The noun: a genre, an instrument, or both."""
        genre, instruments = self._genre, self._instruments[:2]
        for label in instruments:
            if genre and (genre, label) in PAIRS and self._labels[label].zscore > 0.5:
                self._used |= {genre, label}
                return f"{BEFORE_NOUN.get(genre, genre)} {INSTRUMENTS[label][0]}"
        genre_worth = self._worth(genre, GENRES[genre][1]) if genre else 0.0
        if instruments and self._worth(instruments[0], INSTRUMENTS[instruments[0]][1]) > 1.25 * genre_worth:
            return self._instrument_noun(instruments[0])
        if genre is None:
            return ANYTHING.lower()
        self._used.add(genre)
        return GENRES[genre][0]

    def _instrument_noun(self, best: str) -> str:
        """One instrument, or two that are heard as clearly."""
        self._used.add(best)
        nouns = [INSTRUMENTS[best][0]]
        for other in self._instruments[1:2]:
            if self._worth(other, INSTRUMENTS[other][1]) > 0.6 * self._worth(best, INSTRUMENTS[best][1]):
                self._used.add(other)
                nouns.append(INSTRUMENTS[other][0])
        return " and ".join(nouns)

    def _when(self) -> str:
        """The era: of the years if they say one, else of the tags if they are sure and no year speaks."""
        if self._portrait.decade is not None:
            return f"{self._portrait.decade}s" if self._portrait.decade >= 2000 else f"{self._portrait.decade % 100}s"
        if self._portrait.dated:
            return ""
        for era in ("60s", "70s", "80s", "90s"):
            heard = self._labels.get(era)
            if heard and heard.zscore >= 1.0 and heard.probability >= 0.2:
                return era
        return ""

    def _how(self) -> list[str]:
        """Adjectives, the best first."""
        portrait = self._portrait
        obvious = self._obvious | ({"oldies"} if self._era else set())
        found = {
            word: self._worth(label)
            for label, word in ADJECTIVES.items()
            if label not in obvious and self._stands_out(label) and not self._denied(label)
        }
        measured = {
            "Slow": -portrait.tempo,
            "Fast": portrait.tempo,
            "Calm": -portrait.energy,
            "Driving": portrait.energy,
            "Dark": -portrait.brightness,
            "Bright": portrait.brightness,
        }
        for word, deviation in measured.items():
            if deviation > 0.7:
                found[word] = found.get(word, 0.0) + 0.25 * deviation
        order = {word: place for place, word in enumerate(found)}
        ranked = sorted(found.items(), key=lambda item: (-round(item[1] / _STEP), order[item[0]]))
        return [word for word, worth in ranked if worth > 0.2]

    def _denied(self, label: str) -> bool:
        """Whether energy or tempo within the library say the opposite: tags hear a beat that is "chillout" in full
        swing."""
        measured = self._portrait.tempo if label in ("slow", "fast") else self._portrait.energy
        return measured > _CLEARLY if label in CALM else measured < -_CLEARLY if label in LIVELY else False

    @property
    def _obvious(self) -> set[str]:
        """What need not be said beside the noun, or is in it."""
        return self._used.union(*(OBVIOUS.get(label, frozenset()) for label in self._used))

    def _stands_out(self, label: str) -> bool:
        return label in self._labels and self._labels[label].zscore > 0.4

    def _heard_after(self, with_more: bool) -> list[str]:
        """What may follow "with": things that stand out, or are at least heard when more is to be said."""
        weights = dict.fromkeys(HEARD, 1.0)
        least = 0.2 if with_more else 0.45
        obvious = self._obvious
        free = [label for label in self._telling(weights, least) if label not in obvious]
        return [label for label in free if self._labels[label].zscore > (0.3 if with_more else 0.8)]

    def _moment(self, extra: bool) -> str | None:
        """What the music is good for, if it is clearly good for something, or with ``extra`` if it leans there."""
        portrait, genre = self._portrait, self._genre or ""
        if portrait.energy <= (-0.2 if extra else -0.5):
            return "night" if portrait.brightness <= 0.2 else "morning"
        if portrait.energy >= (0.4 if extra else 0.7):
            if genre in LOUD_GENRES:
                return "loud" if self._adjectives[:1] != ["Loud"] else None
            return "dancing" if genre in DANCE_GENRES and (portrait.tempo_bpm or 0) >= 95 else "going"
        if not extra:
            return None
        lively = genre in LOUD_GENRES or genre in DANCE_GENRES
        return "road" if genre in ROAD_GENRES else "evening" if portrait.energy < 0.1 and not lively else None
