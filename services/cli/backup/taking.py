"""Takes an export while everything goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import asyncpg

from services.cli.backup.contents import Table, present_tables
from services.cli.backup.format import Header, Kind, Rows, Target, Writer
from services.cli.backup.sealing import SECRETS, Seal, under_another_key
from shared import positions, postgres, secrets
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
class Passwords:
    """Rows of ``secrets`` under ``seal``, which is None when they stay behind. ``left_out`` are those that stay behind,
    ``unreadable`` those that our own key did not open."""

    seal: Seal | None = None
    rows: tuple[str, ...] = ()
    left_out: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """What an export holds, and what came of the passwords."""

    header: Header
    passwords: Passwords


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
    settings: Settings, target: Target, *, passphrase: str | None = None, on_progress: Progress | None = None
) -> Taken:
    """Write everything that cannot be rebuilt to ``target``, as it is at one moment; services may be at work. Passwords
    go along with a passphrase alone.

    Raises ``StoreUnavailable``, ``Conflict`` when it has to be repeated, ``ConfigurationError`` without a key for the
    passwords, and what ``target`` raises.
    """
    streams = Streams(settings)
    connection = await postgres.open_connection(settings)
    try:
        if passphrase is not None:
            await secrets.hold_keys(connection)
        # Looked at before the snapshot: what the coordinator appends after it, it will decide again after an import.
        oldest, newest = await streams.log.first(), await streams.log.last()
        async with postgres.translated(), connection.transaction(isolation="repeatable_read", readonly=True):
            followers = {row["name"]: int(row["position"]) for row in await connection.fetch(_FOLLOWERS)}
            archived_until = followers.get("projector", positions.START)
            known_until = max(newest, followers.get("coordinator", positions.START))
            tail = Tail(streams, oldest, archived_until, max(archived_until, known_until))
            tables = await present_tables(connection, settings)
            passwords = await _passwords(connection, settings, tables, passphrase)
            header = await _header(connection, tail, followers, tables, passwords)
            await _write(connection, header, Writer(target), passwords, tail, on_progress)
            return Taken(header, passwords)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise StoreUnavailable("there is no archive yet; the projector creates it when it starts") from error
    finally:
        connection.terminate()
        await streams.close()


async def _passwords(
    connection: Connection, settings: Settings, tables: Sequence[Table], passphrase: str | None
) -> Passwords:
    """All of them at once: there is one for each media server."""
    if SECRETS not in [table.name for table in tables]:
        return Passwords()
    found = await connection.fetch("SELECT to_jsonb(t)::text AS row FROM secrets t ORDER BY created_at, secret_id")
    if passphrase is None or not found:
        return Passwords(left_out=len(found))
    seal, closing = Seal.of(passphrase)
    opening = secrets.cipher(settings)
    rows = [under_another_key(row["row"], opening, closing) for row in found]
    readable = tuple(row for row in rows if row is not None)
    return Passwords(seal, readable, unreadable=len(rows) - len(readable))


async def _header(
    connection: Connection, tail: Tail, followers: dict[str, int], tables: Sequence[Table], passwords: Passwords
) -> Header:
    rows = {table.name: Rows(table.columns, await _count(connection, table)) for table in tables}
    held = {} if passwords.seal is None else {SECRETS: Rows(rows[SECRETS].columns, len(passwords.rows))}
    return Header(
        starling=our_version(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        until=tail.until,
        followers={name: position for name, position in followers.items() if name != "projector"},
        tables={**held, **{name: one for name, one in rows.items() if name != SECRETS}},
        events=await _kinds(connection, tail),
        seal=passwords.seal,
    )


async def _write(
    connection: Connection,
    header: Header,
    writer: Writer,
    passwords: Passwords,
    tail: Tail,
    on_progress: Progress | None,
) -> None:
    writer.header(header)
    for row in passwords.rows:
        writer.row(SECRETS, row)
    for name in header.tables:
        if name != SECRETS:
            await _write_table(connection, writer, name)
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


# The table names in these statements are constants.
async def _write_table(connection: Connection, writer: Writer, name: str) -> None:
    async for row in connection.cursor(f"SELECT to_jsonb(t)::text FROM {name} t", prefetch=_AT_ONCE):  # noqa: S608
        writer.row(name, row[0])


async def _count(connection: Connection, table: Table) -> int:
    return int(await connection.fetchval(f"SELECT count(*) FROM {table.name}"))  # noqa: S608


async def _kinds(connection: Connection, tail: Tail) -> dict[str, Kind]:
    found = {name: Kind(*known) for name, known in (await archived_types(connection)).items()}
    async for entry in tail.entries():
        raw = entry.raw
        known = found.get(raw.type, Kind(0, raw.version))
        found[raw.type] = Kind(known.count + 1, max(known.version, raw.version))
    return found
