"""``export`` and ``import``."""

from __future__ import annotations

import time

from services.cli.backup.files import STANDARD, readable, written
from services.cli.backup.format import Header, verify
from services.cli.backup.passphrase import known_passphrase, new_passphrase
from services.cli.backup.restoring import Arriving, Restored, restore
from services.cli.backup.sealing import SECRETS
from services.cli.backup.taking import Passwords, export
from services.cli.output import note
from services.cli.perform import OK
from services.cli.progress import Pace, shown
from services.cli.session import Session
from services.cli.stores import reachable
from services.cli.wording import clean, count, duration, size
from shared import positions
from shared.errors import InvalidInput
from shared.settings import Settings

_AHEAD_S = 60
_KEY = "STARLING_SECRET_KEY (the file secret.key in the data directory)"


async def export_to(session: Session, name: str, *, passphrase_file: str | None) -> int:
    """Write an export to the file ``name``; what is said goes to stderr, since the export may go to stdout."""
    passphrase = new_passphrase(passphrase_file)
    async with reachable(session, make=False) as settings:
        with written(name) as target, shown("Exporting", stderr=True) as display:
            pace = Pace("events")
            taken = await export(
                settings,
                target,
                passphrase=passphrase,
                on_progress=lambda done, total: pace.show(display, done, total),
            )
    place = "standard output" if name == STANDARD else clean(name)
    note(f"Exported {count(taken.header.count, 'event')} to {place} ({size(target.size)}).")
    for line in _about(taken.passwords):
        note(line)
    return OK


def _about(passwords: Passwords) -> list[str]:
    lines = []
    if passwords.left_out:
        lines.append(
            f"{count(passwords.left_out, 'password')} left out: after an import, log in to your media servers again. "
            "With --passphrase-file they go along, encrypted."
        )
    elif not passwords.rows and not passwords.unreadable:
        lines.append("No library has a password, so it holds none.")
    if passwords.rows:
        held = count(len(passwords.rows), "password")
        lines.append(f"It holds {held}, which only the passphrase opens: keep that as well, in another place.")
    if passwords.unreadable:
        lines.append(
            f"{count(passwords.unreadable, 'password')} left out, which STARLING_SECRET_KEY does not open: log in to "
            "that media server again."
        )
    return lines


async def import_from(session: Session, name: str, *, passphrase_file: str | None, without_secrets: bool) -> int:
    """Fill an empty Starling from the file ``name``."""
    started = time.perf_counter()
    with readable(name) as source:
        header = verify(source)
        arriving = _arriving(header, passphrase_file, without_secrets=without_secrets)
        async with reachable(session, make=True) as settings:
            source.seek(0)
            with shown("Importing", stderr=True) as display:
                pace = Pace("events")
                restored = await restore(
                    settings, header, source, arriving, lambda done, total: pace.show(display, done, total)
                )
            await _rebuild(settings)
    seconds = duration(time.perf_counter() - started)
    note(f"Imported {count(header.count, 'event')} of {clean(header.created_at)} in {seconds}.")
    for line in _advice(restored):
        note(line)
    return OK


def _arriving(header: Header, passphrase_file: str | None, *, without_secrets: bool) -> Arriving:
    """Looked at before anything is started. Raises ``InvalidInput``, ``WrongPassphrase``."""
    if without_secrets or header.seal is None:
        return Arriving(wanted=not without_secrets)
    passphrase = known_passphrase(passphrase_file)
    if passphrase is None:
        raise InvalidInput(
            "passphrase",
            f"the file holds {count(header.tables[SECRETS].rows, 'password')} under a passphrase; give it with "
            "--passphrase-file, or leave them out with --without-secrets",
        )
    return Arriving(key=header.seal.key(passphrase))


async def _rebuild(settings: Settings) -> None:
    from services.projector.rebuild import rebuild

    with shown("Rebuilding", stderr=True) as display:
        pace = Pace("events")
        await rebuild(settings, lambda done, total: pace.show(display, done, total))


def _advice(restored: Restored) -> list[str]:
    lines = []
    if not restored.secrets:
        lines.append("No passwords came along: log in again to media servers that want one.")
    elif restored.unreadable:
        lines.append(
            f"{restored.unreadable} of {count(restored.secrets, 'password')} cannot be read: add the key of the "
            f"Starling that was exported to {_KEY}, behind the one that is there."
        )
    ahead_s = positions.milliseconds(restored.header.until) / 1000 - time.time()
    if ahead_s > _AHEAD_S:
        lines.append(
            f"The clock it was written by is {duration(ahead_s)} ahead of this one. Nothing is out of order; until "
            f"then there is room for {positions.room(restored.header.until):,} events."
        )
    return lines
