"""One server, and playlists that are written to it by the writer alone: no commands, no read models to fill."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from services.syncer.journal import Entry, Journal
from services.syncer.writing import LeftAlone, Wanted, Writer, Written
from shared.mediaservers.base import PlaylistServer
from shared.messages import uuid7
from tests import given
from tests.integration.mediaservers.playlist_contract import World
from tests.integration.syncer.worlds import some
from tests.world import World as Stores


@dataclass
class Scene:
    """Made by ``scene``."""

    here: Stores
    world: World
    server: PlaylistServer

    def journal(self, playlist_id: UUID) -> Journal:
        """The journal of a playlist, not loaded."""
        return Journal(self.here.connection, playlist_id, given.SERVER, self.server.account, uuid7())

    async def write(
        self, playlist_id: UUID, title: str, numbers: Sequence[int], *more: str, revive: bool = False
    ) -> Written | LeftAlone:
        """Write the tracks with these numbers, and ``more`` items."""
        wanted = Wanted(title, (*some(self.world, numbers), *more))
        return await Writer(self.server, self.journal(playlist_id)).write(wanted, revive=revive)

    async def written(self, playlist_id: UUID, title: str, numbers: Sequence[int], *more: str) -> Written:
        """The same, where something must come of it."""
        result = await self.write(playlist_id, title, numbers, *more)
        assert isinstance(result, Written)
        return result

    async def interrupted(self, playlist_id: UUID, entry: Entry) -> None:
        """Leave the journal as a process that was killed leaves it."""
        await self.journal(playlist_id).store(entry)


@asynccontextmanager
async def scene(here: Stores, world: World) -> AsyncIterator[Scene]:
    """A server with a playlist made by hand that nothing may change."""
    server = world.connect()
    by_hand = await world.by_hand("By hand", some(world, range(5)))
    hand_made = await world.stored(by_hand)
    try:
        yield Scene(here, world, server)
    finally:
        await server.close()
    assert await world.stored(by_hand) == hand_made
