"""The Jellyfin and Emby adapters against servers of our own: the contracts for playlists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.mediaservers import mediabrowser_playlists
from tests.integration.mediaservers.mediabrowser_world import As, MediaBrowserWorld, stocked
from tests.integration.mediaservers.playlist_contract import CHUNK, PlaylistContract, PlaylistFaultContract
from tests.mediabrowser.records import EMBY, JELLYFIN_10, JELLYFIN_11, JELLYFIN_12, Flavour
from tests.mediabrowser.server import API_KEY, USER


@asynccontextmanager
async def running(flavour: Flavour, who: As | None = None) -> AsyncIterator[MediaBrowserWorld]:
    """A server with music, up for one test; in the end nothing may have been off."""
    async with stocked(flavour) as server:
        yield MediaBrowserWorld(server, who or As())
        server.finish()


class TestWithAPassword(PlaylistContract):
    @pytest.fixture(params=[JELLYFIN_10, JELLYFIN_11, JELLYFIN_12, EMBY], ids=lambda flavour: flavour.spec)
    async def world(self, request: pytest.FixtureRequest) -> AsyncIterator[MediaBrowserWorld]:
        async with running(request.param) as world:
            yield world


class TestFaults(PlaylistFaultContract):
    @pytest.fixture(params=[JELLYFIN_11, EMBY], ids=lambda flavour: flavour.spec)
    async def world(
        self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[MediaBrowserWorld]:
        monkeypatch.setattr(mediabrowser_playlists, "BATCH", CHUNK)
        async with running(request.param) as world:
            yield world


class TestWithAKey(PlaylistContract):
    @pytest.fixture(params=[JELLYFIN_11, EMBY], ids=lambda flavour: flavour.spec)
    async def world(self, request: pytest.FixtureRequest) -> AsyncIterator[MediaBrowserWorld]:
        async with running(request.param, As(USER, API_KEY, "token")) as world:
            yield world
