"""The test servers of all adapters, as worlds that break a call when told to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests import music
from tests.integration.mediaservers.mediabrowser_world import MediaBrowserWorld, stocked
from tests.integration.mediaservers.playlist_contract import BreakableWorld
from tests.integration.mediaservers.test_lyrion import LyrionWorld
from tests.integration.mediaservers.test_plex import PlexWorld
from tests.integration.mediaservers.test_supysonic_playlists import SupysonicWorld
from tests.lyrion.library import made_up as lyrion_tracks
from tests.lyrion.lyrion_server import LyrionTestServer
from tests.mediabrowser.records import EMBY, JELLYFIN_11
from tests.plex.library import made_up as plex_tracks
from tests.plex.plex_server import PlexTestServer
from tests.subsonic.breaking_proxy import BreakingProxy
from tests.subsonic.faulty_server import failed
from tests.subsonic.supysonic_server import Supysonic

KINDS = ("subsonic", "jellyfin", "emby", "lyrion", "plex")
SONGS = 16


def songs(root: Path) -> None:
    """Music for the servers that want files."""
    for number in range(SONGS):
        music.write_song(root, music.Song(f"{number:02d}.wav", f"Song {number:02d}", "A", "B", number + 1))


@asynccontextmanager
async def server_world(kind: str, real: Supysonic, tracks: int = 40) -> AsyncIterator[BreakableWorld]:
    """A server of this kind with at least 16 tracks."""
    match kind:
        case "subsonic":
            async with BreakingProxy(real.url, lambda: failed(40, "Wrong username or password")) as proxy:
                world = SupysonicWorld(real, proxy)
                await world.prepare()
                yield world
        case "lyrion":
            async with LyrionTestServer(lyrion_tracks(max(1050, tracks)), ("lms", "open")) as lyrion:
                yield LyrionWorld(lyrion)
        case "plex":
            async with PlexTestServer(plex_tracks(max(150, tracks))) as plex:
                yield PlexWorld(plex)
        case _:
            async with stocked(EMBY if kind == "emby" else JELLYFIN_11, tracks) as server:
                yield MediaBrowserWorld(server)


def some(world: BreakableWorld, numbers: Sequence[int]) -> tuple[str, ...]:
    """The ids of these tracks."""
    return tuple(world.items[number] for number in numbers)
