"""Fixtures of the syncer's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.syncer.library import create_tables
from shared.settings import Settings
from tests.integration.mediaservers.test_supysonic_playlists import real
from tests.world import World, world

__all__ = ["real"]


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[World]:
    """Stores with all tables, the syncer's too."""
    await create_tables(settings)
    async with world(settings) as made:
        yield made
