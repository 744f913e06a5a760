"""Trying a few tracks, so that one bad file does not make a good library look broken."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from shared.errors import Permanent
from shared.mediaservers.base import ListedItem, ListingPage

ENOUGH = 100


async def look_around(list_page: Callable[[str | None], Awaitable[ListingPage]]) -> ListingPage:
    """The beginning of a library as one page: at least 100 tracks, or all there are."""
    page = await list_page(None)
    while page.next_cursor and len(page.items) < ENOUGH:
        more = await list_page(page.next_cursor)
        page = replace(more, items=page.items + more.items, problems=page.problems + more.problems)
    return page


async def taste_some(items: Sequence[ListedItem], taste: Callable[[ListedItem], Awaitable[None]]) -> None:
    """Let ``taste`` read the first, the middle and the last item until one succeeds; raises the first failure when
    none does, and at once what is not the item's fault."""
    failures: list[Permanent] = []
    for place in sorted({0, len(items) // 2, len(items) - 1}):
        try:
            return await taste(items[place])
        except Permanent as error:
            failures.append(error)
    raise failures[0]
