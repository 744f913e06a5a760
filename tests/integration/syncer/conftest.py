"""Fixtures of the syncer's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from services.syncer.library import create_tables
from shared.mediaservers import subsonic_client
from shared.settings import Settings
from tests.integration.syncer.worlds import songs
from tests.subsonic.supysonic_server import Supysonic, supysonic
from tests.world import World, world


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supysonic]:
    """supysonic with 16 songs."""
    root = tmp_path_factory.mktemp("music")
    songs(root)
    with supysonic(root, tmp_path_factory.mktemp("supysonic")) as server:
        yield server


@pytest.fixture
async def here(settings: Settings) -> AsyncIterator[World]:
    """Stores with all tables, the syncer's too."""
    await create_tables(settings)
    async with world(settings) as made:
        yield made


@pytest.fixture
def short_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few songs need several calls."""
    monkeypatch.setattr(subsonic_client, "URL_LENGTH", 500)
