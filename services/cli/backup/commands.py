"""``export`` and ``import``."""

from __future__ import annotations

import time

from services.cli.backup.contents import SECRETS
from services.cli.backup.files import STANDARD, readable, written
from services.cli.backup.format import Header, verify
from services.cli.backup.restoring import Restored, restore
from services.cli.backup.taking import export
from services.cli.output import note
from services.cli.perform import OK
from services.cli.progress import Pace, shown
from services.cli.session import Session
from services.cli.stores import reachable
from services.cli.wording import clean, count, duration, size
from shared import positions
from shared.settings import Settings

_AHEAD_S = 60
_KEY = "STARLING_SECRET_KEY (the file secret.key in the data directory)"


async def export_to(session: Session, name: str, *, with_secrets: bool) -> int:
    """Write an export to the file ``name``; what is said goes to stderr, since the export may go to stdout."""
    async with reachable(session, make=False) as settings:
        with written(name) as target, shown("Exporting", stderr=True) as display:
            pace = Pace("events")
            header = await export(
                settings,
                target,
                with_secrets=with_secrets,
                on_progress=lambda done, total: pace.show(display, done, total),
            )
    place = "standard output" if name == STANDARD else clean(name)
    note(f"Exported {count(header.count, 'event')} to {place} ({size(target.size)}).")
    note(_about_secrets(header, with_secrets=with_secrets))
    return OK


def _about_secrets(header: Header, *, with_secrets: bool) -> str:
    if not with_secrets:
        return "It holds no passwords: after an import, log in to your media servers again."
    held = header.tables.get(SECRETS)
    if held is None or not held.rows:
        return "No library has a password, so it holds none."
    return f"It holds {count(held.rows, 'password')}, encrypted: keep {_KEY} as well, in another place."


async def import_from(session: Session, name: str) -> int:
    """Fill an empty Starling from the file ``name``."""
    started = time.perf_counter()
    with readable(name) as source:
        header = verify(source)
        async with reachable(session, make=True) as settings:
            source.seek(0)
            with shown("Importing", stderr=True) as display:
                pace = Pace("events")
                restored = await restore(settings, header, source, lambda done, total: pace.show(display, done, total))
            await _rebuild(settings)
    seconds = duration(time.perf_counter() - started)
    note(f"Imported {count(header.count, 'event')} of {clean(header.created_at)} in {seconds}.")
    for line in _advice(restored):
        note(line)
    return OK


async def _rebuild(settings: Settings) -> None:
    from services.projector.rebuild import rebuild

    with shown("Rebuilding", stderr=True) as display:
        pace = Pace("events")
        await rebuild(settings, lambda done, total: pace.show(display, done, total))


def _advice(restored: Restored) -> list[str]:
    lines = []
    if SECRETS not in restored.header.tables:
        lines.append("It held no passwords: log in to your media servers again.")
    elif restored.unreadable:
        lines.append(
            f"{restored.unreadable} of {count(restored.secrets, 'password')} cannot be read: before you start, set the "
            f"{_KEY} of the Starling that was exported."
        )
    ahead_s = positions.milliseconds(restored.header.until) / 1000 - time.time()
    if ahead_s > _AHEAD_S:
        lines.append(
            f"The clock it was written by is {duration(ahead_s)} ahead of this one. Nothing is out of order; until "
            f"then there is room for {positions.room(restored.header.until):,} events."
        )
    return lines
