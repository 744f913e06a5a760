"""Our Jellyfin and Emby as worlds for the contract of playlists, and as libraries for that of tracks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from aiohttp import web

from shared.mediaservers.base import Played, PlaylistServer, RemoteLibrary, ServerConfig
from shared.mediaservers.emby import EmbyServer
from shared.mediaservers.http import Patience
from shared.mediaservers.jellyfin import JellyfinServer
from tests.breaking import Fault
from tests.integration.mediaservers.playlist_contract import BreakableWorld
from tests.mediabrowser import faults
from tests.mediabrowser.records import Flavour, make_id, synthetic_tracks
from tests.mediabrowser.server import PASSWORD, USER, TestServer

SERVER = UUID(int=7)
WORDS = "First line\n\nSecond line, with 東京"
PATIENCE = Patience(connect_s=2.0, idle_s=2.0, answer_s=5.0)
IMPATIENT = Patience(connect_s=0.3, idle_s=0.3, answer_s=0.6)


@dataclass(frozen=True, slots=True)
class As:
    """How an adapter logs in."""

    username: str | None = USER
    secret: str | None = PASSWORD
    login: str = "password"
    libraries: tuple[str, ...] | None = None
    patience: Patience = PATIENCE


def adapter(server: TestServer, who: As = As()) -> EmbyServer | JellyfinServer:
    """The adapter for the server's flavour."""
    kind = server.flavour.kind
    config = ServerConfig(SERVER, kind, "test", None, server.url, who.username, who.secret, who.login, who.libraries)
    return (EmbyServer if server.flavour.emby else JellyfinServer)(config, who.patience)


def stocked(flavour: Flavour, count: int = 260) -> TestServer:
    """A server with so many tracks of which some were played, liked or rated, and one has words."""
    server = TestServer(flavour)
    server.tracks = synthetic_tracks(flavour.kind, server.views[0][0], count)
    played, loved, liked, sung = server.tracks[3], server.tracks[4], server.tracks[5], server.tracks[0]
    played.data = {"PlayCount": 7, "Played": True, "LastPlayedDate": "2026-01-02T03:04:05.1234567Z", "IsFavorite": True}
    loved.data = {"IsFavorite": True}
    liked.data = {"Rating": 9.0}
    sung.words = WORDS
    if flavour.emby:
        streams = [{"Type": "Audio", "Index": 0}, {"Type": "Subtitle", "Index": 1, "IsTextSubtitleStream": True}]
        sung.fields = deepcopy(sung.fields)
        sung.fields["MediaSources"][0]["MediaStreams"] = streams
    return server


class MediaBrowserWorld(BreakableWorld):
    """See ``World``."""

    def __init__(self, server: TestServer, who: As = As()) -> None:
        self.server = server
        self.who = who
        kind = server.flavour.kind
        self.items = tuple(track.id for track in server.tracks)
        self.unknown_item = make_id(kind, "nothing")
        self.words = (self.items[0], WORDS)
        self.wordless = self.items[1]
        at = datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
        self.played = {
            self.items[3]: Played(self.items[3], 7, at, None, favourite=True),
            self.items[4]: Played(self.items[4], favourite=True),
            self.items[5]: Played(self.items[5], rating=4.5),
        }
        self.libraries = tuple(RemoteLibrary(view, name) for view, name, kept in server.views if kept == "music")

    def connect(self) -> PlaylistServer:
        return adapter(self.server, self.who)

    def connect_wrongly(self) -> PlaylistServer:
        return adapter(self.server, As(self.who.username, "f" * 32, self.who.login))

    async def by_hand(self, name: str, item_ids: Sequence[str]) -> str:
        playlist = self.server.playlists.make(name, self.server.listener.id, list(item_ids))
        playlist.tags = ["made by hand"]
        return playlist.id

    async def stored(self, remote_id: str) -> object:
        return deepcopy(self.server.playlists.kept[remote_id])

    def calls(self) -> int:
        return len(self.server.calls)

    def break_call(self, number: int, fault: Fault) -> None:
        named = {"error": faults.error, "cut": faults.cut, "cut_after": faults.cut_after, "login": self._revoke}
        self.server.break_call(number, named[fault])

    async def _revoke(self, _: web.Request, obey: Callable[[], Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        """All logins end; the first attempt at a new one is refused."""
        self.server.revoke()
        return await obey()
