"""The archive: every event for good, in PostgreSQL. The projector writes it, everybody may read it.

What the server would refuse as ``jsonb`` (text that is not JSON, a NUL inside a string, bytes that are not UTF-8) is
kept as ``{"$raw": "<base64>"}`` and comes back byte for byte; all else comes back as equal JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
import structlog

from shared import positions
from shared.messages import Raw
from shared.streams import LogEntry

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

EVENT_LOG_TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.event_log (
    position bigint PRIMARY KEY,
    id uuid NOT NULL,
    type text NOT NULL,
    version smallint NOT NULL,
    occurred_at timestamptz NOT NULL,
    correlation_id uuid,
    causation_id uuid,
    traceparent text,
    subject text NOT NULL,
    data jsonb NOT NULL,
    blob bytea
)
"""

_COLUMNS = (
    "position",
    "id",
    "type",
    "version",
    "occurred_at",
    "correlation_id",
    "causation_id",
    "traceparent",
    "subject",
    "data",
    "blob",
)
_RAW = "$raw"
_REFUSED = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)

_READ = f"""
SELECT {", ".join(_COLUMNS)} FROM event_log WHERE position > $1 AND position <= $3 ORDER BY position LIMIT $2
"""  # noqa: S608 - constants
_WALK = f"SELECT {', '.join(_COLUMNS)} FROM event_log ORDER BY position"  # noqa: S608 - constants
END = (1 << 63) - 1

_WANTED = """
  FROM event_log
 WHERE position > $1 AND position <= $2
   AND ($3::text[] IS NULL OR type = ANY($3)) AND ($4::text IS NULL OR subject = $4)
"""
_FIND = f"SELECT {', '.join(_COLUMNS)} {_WANTED} ORDER BY position LIMIT $5"

_INSERT = f"""
INSERT INTO event_log ({", ".join(_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""  # noqa: S608 - constants


async def write_archive(connection: Connection, batch: Sequence[LogEntry]) -> None:
    """Add ``batch`` to the archive, inside the caller's transaction. No entry is too odd to be kept."""
    rows = [_row(entry) for entry in batch]
    try:
        async with connection.transaction():
            await connection.copy_records_to_table("event_log", records=rows, columns=_COLUMNS)
    except _REFUSED:
        for entry, row in zip(batch, rows, strict=True):
            await _insert(connection, entry, row)


async def _insert(connection: Connection, entry: LogEntry, row: tuple[Any, ...]) -> None:
    """One by one, to find the entry whose data the server refuses."""
    try:
        async with connection.transaction():
            await connection.execute(_INSERT, *row)
    except _REFUSED as error:
        log.warning("event_kept_raw", position=positions.text(entry.position), reason=type(error).__name__)
        await connection.execute(_INSERT, *_row(entry, wrapped=True))


async def read_archive(connection: Connection, after: int, most: int, until: int = END) -> list[LogEntry]:
    """At most ``most`` archived events behind position ``after`` (up to and with ``until``), in order."""
    return [_entry(row) for row in await connection.fetch(_READ, after, most, until)]


class Wanted(Protocol):
    """Which events: behind ``after``, up to and with ``until``, of these types, about this; None is all."""

    @property
    def after(self) -> int: ...
    @property
    def until(self) -> int: ...
    @property
    def types(self) -> Collection[str] | None: ...
    @property
    def subject(self) -> str | None: ...


async def find_archived(connection: Connection, wanted: Wanted, most: int) -> list[LogEntry]:
    """The first ``most`` archived events that are wanted, in order."""
    return [_entry(row) for row in await connection.fetch(_FIND, *_asked(wanted), most)]


async def count_archived(connection: Connection, wanted: Wanted) -> int:
    """How many archived events are wanted."""
    return int(await connection.fetchval(f"SELECT count(*) {_WANTED}", *_asked(wanted)))


def _asked(wanted: Wanted) -> tuple[Any, ...]:
    types = None if wanted.types is None else sorted(wanted.types)
    return wanted.after, wanted.until, types, wanted.subject


async def walk_archive(connection: Connection, at_once: int) -> AsyncIterator[LogEntry]:
    """Every archived event in order, inside the caller's transaction, which fixes what there is. ``at_once`` of them
    are in memory."""
    async for row in connection.cursor(_WALK, prefetch=at_once):
        yield _entry(row)


async def archived_types(connection: Connection) -> dict[str, tuple[int, int]]:
    """Of every type in the archive: how many events, and the newest version."""
    rows = await connection.fetch("SELECT type, count(*), max(version) FROM event_log GROUP BY type ORDER BY type")
    return {row[0]: (row[1], row[2]) for row in rows}


async def archived_until(connection: Connection) -> int:
    """Position of the last archived event. After an import, or when the stream server was lost, the log itself is empty
    and this is where the past ends."""
    return int(await connection.fetchval("SELECT max(position) FROM event_log") or positions.START)


async def archived(connection: Connection, until: int = END) -> int:
    """How many events the archive holds, up to and with position ``until``."""
    return int(await connection.fetchval("SELECT count(*) FROM event_log WHERE position <= $1", until))


def _row(entry: LogEntry, *, wrapped: bool = False) -> tuple[Any, ...]:
    raw = entry.raw
    return (
        entry.position,
        raw.id,
        _storable(raw.type),
        min(max(raw.version, -1), 32767),
        _aware(raw.occurred_at),
        raw.correlation_id,
        raw.causation_id,
        _storable(raw.traceparent) if raw.traceparent else None,
        _storable(raw.subject),
        _wrap(raw.data) if wrapped else _text(raw.data),
        raw.blob,
    )


def _text(data: bytes) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _wrap(data)
    # Our own wrapping must come back as it was, and a NUL is the one thing JSON allows and ``jsonb`` does not.
    return _wrap(data) if _RAW in text or "\\u0000" in text or "\x00" in text else text


def _wrap(data: bytes) -> str:
    return json.dumps({_RAW: base64.b64encode(data).decode()})


def _unwrap(text: str) -> bytes:
    if _RAW in text:
        return base64.b64decode(json.loads(text)[_RAW])
    return text.encode()


def _storable(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _entry(row: Any) -> LogEntry:
    return LogEntry(
        position=row[0],
        raw=Raw(
            id=row[1],
            type=row[2],
            version=row[3],
            occurred_at=row[4],
            correlation_id=row[5],
            causation_id=row[6],
            traceparent=row[7],
            subject=row[8],
            data=_unwrap(row[9]),
            blob=row[10],
            attempts=0,
        ),
    )
