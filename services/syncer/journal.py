"""What the syncer wrote where, and what it was about to do when it was interrupted.

One row for each playlist, server and account:

    creating          a playlist is about to be made; ``listed`` are the ids that had its name before
    filling           the playlist ``remote_id`` was made by us, and nobody has looked yet whether it is whole
    written           the server holds ``items`` as a result of writing ``wanted``
    writing           as before, but being changed; ``before`` is what to put back if that fails
    deleted_on_server its owner deleted it there
    removed           we deleted it there, because somebody asked for it
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from services.syncer.names import free
from shared import postgres

if TYPE_CHECKING:
    from shared.postgres import Connection

TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.sync_journal (
    playlist_id uuid NOT NULL,
    server_id uuid NOT NULL,
    account text NOT NULL,
    state text NOT NULL,
    remote_id text,
    title text,
    name text NOT NULL,
    wanted jsonb,
    items jsonb,
    before jsonb,
    listed jsonb,
    command_id uuid NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (playlist_id, server_id, account)
)
"""

State = Literal["creating", "filling", "written", "writing", "deleted_on_server", "removed"]
Items = tuple[str, ...]
_OURS = ("creating", "filling", "written", "writing")
_STORE = """
INSERT INTO sync_journal (playlist_id, server_id, account, state, remote_id, title, name, wanted, items, before, listed,
                          command_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (playlist_id, server_id, account) DO UPDATE
   SET (state, remote_id, title, name, wanted, items, before, listed, command_id, changed_at)
     = ($4, $5, $6, $7, $8, $9, $10, $11, $12, now())
"""
_LOAD = """
SELECT state, remote_id, title, name, wanted, items, before, listed
  FROM sync_journal WHERE playlist_id = $1 AND server_id = $2 AND account = $3
"""
_LINK = """
SELECT remote_id, remote_name FROM playlist_links
 WHERE playlist_id = $1 AND server_id = $2 AND account = $3 AND remote_id IS NOT NULL AND state <> 'removed'
"""
_NEIGHBOURS = """
SELECT name FROM sync_journal
 WHERE server_id = $2 AND account = $3 AND playlist_id <> $1 AND state = ANY($4::text[])
"""


@dataclass(frozen=True, slots=True)
class Before:
    """What a playlist was before we changed it; ``name`` None where the name stays."""

    items: Items
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. ``title`` is the name that was wanted and ``name`` the one it got; None is not known."""

    state: State
    name: str
    remote_id: str | None = None
    title: str | None = None
    wanted: Items | None = None
    items: Items | None = None
    before: Before | None = None
    listed: Items = ()


class Journal:
    """The row of one playlist on one server; ``entry`` is what it says. Every method raises ``StoreUnavailable``."""

    def __init__(
        self, connection: Connection, playlist_id: UUID, server_id: UUID, account: str, command_id: UUID
    ) -> None:
        self.entry: Entry | None = None
        self._connection = connection
        self._key = (playlist_id, server_id, account)
        self._command_id = command_id

    async def load(self) -> Entry | None:
        """Read the row; where it was lost, what the read models know of it."""
        async with postgres.translated():
            row = await self._connection.fetchrow(_LOAD, *self._key)
            link = None if row else await self._connection.fetchrow(_LINK, *self._key)
        if row:
            self.entry = _entry(row)
        elif link:
            self.entry = Entry("written", name=link["remote_name"] or "", remote_id=link["remote_id"])
        return self.entry

    async def store(self, entry: Entry) -> Entry:
        """Write the row."""
        values = (
            entry.state,
            entry.remote_id,
            entry.title,
            entry.name,
            _json(entry.wanted),
            _json(entry.items),
            json.dumps({"items": entry.before.items, "name": entry.before.name}) if entry.before else None,
            _json(entry.listed),
            self._command_id,
        )
        async with postgres.translated():
            await self._connection.execute(_STORE, *self._key, *values)
        self.entry = entry
        return entry

    async def reserve(self, entry: Entry, title: str, taken: Collection[str], limit: int) -> Entry:
        """Write the row with a name that is neither taken nor another playlist's of ours, and say which."""
        async with postgres.translated(), self._connection.transaction():
            await self._connection.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"sync-names:{self._key[1]}:{self._key[2]}"
            )
            neighbours = await self._connection.fetch(_NEIGHBOURS, *self._key, _OURS)
            name = free(title, {*taken, *(row["name"] for row in neighbours)}, limit)
            return await self.store(replace(entry, title=title, name=name))

    async def forget(self) -> None:
        """Drop the row: there is nothing of ours on the server."""
        async with postgres.translated():
            await self._connection.execute(
                "DELETE FROM sync_journal WHERE playlist_id = $1 AND server_id = $2 AND account = $3", *self._key
            )
        self.entry = None


def _json(items: Sequence[str] | None) -> str | None:
    return None if items is None else json.dumps(items)


def _items(text: str | None) -> Items | None:
    return None if text is None else tuple(json.loads(text))


def _entry(row: Any) -> Entry:
    before = json.loads(row["before"]) if row["before"] else None
    return Entry(
        state=row["state"],
        name=row["name"],
        remote_id=row["remote_id"],
        title=row["title"],
        wanted=_items(row["wanted"]),
        items=_items(row["items"]),
        before=Before(tuple(before["items"]), before["name"]) if before else None,
        listed=_items(row["listed"]) or (),
    )
