"""What happens, as it happens: one loop looks at what the projector changed, every listener gets it.

What is sent are states, not steps: a run as it stands, the newest tracks, all libraries. So a listener who reads
slowly misses nothing that still matters: what waits for it is replaced by what is newer, and never grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from services.gateway.arrivals import Arrivals
from services.gateway.clustering_progress import to_clusterings
from services.gateway.models.clusterings import Clustering
from services.gateway.models.live import Hello, LivePlaylist, LiveServers, LiveTracks
from services.gateway.models.runs import Run
from services.gateway.models.servers import Server
from services.gateway.models.syncs import Sync
from services.gateway.models.tracks import Track
from services.gateway.presenting import to_tracks
from services.gateway.problems import ProblemError
from services.gateway.progress import to_runs
from services.gateway.queries import clusterings, playlists, runs, servers, syncs, tracks
from services.gateway.sync_progress import to_syncs
from services.gateway.tagging import LibraryTags
from shared import positions, postgres
from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

log = structlog.get_logger(__name__)

MOST_LISTENERS = 200
MOST_TRACKS = 20
MOST_PLAYLISTS = 500
Thing = Run | Clustering | Sync | LivePlaylist
_PAUSE_S = 0.5
_COUNTS_EVERY_S = 3.0


@dataclass(frozen=True, slots=True)
class News:
    """What changed up to ``position``."""

    position: int
    runs: Sequence[Run] = ()
    clusterings: Sequence[Clustering] = ()
    syncs: Sequence[Sync] = ()
    playlists: Sequence[LivePlaylist] = ()
    tracks: Sequence[Track] = ()
    track_count: int = 0
    servers: Sequence[Server] | None = None

    def by_event(self) -> Sequence[tuple[str, Sequence[Thing]]]:
        """What is sent one by one, under the name of its event."""
        return (
            ("run", self.runs),
            ("clustering", self.clusterings),
            ("sync", self.syncs),
            ("playlist", self.playlists),
        )


@dataclass(slots=True, eq=False)
class Mailbox:
    """What one listener has not been sent yet."""

    position: int
    changed: dict[tuple[str, UUID], Thing] = field(default_factory=dict)
    tracks: list[Track] = field(default_factory=list)
    track_count: int = 0
    servers: Sequence[Server] | None = None
    filled: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False

    def put(self, news: News) -> None:
        """Add what is newer than what the listener has."""
        self.position = max(self.position, news.position)
        for event, things in news.by_event():
            self.changed |= {(event, thing.id): thing for thing in things}
        newest = {track.id: track for track in [*news.tracks, *self.tracks]}
        self.tracks = list(newest.values())[:MOST_TRACKS]
        self.track_count += news.track_count
        self.servers = news.servers if news.servers is not None else self.servers
        if self.changed or self.track_count or self.servers is not None:
            self.filled.set()

    def close(self) -> None:
        """No more will come."""
        self.closed = True
        self.filled.set()

    def take(self) -> list[tuple[str, str]]:
        """Everything there is, as (event, JSON), and forget it."""
        found = [(event, thing.model_dump_json()) for (event, _), thing in self.changed.items()]
        if self.track_count:
            news = LiveTracks(analysed=self.tracks, count=self.track_count, position=positions.text(self.position))
            found.append(("tracks", news.model_dump_json()))
        if self.servers is not None:
            found.append(("servers", LiveServers(items=list(self.servers)).model_dump_json()))
        self.changed, self.tracks, self.track_count, self.servers = {}, [], 0, None
        self.filled.clear()
        return found


class Live:
    """The loop and its listeners. ``_turn`` keeps a new listener's first news and the loop's from overlapping."""

    def __init__(self, pool: Pool, arrivals: Arrivals, tags: LibraryTags, version: str) -> None:
        self._pool = pool
        self._arrivals = arrivals
        self._tags = tags
        self._version = version
        self._mailboxes: set[Mailbox] = set()
        self._turn = asyncio.Lock()
        self._position = positions.START
        self._servers: list[Server] = []
        self._counted_at = 0.0
        self._count_again = False

    async def run(self) -> None:
        """Look at most twice a second, and only while somebody listens, until cancelled."""
        while True:
            await self._something_to_look_at()
            async with self._turn:
                await self._look(self._arrivals.position)
            await asyncio.sleep(_PAUSE_S)

    async def _look(self, position: int) -> None:
        """Nothing is passed over while the store is away; a fault of ours costs one piece of news, not the stream."""
        try:
            if self._mailboxes:
                await self._tell(position)
        except StoreUnavailable:
            return
        except Exception:
            log.exception("news_lost", position=positions.text(position))
        self._position = position

    @asynccontextmanager
    async def listen(self, since: int | None) -> AsyncIterator[tuple[Hello, Mailbox]]:
        """A mailbox with what the listener needs to begin: what changed ``since`` (a position it has seen), or else
        the runs under way. Raises ``ProblemError`` when there are too many listeners."""
        if len(self._mailboxes) >= MOST_LISTENERS:
            raise ProblemError(503, "Too many pages are open.", reason="too_many", headers={"Retry-After": "30"})
        async with self._turn:
            mailbox = Mailbox(self._position)
            mailbox.put(await self._first_news(since))
            self._mailboxes.add(mailbox)
        try:
            yield Hello(position=positions.text(mailbox.position), version=self._version), mailbox
        finally:
            self._mailboxes.discard(mailbox)

    def close(self) -> None:
        """Let every listener go."""
        for mailbox in self._mailboxes:
            mailbox.close()

    async def _something_to_look_at(self) -> None:
        """The projector has moved, or the tracks of the libraries are to be counted at last."""
        wait_s = None
        if self._count_again:
            wait_s = max(0.0, self._counted_at + _COUNTS_EVERY_S - _now())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._arrivals.change(self._position), wait_s)

    async def _first_news(self, since: int | None) -> News:
        async with postgres.reading(self._pool) as connection:
            if since is not None and since < self._position:
                news = await self._news(connection, since, self._position)
                return replace(news, servers=await servers.listed(connection))
            return News(
                self._position,
                runs=await to_runs(connection, await runs.active(connection, None)),
                clusterings=await to_clusterings(connection, await clusterings.active(connection)),
                syncs=await to_syncs(connection, await syncs.active(connection)),
            )

    async def _tell(self, position: int) -> None:
        async with postgres.reading(self._pool) as connection:
            news = await self._news(connection, self._position, position)
            news = replace(news, servers=await self._changed_servers(connection))
        for mailbox in self._mailboxes:
            mailbox.put(news)

    async def _news(self, connection: Connection, after: int, until: int) -> News:
        rows = await tracks.analysed_between(connection, after, until, MOST_TRACKS)
        count = len(rows)
        if count == MOST_TRACKS:
            count = await tracks.count_analysed_between(connection, after, until)
        stats = await self._tags.stats(connection) if rows else None
        return News(
            position=until,
            runs=await to_runs(connection, await runs.changed(connection, after)),
            clusterings=await to_clusterings(connection, await clusterings.changed(connection, after)),
            syncs=await to_syncs(connection, await syncs.changed(connection, after)),
            playlists=[_playlist(row) for row in await playlists.changed(connection, after, MOST_PLAYLISTS)],
            tracks=to_tracks(rows, stats) if stats else [],
            track_count=count,
        )

    async def _changed_servers(self, connection: Connection) -> list[Server] | None:
        """The libraries if they changed. Counting their tracks takes longer than the rest, so it is done less often,
        but once more when things have come to rest."""
        known = [server.id for server in self._servers]
        self._count_again = _now() - self._counted_at < _COUNTS_EVERY_S
        if self._count_again and await servers.ids(connection) == known:
            return None
        found = await servers.listed(connection)
        self._counted_at, self._count_again = _now(), False
        if found == self._servers:
            return None
        self._servers = found
        return found


def _playlist(row: Any) -> LivePlaylist:
    return LivePlaylist(
        id=row["playlist_id"], version=row["version"], changed=row["changed_at"], deleted=row["deleted"]
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
