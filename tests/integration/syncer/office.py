"""The syncer's worker with its real means, against servers of our own: commands in, events out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from services.syncer.handlers import HANDLERS
from services.syncer.library import Library
from shared.commands import StartSync, SyncPlaylist
from shared.events import (
    Event,
    LibraryTrack,
    ManualRecipe,
    PlaylistSaved,
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    ServerAdded,
    TracksDiscovered,
)
from shared.mediaservers.base import PlaylistServer
from shared.messages import derived_id, track_id, uuid7
from tests import given
from tests.integration.mediaservers.mediabrowser_world import MediaBrowserWorld, stocked
from tests.mediabrowser.records import JELLYFIN_11, Flavour
from tests.world import World

PLAYLIST = derived_id("test", "playlist")
OUTCOMES: tuple[type[Event], ...] = (PlaylistSynced, PlaylistSyncSkipped, PlaylistSyncFailed)


@dataclass
class Held:
    """Stands where ``Connections`` does, with adapters that are made already."""

    adapters: dict[UUID, PlaylistServer] = field(default_factory=dict)

    async def of(self, server_id: UUID) -> PlaylistServer:
        return self.adapters[server_id]

    async def close(self, server_id: UUID) -> None:
        await self.adapters[server_id].close()


class Office:
    """Made by ``office``."""

    def __init__(self, here: World, worlds: Mapping[UUID, MediaBrowserWorld], held: Held | None = None) -> None:
        self.here = here
        self.worlds = worlds
        self.held = held or Held()

    @property
    def world(self) -> MediaBrowserWorld:
        """The first server."""
        return self.worlds[given.SERVER]

    @property
    def server(self) -> PlaylistServer:
        """Its adapter."""
        return self.held.adapters[given.SERVER]

    def tracks(self, numbers: Sequence[int], server_id: UUID = given.SERVER) -> tuple[UUID, ...]:
        """The ids of a server's tracks."""
        return tuple(track_id(server_id, self.worlds[server_id].items[number]) for number in numbers)

    async def saved(
        self, number: int, tracks: Sequence[UUID], *, name: str = "Soul", playlist_id: UUID = PLAYLIST
    ) -> None:
        """A version of a playlist, which the read models know."""
        await self.here.happened(self.version(number, tracks, name=name, playlist_id=playlist_id))
        await self.here.projected()

    @staticmethod
    def version(
        number: int, tracks: Sequence[UUID], *, name: str = "Soul", playlist_id: UUID = PLAYLIST
    ) -> PlaylistSaved:
        return PlaylistSaved(
            playlist_id=playlist_id,
            number=number,
            name=name,
            recipe=ManualRecipe(),
            track_ids=tuple(tracks),
            action="created" if number == 1 else "edited",
        )

    async def synced(self, *, revive: bool = False, **named: tuple[UUID, ...]) -> list[Any]:
        """Order a sync and wait for it; how each target ended."""
        run_id = uuid7()
        await self.here.ordered(StartSync(run_id=run_id, revive=revive, **named))
        await self.here.quiet()
        return await self.outcomes(run_id)

    async def outcomes(self, run_id: UUID) -> list[Any]:
        """How the targets of a sync ended."""
        return [event for event in await self.here.events(*OUTCOMES) if event.run_id == run_id]

    async def new_login(self) -> None:
        """What a changed password comes to: a new adapter."""
        await self.server.close()
        self.held.adapters[given.SERVER] = self.world.connect()

    async def listed(self, server_id: UUID = given.SERVER) -> dict[str, str]:
        """Remote id -> name."""
        return {one.remote_id: one.name for one in await self.held.adapters[server_id].playlists()}


def command(number: int = 1, server_id: UUID = given.SERVER, *, run_id: UUID | None = None) -> SyncPlaylist:
    """Order to write the test playlist to a server."""
    return SyncPlaylist(run_id=run_id or uuid7(), playlist_id=PLAYLIST, server_id=server_id, number=number)


def discovered(world: MediaBrowserWorld, server_id: UUID) -> list[TracksDiscovered]:
    """The server's tracks as a scan finds them."""
    tracks = [
        LibraryTrack(
            track_id=track_id(server_id, track.id),
            item_id=track.id,
            content_version="1",
            meta_version="1",
            title=str(track.fields["Name"]),
            artist="Somebody",
            album=str(track.fields["Album"]),
            duration_s=200.0,
        )
        for track in world.server.tracks
    ]
    return [
        TracksDiscovered(run_id=given.RUN, server_id=server_id, tracks=tuple(tracks[start : start + 1000]))
        for start in range(0, len(tracks), 1000)
    ]


@asynccontextmanager
async def office(
    here: World, flavours: Mapping[UUID, Flavour] | None = None, *, tracks: int = 20
) -> AsyncIterator[Office]:
    """Servers (a Jellyfin unless others are named) whose tracks the read models know, and a syncer at work."""
    held = Held()
    async with AsyncExitStack() as stack:
        worlds = {}
        for server_id, flavour in (flavours or {given.SERVER: JELLYFIN_11}).items():
            world = MediaBrowserWorld(await stack.enter_async_context(stocked(flavour, tracks)))
            worlds[server_id] = world
            held.adapters[server_id] = world.connect()
            stack.push_async_callback(held.close, server_id)
            await here.happened(
                ServerAdded(server_id=server_id, server_type=flavour.kind, name=flavour.kind, url=world.server.url),
                *discovered(world, server_id),
            )
        await here.projected()
        library = Library(here.settings, here.pool, held)
        await stack.enter_async_context(here.working("syncer", HANDLERS, library))
        yield Office(here, worlds, held)
