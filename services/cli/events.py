"""``events tail`` and ``events follow``: the log as it stands, from its stream; older events from the archive."""

from __future__ import annotations

import asyncio
import fnmatch
import json
from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg

from services.cli.output import console, note, say, say_json, watched
from services.cli.perform import OK
from services.cli.wording import clean, fields
from shared import positions, postgres
from shared.archive import read_archive
from shared.errors import InvalidInput, StoreUnavailable
from shared.events import EVENTS
from shared.settings import Settings
from shared.streams import LogEntry, Streams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.cli.session import Session

_PAGE = 1000
_FIND_OLDER = """
SELECT position FROM event_log
 WHERE position < $1 AND ($2::text[] IS NULL OR type = ANY($2)) AND ($3::uuid IS NULL OR correlation_id = $3)
 ORDER BY position DESC LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are wanted; None is all."""

    types: frozenset[str] | None = None
    run_id: UUID | None = None

    def matches(self, entry: LogEntry) -> bool:
        raw = entry.raw
        return (self.types is None or raw.type in self.types) and (
            self.run_id is None or raw.correlation_id == self.run_id
        )


def make_filter(patterns: Sequence[str], run: str | None) -> Filter:
    """``patterns`` are wire types, ``*`` stands for anything. Raises ``InvalidInput`` for one that fits no event."""
    types: set[str] = set()
    for pattern in patterns:
        fitting = fnmatch.filter(EVENTS.by_type, pattern)
        if not fitting:
            raise InvalidInput("type", f"there is no event {pattern}; there are: {', '.join(sorted(EVENTS.by_type))}")
        types.update(fitting)
    try:
        run_id = UUID(run) if run else None
    except ValueError:
        raise InvalidInput("run", f"{run} is not the id of a run; 'starling runs' lists them") from None
    return Filter(frozenset(types) or None, run_id)


async def tail(session: Session, wanted: Filter, most: int, *, as_json: bool) -> int:
    """The newest events that are wanted, oldest first."""
    settings = session.settings()
    async with opened(settings) as streams:
        for entry in await newest(settings, streams, wanted, most):
            show(entry, as_json=as_json)
    return OK


async def follow(session: Session, wanted: Filter, most: int, *, as_json: bool) -> int:
    """The newest events, then each one as it is appended, until Ctrl-C."""
    settings = session.settings()
    try:
        async with opened(settings) as streams:
            position = await streams.log.last()
            for entry in await newest(settings, streams, wanted, most, until=position):
                show(entry, as_json=as_json)
            await _follow(streams, wanted, position, as_json=as_json)
    except asyncio.CancelledError:
        # Ctrl-C is how following ends.
        pass
    return OK


async def _follow(streams: Streams, wanted: Filter, position: int, *, as_json: bool) -> None:
    away = False
    while True:
        try:
            entries = await streams.log.read(position, _PAGE)
        except StoreUnavailable as error:
            if not away:
                note(f"{error}; waiting for it")
            away = True
            await asyncio.sleep(0.5)
            continue
        away = False
        for entry in entries:
            position = entry.position
            if wanted.matches(entry):
                show(entry, as_json=as_json)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Streams]:
    """The streams, closed in the end."""
    streams = Streams(settings)
    try:
        yield streams
    finally:
        await streams.close()


async def newest(
    settings: Settings, streams: Streams, wanted: Filter, most: int, *, until: int | None = None
) -> list[LogEntry]:
    """The newest ``most`` events that are wanted and not behind ``until``, oldest first."""
    found: list[LogEntry] = []
    before = None if until is None else until + 1
    while len(found) < most:
        page = await streams.log.page_back(before, _PAGE)
        if not page:
            found += await _archived(settings, wanted, before, most - len(found))
            break
        found += [entry for entry in page if wanted.matches(entry)][: most - len(found)]
        before = page[-1].position
    return found[::-1]


async def _archived(settings: Settings, wanted: Filter, before: int | None, most: int) -> list[LogEntry]:
    """What was trimmed from the stream, newest first."""
    try:
        connection = await postgres.open_connection(settings)
    except StoreUnavailable as error:
        note(f"older events are not shown: {error}")
        return []
    types = sorted(wanted.types) if wanted.types else None
    end = before if before is not None else (1 << 63) - 1
    try:
        async with postgres.translated():
            rows = await connection.fetch(_FIND_OLDER, end, types, wanted.run_id, most)
            pages = [await read_archive(connection, row["position"] - 1, 1, row["position"]) for row in rows]
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        # The projector has not been here yet, so nothing has been trimmed either.
        return []
    finally:
        await connection.close()
    return [entry for page in pages for entry in page]


def show(entry: LogEntry, *, as_json: bool) -> None:
    """One event on one line."""
    if as_json:
        say_json(as_document(entry), indent=None)
        return
    line = as_line(entry)
    if watched() and len(line) > console().width:
        line = line[: console().width - 1] + "\u2026"
    say(line)


def as_document(entry: LogEntry) -> dict[str, Any]:
    """An event for programs; of a blob only its length."""
    raw = entry.raw
    document: dict[str, Any] = {
        "position": positions.text(entry.position),
        "id": str(raw.id),
        "type": raw.type,
        "version": raw.version,
        "occurred_at": raw.occurred_at.isoformat(),
        "subject": raw.subject,
        "correlation_id": str(raw.correlation_id) if raw.correlation_id else None,
        "causation_id": str(raw.causation_id) if raw.causation_id else None,
        "data": _data(raw.data),
    }
    if raw.blob is not None:
        document["blob_bytes"] = len(raw.blob)
    return document


def as_line(entry: LogEntry) -> str:
    """Time, type, subject, and the figures in the event."""
    raw = entry.raw
    data = _data(raw.data)
    told = raw.subject.partition(":")[2]
    rest = {name: value for name, value in data.items() if value != told} if isinstance(data, dict) else {}
    written = datetime.fromtimestamp(positions.milliseconds(entry.position) / 1000, UTC).astimezone()
    at = written.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"{at}  {clean(raw.type):<24}  {clean(raw.subject)}  {fields(rest)}".rstrip()


def _data(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return {"unreadable": data.decode(errors="replace")}
