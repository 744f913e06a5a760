"""Puts an export into a Starling that holds nothing yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from services.cli.backup.contents import create_tables, present_tables
from services.cli.backup.format import Header, UnusableExport, contents
from services.cli.backup.sealing import SECRETS, Key, under_another_key
from shared import positions, postgres, secrets
from shared.archive import write_archive
from shared.errors import Conflict
from shared.follower import FOLLOWERS, take_place
from shared.settings import Settings
from shared.streams import LogEntry, Streams

if TYPE_CHECKING:
    from shared.postgres import Connection

Progress = Callable[[int, int], None]
"""``(events done, events in all)``."""
Receive = Callable[[str], str | None]

_AT_ONCE = 200
_ELSEWHERE = "import into a new one: another STARLING_DATA_DIR, or another database and stream server"
_POSITION = """
INSERT INTO follower_positions (name, position) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET position = excluded.position, updated_at = now()
"""
# What the coordinator had appended and not yet crossed off at the moment of the export is in the archive: appending it
# once more would order the same work once more.
_CROSS_OFF = """
DELETE FROM coordinator_outbox o
 WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(o.unit -> 'events') e JOIN event_log l ON l.id = (e ->> 'id')::uuid)
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """``secrets`` passwords came along, of which this STARLING_SECRET_KEY does not open ``unreadable``."""

    header: Header
    secrets: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Arriving:
    """What happens to passwords: ``wanted`` or left behind, and the key under which they travelled, if there is one."""

    wanted: bool = True
    key: Key | None = None


async def restore(
    settings: Settings,
    header: Header,
    source: IO[bytes],
    arriving: Arriving = Arriving(),
    on_progress: Progress | None = None,
) -> Restored:
    """Put a verified export into the stores, all or nothing. The read models are to be rebuilt next; a projector that
    starts before that is done does it itself.

    Raises ``Conflict`` when there is something already or services are at work, ``UnusableExport``,
    ``ConfigurationError`` without a key for the passwords, ``StoreUnavailable``.
    """
    receive = _receiver(settings, header, arriving)
    await create_tables(settings)
    streams = Streams(settings)
    connection = await postgres.open_connection(settings)
    try:
        async with postgres.translated(), connection.transaction():
            await _check_target(connection, settings, streams)
            await _check_tables(connection, settings, header)
            await _Loading(connection, header, receive, on_progress).load(contents(source))
            await _set_positions(connection, header)
            await _forget_read_models(connection, settings)
            ciphers = [bytes(row[0]) for row in await connection.fetch("SELECT ciphertext FROM secrets")]
            # Before the commit: if this process ends in between, an empty log that goes on further up does no harm.
            await streams.log.begin_behind(header.until)
        return Restored(header, len(ciphers), secrets.unreadable(settings, ciphers))
    finally:
        connection.terminate()
        await streams.close()


def _receiver(settings: Settings, header: Header, arriving: Arriving) -> Receive:
    """What makes of a row of ``secrets`` in the file the row in the table."""
    if not arriving.wanted:
        return lambda _: None
    if header.seal is None:
        return lambda row: row
    opening, closing = arriving.key, secrets.cipher(settings)
    if opening is None:
        raise UnusableExport("the passwords in the file are encrypted; give the passphrase, or leave them out")

    def receive(row: str) -> str:
        received = under_another_key(row, opening, closing)
        if received is None:
            raise UnusableExport("a password in the file cannot be opened; take another copy of it")
        return received

    return receive


async def _check_target(connection: Connection, settings: Settings, streams: Streams) -> None:
    for name in FOLLOWERS:
        if not await take_place(connection, settings, name):
            raise Conflict(f"the {name} is at work; stop Starling (Ctrl-C where 'starling up' runs) and import again")
    tables = await present_tables(connection, settings)
    for name in ("event_log", *(table.name for table in tables)):
        if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {name})"):  # noqa: S608 - constants
            raise Conflict(f"this Starling is not empty, its table {name} holds something; {_ELSEWHERE}")
    if not await streams.unused():
        raise Conflict(f"this Starling is not empty, its stream server has been in use; {_ELSEWHERE}")


async def _check_tables(connection: Connection, settings: Settings, header: Header) -> None:
    known = {table.name: set(table.columns) for table in await present_tables(connection, settings)}
    for name, rows in header.tables.items():
        odd = set(rows.columns) - known.get(name, set())
        if name not in known or odd:
            what = f"columns of {name}: {', '.join(sorted(odd))}" if name in known else f"a table {name}"
            raise UnusableExport(
                f"the file holds {what}, written by Starling {header.starling}, which this Starling does not know; "
                "update Starling and import again"
            )


@dataclass
class _Loading:
    """Rows and events on their way, a batch at a time."""

    connection: Connection
    header: Header
    receive: Receive
    on_progress: Progress | None
    done: int = 0
    rows: list[str] = field(default_factory=list)
    events: list[LogEntry] = field(default_factory=list)
    table: str = ""

    async def load(self, items: Iterable[tuple[str, str] | LogEntry]) -> None:
        """Write everything."""
        for item in items:
            if isinstance(item, LogEntry):
                self.events.append(item)
            else:
                if item[0] != self.table:
                    await self._flush()
                    self.table = item[0]
                row = self.receive(item[1]) if self.table == SECRETS else item[1]
                self.rows += [] if row is None else [row]
            if len(self.events) + len(self.rows) >= _AT_ONCE:
                await self._flush()
        await self._flush()

    async def _flush(self) -> None:
        if self.rows:
            columns = ", ".join(f'"{column}"' for column in self.header.tables[self.table].columns)
            await self.connection.execute(
                f"INSERT INTO {self.table} ({columns})"  # noqa: S608 - table and columns were checked
                f" SELECT {columns} FROM jsonb_populate_recordset(NULL::{self.table}, $1::jsonb)",
                f"[{','.join(self.rows)}]",
            )
        if self.events:
            await write_archive(self.connection, self.events)
            self.done += len(self.events)
            if self.on_progress:
                self.on_progress(self.done, self.header.count)
        self.rows, self.events = [], []


async def _set_positions(connection: Connection, header: Header) -> None:
    """The projector has nothing to archive, the coordinator goes on where it stood."""
    await connection.execute(_CROSS_OFF)
    coordinator = header.followers.get("coordinator", positions.START)
    await connection.executemany(_POSITION, [("projector", header.until), ("coordinator", coordinator)])


async def _forget_read_models(connection: Connection, settings: Settings) -> None:
    """Whoever starts next sees that they are not those of this archive."""
    table = f'"{settings.read_schema}".read_model_version'
    if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table):
        await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - the schema's name is checked in Settings
