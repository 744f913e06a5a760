"""Writing one playlist to one server, so that at every moment the server holds the old playlist or the new one, or the
journal knows how to get there.

The playlist a write may touch is the one whose id the journal holds, and nobody else's: a playlist of the same name is
left alone, and one whose contents have nothing to do with ours any more is its owner's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.syncer.items import checked, there
from services.syncer.journal import Before, Entry, Items, Journal
from services.syncer.names import fitting
from services.syncer.undoing import orphan, put_back
from shared.errors import Permanent, ServerRefused, StarlingError, StoreUnavailable, Transient
from shared.mediaservers.base import PlaylistServer, RemotePlaylist


@dataclass(frozen=True, slots=True)
class Wanted:
    """A playlist as the server should have it. ``missing`` of its tracks are not on the server."""

    title: str
    items: Items
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What the server has now."""

    action: Literal["created", "updated", "unchanged"]
    remote_id: str
    name: str
    written: int
    missing: int
    added: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Nothing was written: ``deleted_on_server`` or ``no_tracks``."""

    reason: Literal["deleted_on_server", "no_tracks"]
    remote_id: str | None = None


class NotWritten(StarlingError):
    """``cause`` kept the playlist from being written; ``restored`` as in ``put_back``."""

    def __init__(self, cause: Permanent | Transient, restored: bool | None) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.restored = restored


class _NoneThere(Exception):
    """The server has none of the tracks."""


class Writer:
    """Writes what ``journal`` is about; to be used once, by whoever holds the lock."""

    def __init__(self, server: PlaylistServer, journal: Journal) -> None:
        self._server = server
        self._journal = journal

    async def write(self, wanted: Wanted, *, revive: bool = False) -> Written | LeftAlone:
        """Make the server's copy what is wanted; a copy its owner deleted comes back only with ``revive``.
        Raises ``NotWritten``, and ``StoreUnavailable``: then the same write, repeated, ends what was begun."""
        if not self._server.abilities.repeats:
            wanted = replace(wanted, items=tuple(dict.fromkeys(wanted.items)))
        try:
            return await self._write(wanted, revive)
        except StoreUnavailable:
            raise
        except _NoneThere:
            return await self._without_tracks()
        except (Permanent, Transient) as error:
            raise NotWritten(error, await put_back(self._server, self._journal)) from error

    async def _write(self, wanted: Wanted, revive: bool) -> Written | LeftAlone:
        entry = await self._journal.load()
        if entry is not None and entry.state == "creating":
            entry = await self._adopted(entry)
        if entry is not None and entry.remote_id is not None:
            found = await look(self._server, entry, wanted.items)
            if found is not None:
                return await self._change(entry, entry.remote_id, found, wanted)
            if entry.state != "filling" and not revive:
                await self._journal.store(replace(entry, state="deleted_on_server", before=None))
                return LeftAlone("deleted_on_server", entry.remote_id)
        return await self._create(wanted)

    async def _without_tracks(self) -> LeftAlone:
        if await put_back(self._server, self._journal) is False:
            gone = ServerRefused("no_tracks", "the server has none of the tracks, and the playlist was not put back")
            raise NotWritten(gone, False)
        entry = self._journal.entry
        return LeftAlone("no_tracks", entry.remote_id if entry else None)

    async def _adopted(self, entry: Entry) -> Entry | None:
        """The entry of a playlist that was being made when we were interrupted, if it was made."""
        remote_id = await orphan(self._server, entry)
        if remote_id is None:
            await self._journal.forget()
            return None
        return await self._journal.store(replace(entry, state="filling", remote_id=remote_id, listed=(), wanted=None))

    async def _create(self, wanted: Wanted) -> Written:
        listing = await self._server.playlists()
        plan = Entry("creating", "", wanted=wanted.items, listed=tuple(one.remote_id for one in listing))
        plan = await self._named(plan, wanted.title, listing)
        try:
            remote_id = await self._server.create_playlist(plan.name, wanted.items)
        except ServerRefused as error:
            known = await self._known(wanted.items, error)
            remote_id = await self._server.create_playlist(plan.name, known)
        entry = await self._journal.store(replace(plan, state="filling", remote_id=remote_id, listed=(), wanted=None))
        found = await self._server.playlist_items(remote_id)
        return await self._change(entry, remote_id, found, wanted)

    async def _change(self, entry: Entry, remote_id: str, found: Items, wanted: Wanted) -> Written:
        """Make a playlist of ours, which holds ``found``, what is wanted."""
        title = fitting(wanted.title, self._server.abilities.name_limit)
        settled = entry.state in ("written", "deleted_on_server")
        if settled and found == wanted.items and _is_named(entry, title):
            return await self._settle(entry, remote_id, "unchanged", found, found, wanted, title)
        entry = await self._begin(entry, found, title)
        before = entry.before
        if before is not None and before.name is not None:
            await self._server.rename_playlist(remote_id, entry.name)
        after = found if found == wanted.items else await self._fill(remote_id, wanted.items)
        action: Literal["created", "updated", "unchanged"] = "updated"
        if entry.state == "filling":
            action = "created"
        elif settled and after == found and (before is None or before.name is None):
            action = "unchanged"
        earlier = () if action == "created" else before.items if before else found
        return await self._settle(entry, remote_id, action, earlier, after, wanted, title)

    async def _begin(self, entry: Entry, found: Items, title: str) -> Entry:
        """Note what is there before anything is changed. What an interrupted write noted stays: it is older."""
        before = entry.before or Before(found)
        if _is_named(entry, title):
            if entry.state != "filling":
                entry = await self._journal.store(replace(entry, state="writing", before=before))
            return entry
        listing = await self._server.playlists()
        now = next((one.name for one in listing if one.remote_id == entry.remote_id), entry.name)
        noted = replace(entry, before=replace(before, name=before.name or now))
        if entry.state != "filling":
            noted = replace(noted, state="writing")
        return await self._named(noted, title, listing)

    async def _named(self, entry: Entry, title: str, listing: Sequence[RemotePlaylist]) -> Entry:
        abilities = self._server.abilities
        others = {one.name for one in listing if one.remote_id != entry.remote_id}
        taken = others if abilities.unique_names else ()
        return await self._journal.reserve(entry, fitting(title, abilities.name_limit), taken, abilities.name_limit)

    async def _fill(self, remote_id: str, items: Items) -> Items:
        """Write the items and look at the result. What comes out short is written twice: a server that leaves out
        tracks it has lost leaves out the same ones again."""
        try:
            await self._server.set_playlist_items(remote_id, items)
        except ServerRefused as error:
            items = await self._known(items, error)
            await self._server.set_playlist_items(remote_id, items)
        after = await self._server.playlist_items(remote_id)
        if after != items:
            await self._server.set_playlist_items(remote_id, items)
            after = await self._server.playlist_items(remote_id)
        if not after:
            raise _NoneThere
        return checked(after, items)

    async def _known(self, items: Items, error: ServerRefused) -> Items:
        """The items without those that made the server refuse the whole list; raises ``error`` if it was not that."""
        if error.reason in ("wrong_password", "not_found"):
            raise error
        known = await there(self._server, items)
        if known == items:
            raise error
        if not known:
            raise _NoneThere from error
        return known

    async def _settle(
        self,
        entry: Entry,
        remote_id: str,
        action: Literal["created", "updated", "unchanged"],
        before: Items,
        after: Items,
        wanted: Wanted,
        title: str,
    ) -> Written:
        settled = replace(entry, state="written", title=title, items=after, before=None, wanted=None, listed=())
        if settled != entry:
            await self._journal.store(settled)
        return Written(
            action,
            remote_id,
            entry.name,
            written=len(after),
            missing=wanted.missing + len(wanted.items) - len(after),
            added=(Counter(after) - Counter(before)).total(),
            removed=(Counter(before) - Counter(after)).total(),
        )


async def look(server: PlaylistServer, entry: Entry, wanted: Items) -> Items | None:
    """What our playlist holds; None when it is not there any more, or when what has its id now is not ours."""
    remote_id = entry.remote_id or ""
    try:
        found = await server.playlist_items(remote_id)
    except ServerRefused as error:
        if error.reason != "not_found" or remote_id in {one.remote_id for one in await server.playlists()}:
            raise
        return None
    if not found or entry.state in ("filling", "writing") or not set(found).isdisjoint((*(entry.items or ()), *wanted)):
        return found
    if entry.items:
        return None
    names = {one.remote_id: one.name for one in await server.playlists()}
    return found if names.get(remote_id) == entry.name else None


def _is_named(entry: Entry, title: str) -> bool:
    """Whether the playlist has its name already; ``Soul (2)`` is ``Soul`` beside another one."""
    if entry.title is not None:
        return entry.title == title
    return entry.name == title or entry.name.startswith(f"{title} (")


async def remove(server: PlaylistServer, journal: Journal) -> str | None:
    """Delete our playlist on the server; the id it had, None when there was none."""
    entry = await journal.load()
    if entry is None or entry.state == "removed":
        return None
    remote_id = entry.remote_id or await orphan(server, entry)
    if (
        remote_id is not None
        and await look(server, replace(entry, remote_id=remote_id), entry.wanted or ()) is not None
    ):
        await server.delete_playlist(remote_id)
    await journal.store(Entry("removed", entry.name))
    return remote_id
