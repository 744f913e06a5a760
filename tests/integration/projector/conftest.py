"""A projector for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.settings import Settings
from tests.integration.projector.projecting import Projecting, projector_at_work


@pytest.fixture
async def projector(settings: Settings) -> AsyncIterator[Projecting]:
    """An empty database with a projector at work."""
    async with projector_at_work(settings) as projecting:
        yield projecting
