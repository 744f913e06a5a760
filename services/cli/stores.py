"""The stores that a command works on itself: configured, of the running instance, or started for the moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.cli.session import Session
from shared.errors import ConfigurationError
from shared.settings import Settings


@asynccontextmanager
async def reachable(session: Session, *, make: bool) -> AsyncIterator[Settings]:
    """Settings that lead to Redis and PostgreSQL, and to the key in the data directory if no other is configured.
    ``make`` makes a data directory where there is none. Raises ``ConfigurationError``, ``StoreUnavailable``."""
    try:
        settings = session.settings()
    except ConfigurationError:
        own = session.own_settings()  # what is wrong with them is to be said, not what follows from it
        from services.up.stores import standing

        async with standing(own, make=make) as environment:
            yield session.settings_with(environment)
    else:
        key = own_key(settings)
        if not settings.secret_key.get_secret_value() and key.exists():
            settings = session.settings_with({"STARLING_SECRET_KEY_FILE": str(key)})
        yield settings


def own_key(settings: Settings) -> Path:
    """Where ``starling up`` keeps the key for passwords, if there is no other."""
    from services.up.datadir import SECRET_KEY

    return settings.data_dir.expanduser().resolve() / SECRET_KEY
