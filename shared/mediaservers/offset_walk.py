"""A walk through lists that a server pages by offset and total, one part of the library after another.

A list that changes while it is read shifts under the reader. So each page begins one row before its place, and that
row, the anchor, must be the one that ended the page before. If it is not, the walk finds its place again, lists some
rows twice rather than leave one out, and calls itself incomplete. A server is asked for some 500 rows at a time, which
are handed on in pages of 100; nothing is asked for once a window says that no more rows follow.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, replace

from shared.errors import InvalidInput, ServerUnavailable
from shared.events import LibraryTrack
from shared.mediaservers.base import ListedItem, ListingPage

PAGE = 100
WINDOW = 5 * PAGE + 1
"""Five pages, and the anchor before them."""
MAX_STEPS_BACK = 10
MAX_PROBLEMS = 20
KEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id (None where it has none), the item it is, or why it is left out; neither is silent."""

    row_id: str | None
    item: ListedItem | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Rows in a row; ``total`` is how many the server says there are in all, None where it does not say.

    ``more``: others may follow. ``settled`` is False while the server rebuilds its library.
    """

    rows: tuple[Row, ...]
    total: int | None
    more: bool
    settled: bool = True


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the library, by a name that ``fetch`` understands, and how many rows the server says it has."""

    name: str
    promised: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """``parts`` that are left, the first of them begun; ``offset`` into it, ``anchor`` the id just before that, and
    ``total``, the length of its list when it was last read."""

    parts: tuple[Part, ...]
    offset: int = 0
    anchor: str | None = None
    total: int | None = None
    steps_back: int = 0
    incomplete: bool = False

    def encode(self) -> str:
        return json.dumps(asdict(self))


def decode_place(cursor: str) -> Place:
    """Raises ``InvalidInput`` on a cursor that this walk has not written."""
    try:
        fields = json.loads(cursor)
        place = Place(**{**fields, "parts": tuple(Part(**part) for part in fields["parts"])})
        if place.parts and place.offset >= 0:
            return place
    except (ValueError, TypeError, KeyError):
        pass
    raise InvalidInput("cursor", "this is not a place in a walk through this library; begin a new scan")


def tracks_of(rows: Iterable[Row]) -> dict[str, LibraryTrack]:
    """The tracks among these rows, by their ids."""
    return {row.item.item_id: row.item.track for row in rows if row.item and row.item.track}


Fetch = Callable[[str, int, int], Awaitable[Window]]
"""(part, offset, count) -> the rows from there."""


class OffsetWalk:
    """The pages of one library. Keeps the last window, which the next page mostly continues."""

    def __init__(self, parts: Callable[[], Awaitable[tuple[Part, ...]]], fetch: Fetch) -> None:
        self._parts = parts
        self._fetch = fetch
        self._kept: tuple[str, int, float, Window] | None = None

    async def page(self, cursor: str | None) -> ListingPage:
        """The rows after ``cursor``. Raises what the calls raise; never returns less because one failed."""
        if cursor is None:
            self._kept = None
            place = Place(await self._parts())
            if not place.parts:
                return ListingPage((), None)
        else:
            place = decode_place(cursor)
        place, window = await self._read_on(place)
        upcoming, problems = _advance(place, window)
        problems += [row.problem for row in window.rows if row.problem]
        return ListingPage(
            items=tuple(row.item for row in window.rows if row.item),
            next_cursor=upcoming.encode() if upcoming.parts else None,
            problems=tuple(problems[:MAX_PROBLEMS]),
            incomplete=upcoming.incomplete,
        )

    async def _read_on(self, place: Place) -> tuple[Place, Window]:
        """The rows after ``place``, at most a page, and where the first of them was found."""
        while place.anchor is not None:
            start = max(0, place.offset - 1)
            window = await self._rows(place.parts[0].name, start, PAGE + 1)
            ids = [row.row_id for row in window.rows]
            if place.anchor in ids:
                found = ids.index(place.anchor)
                place = replace(place, offset=start + found + 1, incomplete=place.incomplete or found > 0)
                if found == 0 or found + 1 < len(ids) or not window.more:
                    return place, replace(window, rows=window.rows[found + 1 :])
            else:
                back = _further_up(place, window.total)
                place = replace(place, offset=back, anchor=None, total=window.total, incomplete=True)
            place = replace(place, steps_back=place.steps_back + 1)
            if place.steps_back > MAX_STEPS_BACK:
                raise ServerUnavailable("the server's list keeps changing while it is read; try again after its scan")
        return place, await self._rows(place.parts[0].name, place.offset, PAGE)

    async def _rows(self, part: str, start: int, count: int) -> Window:
        """``count`` rows, out of the kept window where it has them all."""
        if self._kept is not None:
            kept_part, first, until, window = self._kept
            last = first + len(window.rows)
            enough = start + count <= last or not window.more
            if kept_part == part and first <= start < last and enough and time.monotonic() < until:
                return _cut(window, start - first, count)
        window = await self._fetch(part, start, WINDOW)
        self._kept = (part, start, time.monotonic() + KEEP_S, window)
        return _cut(window, 0, count)


def _cut(window: Window, start: int, count: int) -> Window:
    """Some of the rows of a window."""
    rows = window.rows[start:]
    return replace(window, rows=rows[:count], more=window.more or len(rows) > count)


def _further_up(place: Place, total: int | None) -> int:
    """Where to look for a lost anchor: a page above the place, and above what the list has become shorter by."""
    if total is None or place.total is None:
        return max(0, place.offset - PAGE)
    lost = max(0, place.total - total)
    return max(0, min(place.offset - lost, total) - PAGE)


def _advance(place: Place, window: Window) -> tuple[Place, list[str]]:
    """Where to go on after these rows, and what is wrong with the list. At the end of a part the next one begins."""
    rows, part = window.rows, place.parts[0]
    offset = place.offset + len(rows)
    problems = []
    ended = not rows or not window.more
    if ended and offset < (window.total or 0):
        problems.append(f"the server announces {window.total} tracks but lists only {offset}")
    elif ended and offset < part.promised:
        problems.append(f"the server says it has {part.promised} tracks but lists only {offset}")
    nameless = any(row.row_id is None for row in rows)
    incomplete = place.incomplete or bool(problems) or nameless or not window.settled
    if not ended:
        read = replace(place, offset=offset, anchor=rows[-1].row_id, total=window.total, incomplete=incomplete)
        return read, problems
    return Place(place.parts[1:], steps_back=place.steps_back, incomplete=incomplete), problems
