"""``rotate-key``: the stored passwords of media servers under a new key.

The new key joins the old one, everything is encrypted anew, the old key goes: whoever reads in between, and wherever
this ends before its time, there is a key for every password.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from services.cli.output import note, say
from services.cli.perform import OK, PROBLEM, USAGE
from services.cli.session import Session
from services.cli.stores import own_key, reachable
from services.cli.wording import clean, count
from shared import postgres, secrets
from shared.errors import Conflict, StoreUnavailable
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection


async def rotate_key(session: Session) -> int:
    """Encrypt all passwords with the newest key: one that we make, where the key is the file in our data directory."""
    async with reachable(session, make=False) as settings, _alone(settings) as connection:
        if settings.secret_key_file == own_key(settings):
            return await change_own_key(connection, settings, settings.secret_key_file)
        if len(secrets.keys(settings)) == 1:
            for line in _steps(settings):
                note(line)
            return USAGE
        return await _use_newest(connection, settings)


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[Connection]:
    """A connection that holds others off who want to do the same. Raises ``Conflict``, ``StoreUnavailable``."""
    connection = await postgres.open_connection(settings)
    try:
        async with postgres.translated():
            if not await secrets.take_keys(connection):
                raise Conflict("somebody else is changing the key, or exporting passwords; wait until that is done")
            yield connection
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError) as error:
        raise StoreUnavailable("there are no passwords yet; the gateway creates their table when it starts") from error
    finally:
        connection.terminate()


async def change_own_key(connection: Connection, settings: Settings, path: Path) -> int:
    """Make a key and bring everything under it. Processes that read the file each time notice nothing."""
    from services.up import key_file

    older = key_file.put_in_front(path, secrets.new_key())
    async with connection.transaction():
        await secrets.encrypt_anew(connection, settings)
    # Nobody adds a password until the old keys are gone, and the commit before is what they were waiting for.
    async with connection.transaction():
        kept = await secrets.keeping(connection, settings)
        if not kept.older:
            key_file.remove(path, older)
    done = f"{count(kept.newest, 'password')} encrypted with a new key"
    say(f"{done}, which is in {clean(path)}. Nothing has to be restarted.")
    return _rest(kept)


async def _use_newest(connection: Connection, settings: Settings) -> int:
    async with connection.transaction():
        kept = await secrets.encrypt_anew(connection, settings)
    done = f"{count(kept.newest, 'password')} encrypted with the first key"
    say(f"{done}. Once every service knows it, take the others out.")
    return _rest(kept)


def _rest(kept: secrets.Keeping) -> int:
    if not kept.unreadable:
        return OK
    note(f"No key opens {count(kept.unreadable, 'password')}: log in to that media server again.")
    return PROBLEM


def _steps(settings: Settings) -> list[str]:
    if settings.secret_key_file is None:
        place, again = "STARLING_SECRET_KEY", ", and restart the gateway, the fetcher and the syncer"
    else:
        place, again = str(settings.secret_key_file), ""
    return [
        f"The key is in {place}, where it is yours to change:",
        "1. Make a key: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
        f"2. Write it before the old one, with a comma between them{again}.",
        "3. Run 'starling rotate-key' where it finds both.",
        f"4. Take the old one out{again}.",
    ]
