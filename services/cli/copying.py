"""``replay --to``: events of the past once more, on a stream for an outside consumer."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import asyncpg

from services.cli.events import make_filter, opened
from services.cli.output import say
from services.cli.perform import OK
from services.cli.progress import Display, Pace, shown
from services.cli.session import Session
from services.cli.wording import count
from shared import positions, postgres
from shared.archive import END, archived_until, count_archived, find_archived
from shared.errors import Conflict, InvalidInput, StoreUnavailable
from shared.streams import LogEntry, OutsideStream, Streams

if TYPE_CHECKING:
    from shared.postgres import Connection

_BATCH = 500
_LOOK_EVERY_S = 0.2
_POSITION = re.compile(r"\d{11,}(-\d+)?")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events: behind ``after``, up to and with ``until``, of these types, about this; None is all."""

    after: int = positions.START
    until: int = END
    types: frozenset[str] | None = None
    subject: str | None = None

    def matches(self, entry: LogEntry) -> bool:
        """Whether an entry of the log is one."""
        return (
            self.after < entry.position <= self.until
            and (self.types is None or entry.raw.type in self.types)
            and (self.subject is None or entry.raw.subject == self.subject)
        )


def make_wanted(types: Sequence[str], since: str | None, until: str | None, subject: str | None) -> Wanted:
    """``types`` are patterns, several with commas between them. ``since`` and ``until`` are positions, which belong to
    the events, or times: from the one on, before the other. Raises ``InvalidInput``."""
    patterns = [pattern for text in types for pattern in text.split(",") if pattern]
    wanted = Wanted(
        after=_place("since", since) - 1 if since else positions.START,
        until=_last("until", until) if until else END,
        types=make_filter(patterns, None).types,
        subject=subject or None,
    )
    if wanted.after >= wanted.until:
        raise InvalidInput("since", f"nothing lies between {since} and {until}; the first has to be the earlier one")
    return wanted


def _place(option: str, text: str) -> int:
    if _POSITION.fullmatch(text):
        return positions.pack(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            option, f"--{option} {text} is neither a position (1767225600000-0) nor a time (2026-01-01T12:00)"
        ) from None
    return positions.pack(f"{max(0, round(moment.timestamp() * 1000))}-0")


def _last(option: str, text: str) -> int:
    return _place(option, text) - (0 if _POSITION.fullmatch(text) else 1)


async def copy_to_stream(session: Session, name: str, wanted: Wanted, *, max_length: int, resume: bool) -> int:
    """Append the wanted events, the oldest first; whenever ``max_length`` of them were not read, wait."""
    settings = session.settings()
    async with opened(settings) as streams:
        stream = streams.outside(name)
        wanted = _behind(await stream.position(), wanted, stream, resume=resume)
        connection = await postgres.open_connection(settings)
        try:
            async with postgres.translated():
                copied = await _Copy(connection, streams, stream, wanted, max_length).run()
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
            raise StoreUnavailable("there is no archive yet; the projector creates it when it starts") from error
        finally:
            connection.terminate()
        position = await stream.position()
    say(f"Appended {count(copied, 'event')} to {stream.key}, which stands at {positions.text(position)}.")
    return OK


def _behind(position: int, wanted: Wanted, stream: OutsideStream, *, resume: bool) -> Wanted:
    if position > positions.START and not resume:
        raise Conflict(
            f"{stream.key} has been filled up to {positions.text(position)}; go on behind that with --resume, or "
            "choose another name"
        )
    return replace(wanted, after=max(wanted.after, position))


@dataclass
class _Copy:
    """What is on its way."""

    connection: Connection
    streams: Streams
    stream: OutsideStream
    wanted: Wanted
    max_length: int
    copied: int = 0

    async def run(self) -> int:
        """How many were appended. What happens from now on does not belong to it."""
        now = max(await self.streams.log.last(), await archived_until(self.connection))
        self.wanted = replace(self.wanted, until=min(self.wanted.until, now))
        total = await count_archived(self.connection, self.wanted)
        pace = Pace("events")
        with shown("Copying") as display:
            async for entries in self._pages():
                for start in range(0, len(entries), _BATCH):
                    await self._append(entries[start : start + _BATCH], display)
                pace.show(display, self.copied, max(self.copied, total))
        return self.copied

    async def _pages(self) -> AsyncIterator[list[LogEntry]]:
        """The archive, then what of the log is not archived yet."""
        seen = self.wanted.after
        while seen < self.wanted.until:
            page = await find_archived(self.connection, replace(self.wanted, after=seen), _BATCH)
            if not page:
                recent = await self.streams.log.page(seen, _BATCH)
                # What we missed in the log may be in the archive by now, if it is trimmed at once.
                page = await find_archived(self.connection, replace(self.wanted, after=seen), _BATCH)
                if not page and not recent:
                    return
            if page:
                seen = page[-1].position
                yield page
            else:
                seen = recent[-1].position
                yield [entry for entry in recent if self.wanted.matches(entry)]

    async def _append(self, entries: list[LogEntry], display: Display) -> None:
        while entries:
            room = await self.stream.room(self.max_length)
            if room:
                await self.stream.append(entries[:room])
                self.copied += len(entries[:room])
                entries = entries[room:]
            else:
                display.waiting(f"{self.copied:,} events; waiting until somebody reads {self.stream.key}")
                await asyncio.sleep(_LOOK_EVERY_S)
