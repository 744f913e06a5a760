"""A walk through the tracks of Jellyfin or Emby in pages, with everything it needs to go on in its cursor.

Both page by offset, and a list that changes while it is read shifts under the reader. So each page is asked for from
one entry before its place, and that entry, the anchor, must be the one that ended the page before. If it is not, or if
the total is another than before, the walk lists some tracks twice rather than leave one out, and calls itself
incomplete. The end is where the server has nothing more, or where a short page reaches the announced total exactly.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from shared.errors import InvalidInput, ServerUnavailable
from shared.mediaservers.base import ListedItem, ListingPage
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.json_answers import Json
from shared.mediaservers.mediabrowser_answers import Entries, parse_id, parse_item

PAGE = 500
MAX_STEPS_BACK = 10
MAX_PROBLEMS = 20

List = Callable[[str | None, int, int], Awaitable[Entries]]
"""(id of a library or None for all, start, limit) -> that slice of its tracks, oldest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """``offset`` into the tracks of a library, ``anchor`` the id just before it, ``total`` as announced at first."""

    library: int = 0
    offset: int = 0
    anchor: str | None = None
    total: int | None = None
    steps_back: int = 0
    incomplete: bool = False

    def encode(self) -> str:
        return json.dumps(asdict(self))


def decode_place(cursor: str | None) -> Place:
    """The beginning for None. Raises ``InvalidInput`` on a cursor that this walk has not written."""
    if cursor is None:
        return Place()
    try:
        place = Place(**json.loads(cursor))
        if min(place.library, place.offset, place.steps_back) >= 0:
            return place
    except (ValueError, TypeError):
        pass
    raise InvalidInput("cursor", "this is not a place in a walk through this library; begin a new scan")


async def read_on(fetch: Callable[[int, int], Awaitable[Entries]], place: Place) -> tuple[Place, list[Json], bool]:
    """Where the entries after ``place`` begin, these entries, and whether the list ends with them.

    Raises ``ServerUnavailable`` when the place was lost too often.
    """
    while place.steps_back <= MAX_STEPS_BACK:
        start, size = (place.offset, PAGE) if place.anchor is None else (place.offset - 1, PAGE + 1)
        found = await fetch(start, size)
        vanished = max(0, (place.total or 0) - (found.total or 0))
        if place.total is not None and found.total not in (None, place.total):
            place = replace(place, incomplete=True)
        place = replace(place, total=place.total if found.total is None else found.total)
        ended = len(found.items) < size and start + len(found.items) == found.total
        if place.anchor is None:
            return place, found.items, ended or not found.items
        ids = [parse_id(item.get("Id")) for item in found.items]
        if place.anchor in ids:
            at = ids.index(place.anchor)
            here = replace(place, offset=start + at + 1, incomplete=place.incomplete or at > 0)
            rest = found.items[at + 1 :]
            if rest or not at or ended:
                return here, rest, ended or not rest
            place = replace(here, steps_back=place.steps_back + 1)
        else:
            back = max(0, start - vanished - PAGE)
            place = replace(place, offset=back, anchor=None, incomplete=True, steps_back=place.steps_back + 1)
    raise ServerUnavailable("the server's list keeps changing while it is read; try again after its own scan")


async def read_all(fetch: Callable[[int, int], Awaitable[Entries]], what: str) -> AsyncIterator[list[Json]]:
    """Pages of a whole list. Raises ``ServerUnavailable`` where the list has changed or is shorter than announced: who
    asks wants all of it."""
    place, ended = Place(), False
    while not ended:
        place, items, ended = await read_on(fetch, place)
        if place.incomplete:
            raise ServerUnavailable(f"the server's list of {what} changed while it was read")
        place = _after(place, items)
        if items:
            yield items
    if place.offset < (place.total or 0):
        raise ServerUnavailable(f"the server named {place.total} {what} and listed {place.offset}")


def _after(place: Place, items: list[Json]) -> Place:
    """The place behind these items."""
    if not items:
        return place
    return replace(place, offset=place.offset + len(items), anchor=parse_id(items[-1].get("Id")))


class TrackWalk:
    """The pages of the chosen libraries, one library after the other."""

    def __init__(self, server_id: UUID, libraries: tuple[str, ...] | None, list_tracks: List) -> None:
        self._server_id = server_id
        self._libraries: tuple[str | None, ...] = (None,) if libraries is None else libraries
        self._list = list_tracks

    async def page(self, cursor: str | None) -> ListingPage:
        """The tracks after ``cursor``. Raises what the calls raise; never returns less because one failed."""
        place = decode_place(cursor)
        if place.library >= len(self._libraries):
            return ListingPage((), None, incomplete=place.incomplete)
        library = self._libraries[place.library]
        place, items, ended = await read_on(lambda start, limit: self._list(library, start, limit), place)
        place = _after(place, items)
        listed, problems = self._listed(items)
        if ended and place.offset < (place.total or 0):
            problems.append(f"the server names {place.total} tracks and lists {place.offset}")
        place = replace(place, incomplete=place.incomplete or bool(problems))
        following = self._following(place, ended)
        return ListingPage(
            items=tuple(listed),
            next_cursor=following.encode() if following else None,
            problems=tuple(problems[:MAX_PROBLEMS]),
            incomplete=place.incomplete,
        )

    def _following(self, place: Place, ended: bool) -> Place | None:
        if not ended:
            return place
        if place.library + 1 < len(self._libraries):
            return Place(library=place.library + 1, steps_back=place.steps_back, incomplete=place.incomplete)
        return None

    def _listed(self, items: list[Json]) -> tuple[list[ListedItem], list[str]]:
        """The tracks of a page, and what is wrong with the others."""
        listed, problems = [], []
        for item in items:
            if item.get("Type") not in {"Audio", None}:
                continue
            track = parse_item(self._server_id, item)
            if track is None:
                problems.append(f"{clean_text(item.get('Name')) or 'a track'} has no usable id")
            else:
                listed.append(track)
        return listed, problems
