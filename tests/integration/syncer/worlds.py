"""The test servers of all adapters, as worlds that break a call when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.integration.mediaservers.mediabrowser_world import MediaBrowserWorld, stocked
from tests.integration.mediaservers.playlist_contract import BreakableWorld, World
from tests.integration.mediaservers.test_lyrion import LyrionWorld
from tests.integration.mediaservers.test_opensubsonic import OpenWorld
from tests.integration.mediaservers.test_plex import PlexWorld
from tests.integration.mediaservers.test_supysonic_playlists import Owner, SupysonicWorld
from tests.lyrion.library import made_up as lyrion_tracks
from tests.lyrion.lyrion_server import LyrionTestServer
from tests.mediabrowser.records import EMBY, JELLYFIN_11
from tests.plex.library import made_up as plex_tracks
from tests.plex.plex_server import PlexTestServer
from tests.subsonic.breaking_proxy import BreakingProxy
from tests.subsonic.faulty_server import failed
from tests.subsonic.open_server import OpenServer

Real = tuple[Owner, tuple[str, ...]]
"""A supysonic: its owner, and the ids of its ten songs."""
KINDS = ("subsonic", "jellyfin", "emby", "lyrion", "plex")


@asynccontextmanager
async def server_world(kind: str, tracks: int = 40) -> AsyncIterator[BreakableWorld]:
    """A server of our own of this kind, with ten tracks and more."""
    match kind:
        case "subsonic":
            async with OpenServer() as opened:
                yield OpenWorld(opened)
        case "lyrion":
            async with LyrionTestServer(lyrion_tracks(max(1050, tracks)), ("lms", "open")) as lyrion:
                yield LyrionWorld(lyrion)
        case "plex":
            async with PlexTestServer(plex_tracks(max(150, tracks))) as plex:
                yield PlexWorld(plex)
        case _:
            async with stocked(EMBY if kind == "emby" else JELLYFIN_11, tracks) as server:
                yield MediaBrowserWorld(server)


@asynccontextmanager
async def supysonic_world(real: Real) -> AsyncIterator[BreakableWorld]:
    """A real server."""
    async with BreakingProxy(real[0].server.url, lambda: failed(40, "Wrong username or password")) as proxy:
        yield SupysonicWorld(*real, proxy)


def some(world: World, numbers: Sequence[int]) -> tuple[str, ...]:
    """The ids of these tracks."""
    return tuple(world.items[number] for number in numbers)
