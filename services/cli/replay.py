"""``replay``: build the read models anew from the archive, or copy the archive to a stream for somebody else."""

from __future__ import annotations

import asyncpg

from services.cli.events import opened
from services.cli.output import say
from services.cli.perform import OK
from services.cli.progress import Display, Pace, shown
from services.cli.session import Session
from services.cli.wording import clean, count, duration
from shared import positions, postgres
from shared.archive import archived, read_archive
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.streams import Streams

_BATCH = 1000


async def rebuild_read_models(session: Session) -> int:
    """Rebuild beside the live read models and swap. Users keep reading the old ones meanwhile."""
    from services.projector.rebuild import rebuild

    settings = session.settings()
    with shown("Rebuilding") as display:
        pace = Pace("events")
        result = await rebuild(settings, lambda done, total: pace.show(display, done, total))
    speed = f", {result.events / result.seconds:,.0f} a second" if result.events and result.seconds else ""
    say(
        f"Rebuilt the read models from {count(result.events, 'event')} in {duration(result.seconds)}{speed}; "
        f"they stand at {positions.text(result.position)}."
    )
    return OK


async def copy_to_stream(session: Session, stream: str) -> int:
    """Append every event to ``stream`` under the id it has in the log. Repeated, it goes on where it stopped."""
    settings = session.settings()
    async with opened(settings) as streams:
        start = await streams.log.copied(stream)
        with shown("Copying") as display:
            copied = await _copy(settings, streams, stream, start, display)
        position = await streams.log.copied(stream)
    say(f"Appended {count(copied, 'event')} to {clean(stream)}, which stands at {positions.text(position)}.")
    return OK


async def _copy(settings: Settings, streams: Streams, stream: str, position: int, display: Display) -> int:
    """The archive first, then what of the log is not archived yet. How many events were appended."""
    pace, copied = Pace("events"), 0
    connection = await postgres.open_connection(settings)
    try:
        async with postgres.translated():
            total = await archived(connection) - await archived(connection, position)
            while entries := await read_archive(connection, position, _BATCH):
                copied += await streams.log.copy_to(stream, entries)
                position = entries[-1].position
                pace.show(display, copied, max(copied, total))
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise StoreUnavailable("there is no archive yet; the projector creates it when it starts") from error
    finally:
        await connection.close()
    end = await streams.log.last()
    while position < end and (entries := await streams.log.page(position, _BATCH)):
        copied += await streams.log.copy_to(stream, entries)
        position = entries[-1].position
        pace.show(display, copied, copied)
    return copied
