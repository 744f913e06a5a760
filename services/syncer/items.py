"""What a server made of a list of tracks."""

from __future__ import annotations

import asyncio

from services.syncer.journal import Items
from shared.errors import BadAudio, ServerMisbehaved, ServerRefused
from shared.mediaservers.base import PlaylistServer

_AT_ONCE = 6


def checked(after: Items, items: Items) -> Items:
    """``after``, what the server holds: all of ``items``, or all but those it does not have, in this order.
    Raises ``ServerMisbehaved`` (not_what_was_written)."""
    kept = set(after)
    if after != tuple(item for item in items if item in kept):
        raise ServerMisbehaved(
            "not_what_was_written",
            f"the server holds {len(after)} tracks after {len(items)} were written, and not the same ones",
        )
    return after


async def there(server: PlaylistServer, items: Items) -> Items:
    """Those of the items whose sound the server can give: the one question that every server answers about a track.
    Raises what keeps it from answering at all."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def ask(item: str) -> str | None:
        async with turn:
            try:
                async with await server.open_audio(item, byte_range="bytes=0-0"):
                    return item
            except BadAudio:
                return None
            except ServerRefused as error:
                if error.reason == "wrong_password":
                    raise
                return None

    known = set(await asyncio.gather(*(ask(item) for item in dict.fromkeys(items))))
    return tuple(item for item in items if item in known)
