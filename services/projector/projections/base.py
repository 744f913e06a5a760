"""What a projection is, and how a batch of events is handed to one.

A projection uses only what the events say and its own rows: no clock, no sequence, no random number, no floating sum
whose value depends on how the log was cut into batches. So a rebuild gives the same rows as live projecting did.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from shared import positions
from shared.events import Event
from shared.messages import Envelope

if TYPE_CHECKING:
    from shared.postgres import Connection

log = structlog.get_logger(__name__)

Events = Sequence[Envelope[Any]]
Apply = Callable[[Any, Events], Awaitable[None]]

LONGEST_TEXT = 1000
"""Characters kept of a name, a title or an explanation; ids and versions are kept whole."""
_LONGEST_NAME = 600
"""Bytes of a title, an artist or an album; a row of an index takes 2704."""
_INT4 = 1 << 31
_INT8 = 1 << 63
_GREATEST_REAL = 3.4e38


@dataclass(frozen=True, slots=True)
class Projection:
    """One read model. ``version`` is raised when ``apply`` gives other rows than before; changed DDL shows by itself.

    ``create`` names tables without a schema; ``indexes`` are what only readers need, so a rebuild creates them last.
    ``apply`` gets the events of ``handles`` in the order of the log.
    """

    name: str
    version: int
    handles: frozenset[type[Event]]
    tables: tuple[str, ...]
    create: str
    apply: Apply
    indexes: tuple[str, ...] = ()


_EVENT_AT_FAULT = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
)


async def project(connection: Connection, projections: Iterable[Projection], events: Events) -> None:
    """Let every projection see its events, inside the caller's transaction."""
    for projection in projections:
        # By exact type: asking ``isinstance`` of a pydantic class costs more than all the rest of this loop.
        heard = [event for event in events if type(event.message) in projection.handles]
        if heard:
            await _apply(connection, projection, heard)


async def _apply(connection: Connection, projection: Projection, events: Events) -> None:
    """An event that a projection cannot take is left out of it and logged: one bad event must not hold up the rest,
    and once the projection is mended a rebuild makes up for it. The batch is halved until the event is found."""
    try:
        async with connection.transaction():
            await projection.apply(connection, events)
    except _EVENT_AT_FAULT as error:
        if len(events) > 1:
            middle = len(events) // 2
            await _apply(connection, projection, events[:middle])
            await _apply(connection, projection, events[middle:])
            return
        log.error(
            "event_not_projected",
            projection=projection.name,
            position=positions.text(events[0].position or positions.START),
            type=events[0].message.wire_type,
            exc_info=error,
        )


def place(event: Envelope[Any]) -> int:
    """The event's position in the log."""
    if event.position is None:
        raise ValueError("an event without a position did not come from the log")
    return event.position


def source(columns: Mapping[str, str]) -> str:
    """``unnest($1::uuid[], $2::text[]) AS new (track_id, title)``: rows as one array per column."""
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), start=1))
    return f"unnest({arrays}) AS new ({', '.join(columns)})"


def insert(table: str, columns: Mapping[str, str]) -> str:
    """The beginning of an INSERT of rows given as arrays."""
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {source(columns)}"  # noqa: S608


def upsert(table: str, key: Sequence[str], columns: Mapping[str, str]) -> str:
    """INSERT of rows given as arrays; a row whose ``key`` exists is replaced."""
    rest = [name for name in columns if name not in key]
    changes = ", ".join(f"{name} = excluded.{name}" for name in rest)
    return f"{insert(table, columns)} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


def arrays(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows turned into one array per column; ``rows`` must not be empty."""
    return list(zip(*rows, strict=True))


def text(value: str, most: int | None = LONGEST_TEXT) -> str:
    """``value`` as PostgreSQL takes it: without NUL and halves of surrogate pairs, and not endless."""
    if not value.isascii():
        value = value.encode("utf-8", "ignore").decode()
    return value.replace("\x00", "")[:most]


def short(value: str) -> str:
    """``text`` for what readers sort by: three of them fit into one row of an index, whatever the letters."""
    return text(value, _LONGEST_NAME).encode()[:_LONGEST_NAME].decode("utf-8", "ignore")


def short_or_none(value: str | None) -> str | None:
    """``short`` for a field that may be missing."""
    return None if value is None else short(value)


def text_or_none(value: str | None) -> str | None:
    """``text`` for a field that may be missing."""
    return None if value is None else text(value)


def whole(value: int | None) -> int | None:
    """An ``integer`` column; what does not fit is as good as missing."""
    return value if value is not None and -_INT4 <= value < _INT4 else None


def large(value: int | None) -> int | None:
    """The same for a ``bigint`` column."""
    return value if value is not None and -_INT8 <= value < _INT8 else None


def real(value: float | None) -> float | None:
    """The same for a ``real`` column. Minus zero becomes zero: ``jsonb`` does not know it, so the archive would
    not give it back."""
    if value is None or not math.isfinite(value) or abs(value) > _GREATEST_REAL:
        return None
    return value + 0.0


def document(value: Any) -> str:
    """A ``jsonb`` column: JSON whose texts and numbers PostgreSQL takes."""
    return json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {text(name): _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
