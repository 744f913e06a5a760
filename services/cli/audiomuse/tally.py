"""What became of the rows of an import, and how that is told. Bounded, however many there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.cli.wording import clean, count

NAMED = 20
"""Tracks that are named for each reason."""


@dataclass
class Tally:
    """Counts, and the first few names of what was left out."""

    states: Counter[str] = field(default_factory=Counter)
    matched: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    names: dict[str, list[str]] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """Rows that Starling has nothing of."""
        return self.states["unknown"] + self.refused.total()

    def refuse(self, row: Mapping[str, Any], reason: str) -> None:
        """A row that cannot be read."""
        self.refused[reason] += 1
        self._name(reason, row)

    def add(self, item: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """What the gateway made of an item."""
        self.states[outcome["state"]] += 1
        if outcome["matched_by"] and outcome["state"] != "double":
            self.matched[outcome["matched_by"]] += 1
        if outcome["state"] in ("unknown", "double"):
            self._name(outcome["state"], item)

    def _name(self, reason: str, row: Mapping[str, Any]) -> None:
        names = self.names.setdefault(reason, [])
        if len(names) < NAMED:
            artist, title = row.get("artist") or row.get("author"), row.get("title") or "untitled"
            names.append(clean(f"{artist} - {title} ({row['item_id']})" if artist else f"{title} ({row['item_id']})"))

    def lines(self, library: str, *, dry_run: bool) -> list[str]:
        """The summary."""
        new, known = self.states["taken"], self.states["known"]
        done = "Would take over" if dry_run else "Took over"
        lines = [f"{done} {_analyses(new)} into {clean(library)}; {known:,} had been taken over before."]
        if other := self.matched["path"] + self.matched["names"]:
            lines.append(f"{other:,} of them by path or names, since the library does not know their ids.")
        lines += self._group("double", self.states["double"], "left out, since another one stands for the same track")
        lines += self._group("unknown", self.states["unknown"], f"unknown: {clean(library)} has no such track")
        for reason, number in self.refused.most_common():
            lines += self._group(reason, number, f"refused: {reason}")
        return lines

    def _group(self, reason: str, number: int, words: str) -> list[str]:
        names = self.names.get(reason, [])
        more = [f"  and {number - len(names):,} more"] if number > len(names) else []
        return [f"{number:,} {words}", *(f"  {name}" for name in names), *more] if number else []


def _analyses(number: int) -> str:
    return "1 analysis" if number == 1 else f"{number:,} analyses"


@dataclass
class PlaylistTally:
    """The same for playlists."""

    states: Counter[str] = field(default_factory=Counter)
    missing: int = 0

    def add(self, outcome: Mapping[str, Any]) -> None:
        """What the gateway made of a playlist."""
        self.states[outcome["state"]] += 1
        self.missing += outcome["missing"] if outcome["state"] == "taken" else 0

    def lines(self, *, dry_run: bool) -> list[str]:
        """The summary."""
        done = "Would take over" if dry_run else "Took over"
        left = {"known": "had been taken over before", "empty": "have no track here", "long": "are too long"}
        parts = [f"{self.states[state]:,} {words}" for state, words in left.items() if self.states[state]]
        missing = f" ({count(self.missing, 'entry')} without a track here)" if self.missing else ""
        return ["; ".join([f"{done} {count(self.states['taken'], 'playlist')}{missing}", *parts]) + "."]
