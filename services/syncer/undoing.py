"""Putting back what was on the server before a write went wrong, and finding what a write left behind unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from services.syncer.journal import Entry, Items, Journal
from services.syncer.names import alike
from shared.errors import Permanent, ServerMisbehaved, StoreUnavailable, Transient
from shared.mediaservers.base import PlaylistServer

log = structlog.get_logger(__name__)

_PAUSES_S = (0.1, 0.5)
"""A server that has just closed a connection is often there again a moment later."""


async def put_back(server: PlaylistServer, journal: Journal) -> bool | None:
    """Make the server's copy what it was before the write that the journal tells of: None when there was none, False
    when the server does not let us. What could not be put back stays in the journal, and the next write takes it from
    there. Raises ``StoreUnavailable``."""
    entry = journal.entry
    if entry is None or entry.state not in ("creating", "filling", "writing"):
        return None
    for pause_s in (*_PAUSES_S, None):
        try:
            await _put_back(server, journal, entry)
        except StoreUnavailable:
            raise
        except Transient as error:
            if pause_s is None:
                log.warning("playlist_not_put_back", name=entry.name, error=error.detail)
                return False
            await asyncio.sleep(pause_s)
        except Permanent as error:
            log.warning("playlist_not_put_back", name=entry.name, error=error.detail)
            return False
        else:
            return True
    return False


async def _put_back(server: PlaylistServer, journal: Journal, entry: Entry) -> None:
    if entry.state == "writing":
        await _restore(server, journal, entry)
        return
    remote_id = entry.remote_id or await orphan(server, entry)
    if remote_id is not None:
        await server.delete_playlist(remote_id)
    await journal.forget()


async def _restore(server: PlaylistServer, journal: Journal, entry: Entry) -> None:
    before, remote_id = entry.before, entry.remote_id
    if before is None or remote_id is None:
        raise RuntimeError("a write was begun without noting what was there")
    if await server.playlist_items(remote_id) != before.items:
        await server.set_playlist_items(remote_id, before.items)
        if await server.playlist_items(remote_id) != before.items:
            raise ServerMisbehaved("not_what_was_written", "the playlist could not be put back as it was")
    restored = replace(entry, state="written", items=before.items, before=None)
    if before.name is not None:
        await server.rename_playlist(remote_id, before.name)
        restored = replace(restored, name=before.name, title=before.name)
    await journal.store(restored)


async def orphan(server: PlaylistServer, entry: Entry) -> str | None:
    """The playlist that we made but did not live to write down: of the name we were about to use, not there before,
    and holding nothing but what we wanted in it, in that order. Of several the fullest."""
    found: list[tuple[int, str]] = []
    for playlist in await server.playlists():
        if playlist.remote_id not in entry.listed and alike(playlist.name, entry.name):
            items = await server.playlist_items(playlist.remote_id)
            if in_order_within(items, entry.wanted or ()):
                found.append((len(items), playlist.remote_id))
    return max(found)[1] if found else None


def in_order_within(items: Sequence[str], wanted: Items) -> bool:
    """Whether ``wanted`` turns into ``items`` by leaving some out: servers leave out tracks they have lost."""
    rest = iter(wanted)
    return all(item in rest for item in items)
