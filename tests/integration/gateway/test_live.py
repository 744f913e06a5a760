"""The stream of events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientResponse
from pydantic import BaseModel

from services.gateway.live import MOST_LISTENERS, Mailbox, News
from services.gateway.models.clusterings import Clustering
from services.gateway.models.live import Hello, LivePlaylist, LiveServers, LiveTracks
from services.gateway.models.runs import Run
from services.gateway.models.servers import Server
from services.gateway.models.syncs import Sync
from shared import positions
from shared.events import SyncRequested
from tests.given import RUN, SERVER
from tests.integration.gateway.listening import DONE, PLAYLIST, SYNC, clustered, playlist, searched, synced
from tests.integration.gateway.system import System, analysed, asked, discovered, folder, song
from tests.waiting import until

MODELS: dict[str, type[BaseModel]] = {
    "hello": Hello,
    "run": Run,
    "tracks": LiveTracks,
    "servers": LiveServers,
    "clustering": Clustering,
    "sync": Sync,
    "playlist": LivePlaylist,
}


class Listener:
    """Reads events; each is held against its model."""

    def __init__(self, response: ClientResponse) -> None:
        self.response = response
        self.last_id = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """The next event: its name and its data."""
        lines: dict[str, str] = {}
        async with asyncio.timeout(10):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError
                if line == "\n" and lines:
                    break
                name, _, value = line.rstrip("\n").partition(": ")
                if name:
                    lines[name] = value
        self.last_id = lines["id"]
        data = json.loads(lines["data"])
        MODELS[lines["event"]].model_validate(data)
        return lines["event"], data

    async def until(self, event: str) -> dict[str, Any]:
        """Data of the next event of a kind."""
        while True:
            name, data = await self.next()
            if name == event:
                return data


@asynccontextmanager
async def listening(system: System, last_id: str | None = None) -> AsyncIterator[Listener]:
    headers = {**system.api.headers, **({"Last-Event-ID": last_id} if last_id else {})}
    async with system.api.client.get("/api/v1/live", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        yield Listener(response)


async def test_a_listener_is_greeted_and_shown_the_runs_under_way(system: System) -> None:
    seen = await system.tell(folder(), *asked())
    await system.get("/api/v1/runs", after=seen)
    async with listening(system) as listener:
        name, hello = await listener.next()
        assert (name, hello["version"]) == ("hello", (await system.get("/api/v1/status"))["version"])
        assert (await listener.until("run"))["id"] == str(RUN)


async def test_clusterings_syncs_and_playlists_are_told_as_they_change(system: System) -> None:
    seen = await system.tell(folder(), clustered(), SyncRequested(run_id=SYNC))
    await system.get("/api/v1/playlists", after=seen)
    async with listening(system) as listener:
        assert (await listener.until("clustering"))["state"] == "requested"
        assert (await listener.until("sync"))["id"] == str(SYNC)
        await system.tell(*searched(), playlist())
        told = await listener.until("clustering")
        assert (told["id"], told["state"], told["evaluated"]) == (str(DONE), "running", 3)
        told = await listener.until("playlist")
        assert (told["id"], told["version"], told["deleted"]) == (str(PLAYLIST), 1, False)
        await system.tell(synced(run_id=SYNC))
        assert (await listener.until("playlist"))["id"] == str(PLAYLIST), "a link of it changed"


async def test_what_happens_is_told(system: System) -> None:
    async with listening(system) as listener:
        await listener.until("hello")
        await system.tell(folder())
        assert [server["name"] for server in (await listener.until("servers"))["items"]] == ["Music"]
        await system.tell(*asked(), discovered(song(1), song(2)))
        assert (await listener.until("run"))["totals"]["discovered"] == 2
        await system.tell(analysed(1), analysed(2))
        tracks = await listener.until("tracks")
        assert (tracks["count"], [track["title"] for track in tracks["analysed"]]) == (2, ["Song 0002", "Song 0001"])


async def test_counts_come_to_rest_with_their_library(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting is done seldom, but the last count is told without anything more happening."""
    monkeypatch.setattr("services.gateway.live._COUNTS_EVERY_S", 1.2)
    async with listening(system) as listener:
        await listener.until("hello")
        await system.tell(folder())
        await listener.until("servers")
        await system.tell(*asked(), discovered(song(1)), analysed(1))
        counts = (await listener.until("servers"))["items"][0]
        assert (counts["track_count"], counts["analysed_count"]) == (1, 1)


async def test_a_burst_is_told_in_a_few_words(system: System) -> None:
    async with listening(system) as listener:
        await listener.until("hello")
        await system.tell(folder(), *asked(), discovered(*(song(number) for number in range(200))))
        for start in range(0, 200, 10):
            await system.tell(*(analysed(number) for number in range(start, start + 10)))
        counted, words = 0, 0
        while counted < 200:
            tracks = await listener.until("tracks")
            counted += tracks["count"]
            words += 1
            assert len(tracks["analysed"]) <= 20
    assert counted == 200
    assert words <= 10


async def test_who_comes_back_is_told_what_was_missed(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.live._COUNTS_EVERY_S", 0.5)
    async with listening(system) as listener:
        await listener.until("hello")
        await system.tell(folder(), *asked(), discovered(song(1), song(2)), analysed(1))
        await listener.until("tracks")
        last = listener.last_id
    seen = await system.tell(analysed(2))
    await system.get("/api/v1/tracks", after=seen)
    async with listening(system, last) as listener:
        await listener.until("hello")
        tracks = await listener.until("tracks")
        assert [track["title"] for track in tracks["analysed"]] == ["Song 0002"]
        assert (await listener.until("servers"))["items"][0]["analysed_count"] == 2


async def test_a_last_id_we_never_gave_means_the_present(system: System) -> None:
    for last_id in ("nonsense", "²-0", "8000000000000-0"):
        async with listening(system, last_id) as listener:
            assert (await listener.next())[0] == "hello"


async def test_a_silent_stream_shows_that_it_lives(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.routes.live.HEARTBEAT_S", 0.1)
    async with listening(system) as listener:
        await listener.until("hello")
        assert (await listener.response.content.readline()).startswith(b":")


async def test_listeners_are_let_go_when_they_leave_or_are_too_many(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.routes.live.HEARTBEAT_S", 0.05)
    monkeypatch.setattr("services.gateway.live.MOST_LISTENERS", 1)
    assert MOST_LISTENERS > 1
    async with listening(system):
        refused = await system.api.get("/api/v1/live")
        assert (refused.status, refused.body["reason"]) == (503, "too_many")

    async def none_left() -> bool:
        return not system.gateway.live._mailboxes

    await until(none_left, "the listener was let go")


def test_what_a_slow_listener_has_not_read_is_replaced_not_piled_up() -> None:
    mailbox = Mailbox(positions.START)
    for position in range(1, 1000):
        mailbox.put(News(position, track_count=1))
    [(event, data)] = mailbox.take()
    assert (event, json.loads(data)["count"]) == ("tracks", 999)
    assert mailbox.take() == []


async def test_a_listener_that_reads_nothing_is_let_go(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.routes.live.SLOWEST_S", 0.2)
    url = system.api.client.make_url("/api/v1/live")
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=1024)
    writer.write(f"GET /api/v1/live HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n\r\n".encode())
    await writer.drain()
    await reader.readline()
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    huge = Server(
        id=SERVER,
        type="folder",
        name="x" * 200_000,
        path=None,
        url=None,
        username=None,
        login="password",
        libraries=None,
        added_at=datetime.now(UTC),
        track_count=0,
        analysed_count=0,
        last_scan_at=None,
        last_scan_problem=None,
    )

    async def let_go() -> bool:
        for mailbox in list(system.gateway.live._mailboxes):
            mailbox.put(News(1, servers=[huge]))
        return not system.gateway.live._mailboxes

    await until(let_go, "the listener was let go")
    writer.close()
