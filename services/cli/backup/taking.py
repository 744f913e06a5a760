"""Takes an export while everything goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from services.cli.backup.contents import SECRETS, Table, present_tables
from services.cli.backup.format import Header, Kind, Rows, Target, Writer
from shared import positions, postgres
from shared.archive import archived_types, walk_archive
from shared.errors import Conflict, StoreUnavailable
from shared.release import our_version
from shared.settings import Settings
from shared.streams import LogEntry, Streams

if TYPE_CHECKING:
    from shared.postgres import Connection

Progress = Callable[[int, int], None]
"""``(events done, events in all)``."""

_AT_ONCE = 200
_FOLLOWERS = "SELECT name, position FROM follower_positions"


@dataclass(frozen=True, slots=True)
class Tail:
    """What of the log goes along although it is not in the archive yet: behind ``after``, up to and with ``until``.
    ``oldest`` was the oldest entry of the log before the snapshot."""

    streams: Streams
    oldest: int | None
    after: int
    until: int

    async def entries(self) -> AsyncIterator[LogEntry]:
        """In order. Raises ``Conflict`` when some of them were trimmed meanwhile."""
        position = self.after
        while position < self.until and (page := await self.streams.log.page(position, _AT_ONCE)):
            for entry in page:
                if entry.position <= self.until:
                    yield entry
            position = page[-1].position
        oldest = await self.streams.log.first()
        if self.oldest is not None and oldest is not None and oldest > max(self.oldest, self.after):
            raise Conflict("the event log was trimmed while it was read; export again")


async def export(
    settings: Settings, target: Target, *, with_secrets: bool = True, on_progress: Progress | None = None
) -> Header:
    """Write everything that cannot be rebuilt to ``target``, as it is at one moment; services may be at work.

    Raises ``StoreUnavailable``, ``Conflict`` when it has to be repeated, and what ``target`` raises.
    """
    streams = Streams(settings)
    connection = await postgres.open_connection(settings)
    try:
        # Looked at before the snapshot: what the coordinator appends after it, it will decide again after an import.
        oldest, newest = await streams.log.first(), await streams.log.last()
        async with postgres.translated(), connection.transaction(isolation="repeatable_read", readonly=True):
            followers = {row["name"]: int(row["position"]) for row in await connection.fetch(_FOLLOWERS)}
            archived_until = followers.get("projector", positions.START)
            known_until = max(newest, followers.get("coordinator", positions.START))
            tail = Tail(streams, oldest, archived_until, max(archived_until, known_until))
            return await _write(connection, settings, target, tail, followers, with_secrets, on_progress)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise StoreUnavailable("there is no archive yet; the projector creates it when it starts") from error
    finally:
        connection.terminate()
        await streams.close()


async def _write(
    connection: Connection,
    settings: Settings,
    target: Target,
    tail: Tail,
    followers: dict[str, int],
    with_secrets: bool,
    on_progress: Progress | None,
) -> Header:
    tables = [table for table in await present_tables(connection, settings) if with_secrets or table.name != SECRETS]
    header = Header(
        starling=our_version(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        until=tail.until,
        followers={name: position for name, position in followers.items() if name != "projector"},
        tables={table.name: Rows(table.columns, await _count(connection, table)) for table in tables},
        events=await _kinds(connection, tail),
    )
    writer = Writer(target)
    writer.header(header)
    for table in tables:
        async for row in connection.cursor(f"SELECT to_jsonb(t)::text FROM {table.name} t", prefetch=_AT_ONCE):  # noqa: S608
            writer.row(table.name, row[0])
    done = 0
    for source in (walk_archive(connection, _AT_ONCE), tail.entries()):
        async for entry in source:
            writer.event(entry)
            done += 1
            if on_progress and done % _AT_ONCE == 0:
                on_progress(done, header.count)
    if done != header.count:
        raise Conflict("the event log was trimmed while it was read; export again")
    writer.end()
    return header


# The table names in these statements are constants.
async def _count(connection: Connection, table: Table) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table.name}"))  # noqa: S608


async def _kinds(connection: Connection, tail: Tail) -> dict[str, Kind]:
    found = {name: Kind(*known) for name, known in (await archived_types(connection)).items()}
    async for entry in tail.entries():
        raw = entry.raw
        known = found.get(raw.type, Kind(0, raw.version))
        found[raw.type] = Kind(known.count + 1, max(known.version, raw.version))
    return found
