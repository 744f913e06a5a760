"""An old house, and the way to a new one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from pydantic import SecretStr

from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared.settings import Settings
from tests.integration.backup.house import KEY, House, house, new_house
from tests.integration.gateway.conftest import database, prepared

__all__ = ["database", "prepared"]
"""Databases that are copied with their tables, which is quicker than making them."""

Move = Callable[[], AbstractAsyncContextManager[House]]


@pytest.fixture
async def home(settings: Settings) -> AsyncIterator[House]:
    """Empty stores, with a key for passwords."""
    async with house(settings.model_copy(update={"secret_key": SecretStr(KEY)})) as made:
        yield made


@pytest.fixture
def move(postgres: PostgresServer, valkey: ValkeyServer, home: House) -> Move:
    """Leaves everything behind: an empty database and an empty stream server."""
    return lambda: new_house(postgres, valkey, home.settings)
