"""The way to the accounts: straight to the stores, whether or not a gateway runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from services.cli.session import Session
from services.cli.stores import reachable
from shared import accounts, postgres
from shared.accounts import Account, people
from shared.errors import InvalidInput
from shared.events import Event
from shared.messages import uuid7, wrap
from shared.streams import Streams, Unit

if TYPE_CHECKING:
    from shared.postgres import Connection

BY: Final = "command line"
"""Who has done it, in the log."""


@dataclass(frozen=True, slots=True)
class Register:
    """A connection inside a transaction, and the log."""

    connection: Connection
    streams: Streams

    async def tell(self, event: Event) -> None:
        """Write down what was changed. To be done last: what cannot be told is not done."""
        await self.streams.log.append(Unit(id=uuid7(), events=[wrap(event)]))

    async def account(self, name: str) -> Account:
        """The account of that name. Raises ``InvalidInput``."""
        found = await people.by_name(self.connection, name)
        if found is None:
            raise InvalidInput("name", f"there is no account {name}; 'starling accounts list' lists them")
        return found


@asynccontextmanager
async def opened(session: Session, *, make: bool = False) -> AsyncIterator[Register]:
    """All or nothing of what is done in it. Raises ``ConfigurationError``, ``StoreUnavailable``."""
    async with reachable(session, make=make) as settings:
        streams = Streams(settings)
        try:
            await streams.check()
            await accounts.create_tables(settings)
            connection = await postgres.open_connection(settings)
            try:
                async with postgres.translated(), connection.transaction():
                    yield Register(connection, streams)
            finally:
                connection.terminate()
        finally:
            await streams.close()
