"""Trying a few tracks, so that one bad file does not make a good library look broken."""

from __future__ import annotations

from dataclasses import replace

from shared.errors import Permanent, ServerMisbehaved
from shared.mediaservers.base import ListedItem, ListingPage, MediaServer
from shared.mediaservers.descriptions import clean_text

ENOUGH = 100


async def look_around(server: MediaServer) -> ListingPage:
    """The beginning of a library as one page: at least 100 tracks, or all there are."""
    page = await server.list_page(None)
    while page.next_cursor and len(page.items) < ENOUGH:
        more = await server.list_page(page.next_cursor)
        page = replace(more, items=page.items + more.items, problems=page.problems + more.problems)
    return page


async def taste_some(server: MediaServer, page: ListingPage) -> str:
    """Read the beginning of the first, the middle and the last track of a page until one succeeds; returns how many
    tracks there are, in words. Raises the first failure when none does, and at once what is not the track's fault."""
    count = len(page.items)
    failures: list[Permanent] = []
    for place in sorted({0, count // 2, count - 1}):
        try:
            await _taste(server, page.items[place])
        except Permanent as error:
            failures.append(error)
        else:
            return f"found {count}{' or more' if page.next_cursor else ''} track{'' if count == 1 else 's'}"
    raise failures[0]


async def _taste(server: MediaServer, item: ListedItem) -> None:
    async with await server.open_audio(item.item_id) as stream:
        async for _ in stream.chunks:
            return
    raise ServerMisbehaved("incomplete_answer", f"the file of track {clean_text(item.item_id)} is empty")
