"""Walks through lists that are paged by offset, and change under the reader."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from shared.errors import InvalidInput, ServerUnavailable
from shared.mediaservers import offset_walk
from shared.mediaservers.base import ListedItem, ListingPage
from shared.mediaservers.offset_walk import OffsetWalk, Part, Row, Window


class Library:
    """Lists of ids by part. Being asked for a place behind the end it has told is an error; for one behind the real end
    comes the first row, as from a Lyrion server."""

    def __init__(self, **parts: list[str]) -> None:
        self.parts = parts
        self.promised: dict[str, int] = {}
        self.lie = 0
        self.settled = True
        self.told: dict[str, int] = {}
        self.asked: list[tuple[str, int, int]] = []

    async def names(self) -> tuple[Part, ...]:
        return tuple(Part(name, self.promised.get(name, 0)) for name in self.parts)

    async def window(self, part: str, offset: int, count: int) -> Window:
        ids = self.parts[part]
        assert offset < max(1, self.told.get(part, 1)), "behind the end"
        self.told[part] = len(ids) + self.lie
        self.asked.append((part, offset, count))
        wanted = ids[offset : offset + count] if offset < len(ids) else ids[:1]
        rows = tuple(Row(each, ListedItem(each, "c", "m")) for each in wanted)
        total = len(ids) + self.lie
        return Window(rows, total, offset + len(rows) < total, self.settled)

    def walk(self) -> OffsetWalk:
        return OffsetWalk(self.names, self.window)


async def pages(
    library: Library, between: Callable[[], None] = lambda: None, *, fresh: bool = False
) -> list[ListingPage]:
    """All pages; ``fresh`` gives each to another process."""
    walk, found, cursor = library.walk(), list[ListingPage](), None
    for _ in range(10_000):
        found.append(await (library.walk() if fresh else walk).page(cursor))
        cursor = found[-1].next_cursor
        if cursor is None:
            return found
        between()
    raise AssertionError("the walk does not end")


def ids_of(found: list[ListingPage]) -> list[str]:
    return [item.item_id for page in found for item in page.items]


def numbered(count: int, letter: str = "t") -> list[str]:
    return [f"{letter}{number:05d}" for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 499, 500, 501, 1250])
@pytest.mark.parametrize("fresh", [False, True])
async def test_every_row_comes_once_and_in_order(count: int, fresh: bool) -> None:
    library = Library(one=numbered(count), two=numbered(7, "u"))
    found = await pages(library, fresh=fresh)
    assert ids_of(found) == numbered(count) + numbered(7, "u")
    assert all(len(page.items) <= 100 and not page.incomplete and page.problems == () for page in found)


async def test_one_reader_asks_for_five_pages_at_a_time() -> None:
    library = Library(one=numbered(2500))
    await pages(library)
    assert len(library.asked) == 5


async def test_an_empty_library_is_one_empty_page() -> None:
    assert await pages(Library()) == [ListingPage((), None)]
    assert await pages(Library(one=[])) == [ListingPage((), None)]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("seed", range(20))
async def test_what_was_there_all_the_time_is_listed_or_the_walk_says_it_is_incomplete(
    monkeypatch: pytest.MonkeyPatch, seed: int, fresh: bool
) -> None:
    monkeypatch.setattr(offset_walk, "PAGE", 5)
    monkeypatch.setattr(offset_walk, "WINDOW", 12)
    chance = random.Random(seed)
    ids = numbered(60)
    library, gone = Library(one=ids), set[str]()

    def change() -> None:
        if chance.random() < 0.2:
            gone.add(ids.pop(chance.randrange(len(ids))))
        if chance.random() < 0.2:
            ids.insert(chance.randrange(len(ids)), f"new{chance.random()}")

    try:
        found = await pages(library, change, fresh=fresh)
    except ServerUnavailable:
        return
    missed = set(numbered(60)) - gone - set(ids_of(found))
    assert not missed or found[-1].incomplete
    flags = [page.incomplete for page in found]
    assert flags == sorted(flags), "once a page says so, every later one does"


async def test_a_list_that_shrinks_below_the_place_is_read_again_from_further_up() -> None:
    library = Library(one=numbered(450))

    def change() -> None:
        if len(library.asked) == 3:
            del library.parts["one"][:200]

    found = await pages(library, change, fresh=True)
    assert set(numbered(450)[200:]) <= set(ids_of(found))
    assert found[-1].incomplete


async def test_a_list_that_never_stands_still_is_given_up() -> None:
    library = Library(one=numbered(5000))
    with pytest.raises(ServerUnavailable):
        await pages(library, library.parts["one"].reverse, fresh=True)


async def test_rows_that_are_announced_and_do_not_come_make_the_walk_incomplete() -> None:
    library = Library(one=numbered(120), two=numbered(3, "u"))
    library.lie = 5
    found = await pages(library)
    assert ids_of(found) == numbered(120) + numbered(3, "u")
    assert found[-1].incomplete
    assert any("announces 125 tracks but lists only 120" in problem for page in found for problem in page.problems)


async def test_rows_that_are_promised_elsewhere_make_the_walk_incomplete() -> None:
    library = Library(one=numbered(120))
    library.promised["one"] = 121
    found = await pages(library)
    assert found[-1].incomplete
    assert found[-1].problems == ("the server says it has 121 tracks but lists only 120",)


async def test_a_server_that_rebuilds_its_library_makes_the_walk_incomplete() -> None:
    library = Library(one=numbered(120))
    library.settled = False
    assert all(page.incomplete for page in await pages(library))


async def test_a_row_without_an_id_makes_the_walk_incomplete() -> None:
    async def names() -> tuple[Part, ...]:
        return (Part("one"),)

    async def window(part: str, offset: int, count: int) -> Window:
        return Window((Row(None, problem="a track has no usable id"),)[offset:], 1, more=False)

    page = await OffsetWalk(names, window).page(None)
    assert page == ListingPage((), None, ("a track has no usable id",), True)


@pytest.mark.parametrize("cursor", ["", "x", "{}", '{"parts": []}', '{"parts": [{"name": "a"}], "offset": -1}', "[1]"])
async def test_a_cursor_of_somebody_else_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput, match="begin a new scan"):
        await Library(one=numbered(3)).walk().page(cursor)
