"""The calls of Jellyfin and Emby, one method each; ``jellyfin`` and ``emby`` say how each server wants them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from shared.errors import ServerRefused, ServerUnavailable
from shared.mediaservers.json_answers import Json
from shared.mediaservers.mediabrowser_answers import Entries, an_object, parse_entries
from shared.mediaservers.mediabrowser_client import MediaBrowserClient

PAGE = 500


class MediaBrowserApi(Protocol):
    """All raise what ``MediaBrowserClient.call`` does. Ids of playlists and items have been looked at before."""

    client: MediaBrowserClient
    kind: str
    repeats: bool
    """A playlist may hold a track twice."""
    described: Mapping[str, str]
    """The query that makes ``items`` say all about a track that we want to know."""
    listened: Mapping[str, str]
    """The query that makes ``items`` say what the user did with a track."""

    async def items(self, what: str, start: int, limit: int, **query: str) -> Entries:
        """A slice of the items that the user can see; ``what`` names them in errors."""
        ...

    async def item(self, item_id: str) -> Json:
        """One item with all its fields. ``ServerRefused`` (not_found) when it is not there."""
        ...

    async def views(self) -> Entries:
        """The parts of the library that the user can see."""
        ...

    async def entries(self, playlist_id: str, start: int, limit: int) -> Entries:
        """A slice of a playlist."""
        ...

    async def create(self, name: str, item_ids: Sequence[str]) -> object:
        """Make a private playlist of a batch of items; the answer names it."""
        ...

    async def add(self, playlist_id: str, item_ids: Sequence[str]) -> None:
        """Append a batch of items."""
        ...

    async def may_remove(self, playlist_id: str) -> None:
        """Changes nothing; raises ``ServerRefused`` where ``remove`` would fail for want of a right."""
        ...

    async def remove(self, playlist_id: str, entry_ids: Sequence[str]) -> None:
        """Remove a batch of entries."""
        ...

    async def rename(self, playlist_id: str, name: str) -> None:
        """Give a playlist another name."""
        ...

    async def delete(self, item_id: str) -> None:
        """Delete an item, whatever it is: see to it before that it is a playlist."""
        ...

    async def lyrics(self, item_id: str) -> str | None:
        """The words of a track."""
        ...


async def one_item(client: MediaBrowserClient, path: str, **query: str) -> Json:
    """GET of an item; some versions answer an empty page for what they do not know."""
    item = an_object(await client.get(path, **query), "item")
    if not item.get("Id"):
        raise ServerRefused("not_found", f"{client.name} does not know this item")
    return item


async def listed(client: MediaBrowserClient, what: str, path: str, **query: str | int) -> Entries:
    """GET of a list."""
    return parse_entries(await client.get(path, **query), what)


async def read_all(fetch: Callable[[int, int], Awaitable[Entries]], what: str) -> AsyncIterator[list[Json]]:
    """Pages of a whole list. Each is asked for from one entry before its place; that must be the last one of the page
    before. Raises ``ServerUnavailable`` where the list has changed or is shorter than announced."""
    offset, last, total, ended = 0, None, None, False
    while not ended:
        start = offset - (last is not None)
        found = await fetch(start, PAGE)
        if last is not None and (not found.items or found.items[0].get("Id") != last or found.total != total):
            raise ServerUnavailable(f"the server's list of {what} changed while it was read")
        items = found.items[offset - start :]
        offset, total = offset + len(items), found.total
        ended = not items or (len(found.items) < PAGE and offset == total)
        if items:
            last = items[-1].get("Id")
            yield items
    if offset < (total or 0):
        raise ServerUnavailable(f"the server named {total} {what} and listed {offset}")


async def rename_item(client: MediaBrowserClient, item: Json, name: str) -> None:
    """Write an item back under another name. The servers take the whole item, and clear what is missing in it."""
    await client.call("POST", f"Items/{item['Id']}", {}, json={**item, "Name": name})
