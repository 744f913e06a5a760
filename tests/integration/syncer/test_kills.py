"""The syncer is killed in the middle of a call, before or after the server obeyed; the next one completes what was
begun."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.fernet import Fernet

from services.syncer.library import create_tables
from shared import secrets
from shared.commands import SyncPlaylist
from shared.events import PlaylistSynced, ServerAdded
from shared.pausing import end
from shared.settings import Settings
from tests import given
from tests.environment import clean_environment
from tests.integration.mediaservers.mediabrowser_world import MediaBrowserWorld, stocked
from tests.integration.syncer.office import Office, command, discovered
from tests.mediabrowser.faults import Obey, Order
from tests.mediabrowser.records import JELLYFIN_11
from tests.mediabrowser.server import PASSWORD, USER, TestServer
from tests.waiting import until
from tests.world import World, world

WRITES = ("POST", "DELETE")


@dataclass
class Hang:
    """Leaves one writing call without an answer; ``let_through`` of them pass before."""

    server: TestServer
    let_through: int
    obey_first: bool
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.server.orders = [Order(1, self.fault)]

    async def fault(self, request: web.Request, obey: Obey) -> web.StreamResponse:
        if request.method not in WRITES or "Users" in request.path:
            self.server.orders = [Order(1, self.fault)]
            return await obey()
        if self.let_through:
            self.let_through -= 1
            self.server.orders = [Order(1, self.fault)]
            return await obey()
        self.server.orders = []
        if self.obey_first:
            await obey()
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError("waited for ever")


@pytest.fixture
def environment(database: dict[str, str], redis_url: str, tmp_path: Path) -> dict[str, str]:
    """What a syncer needs to know; its lease is short."""
    return {
        **database,
        "REDIS_URL": redis_url,
        "STARLING_DATA_DIR": str(tmp_path),
        "STARLING_SECRET_KEY": Fernet.generate_key().decode(),
        "STARLING_LEASE_S": "0.6",
        "STARLING_MAX_DELIVERIES": "9",
    }


@contextmanager
def syncer(environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real process, killed in the end if it still lives."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.syncer"],
            env=clean_environment(environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


@asynccontextmanager
async def scene(environment: dict[str, str]) -> AsyncIterator[Office]:
    """A Jellyfin with its tracks in the read models, and nobody at work."""
    settings = Settings.model_validate(environment)
    await create_tables(settings)
    async with world(settings) as here, stocked(JELLYFIN_11, 20) as server:
        secret_id = await secrets.store(here.pool, settings, PASSWORD)
        there = MediaBrowserWorld(server)
        added = ServerAdded(
            server_id=given.SERVER,
            server_type="jellyfin",
            name="Jellyfin",
            url=server.url,
            username=USER,
            secret_id=secret_id,
        )
        await here.happened(added, *discovered(there, given.SERVER))
        await here.projected()
        promoting = asyncio.create_task(_promote(here))
        try:
            yield Office(here, {given.SERVER: there})
        finally:
            await end([promoting])


async def _promote(here: World) -> None:
    while True:
        await here.streams.promote()
        await asyncio.sleep(0.05)


CALLS = ((0, True), (1, True), (2, False))
"""The first makes a playlist, the others change it (rename, add, remove): how many writing calls come before the one
that hangs, and whether that one is obeyed."""


async def test_a_killed_syncer_leaves_work_that_the_next_one_completes(
    environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "syncer.log"
    async with scene(environment) as it:
        by_hand = await it.world.by_hand("Soul", it.world.items[:3])
        hand_made = await it.world.stored(by_hand)
        for number, (let_through, obey_first) in enumerate(CALLS, 1):
            making = number == 1
            hang = Hang(it.world.server, let_through, obey_first)
            name = "Soul" if making else f"Soul {number}"
            tracks = it.tracks(range(number, number + 6))
            await it.saved(number, tracks, name=name)
            order = command(number)

            outcome = await _killed_and_completed(it, environment, log, hang, order)

            assert outcome.action == ("created" if making else "updated")
            assert len(it.world.server.playlists.kept) == 2
            server = it.world.connect()
            assert await server.playlist_items(outcome.remote_id) == it.world.items[number : number + 6]
            assert {one.remote_id: one.name for one in await server.playlists()}[outcome.remote_id] == name
            await server.close()
            assert await it.world.stored(by_hand) == hand_made


async def _killed_and_completed(
    it: Office, environment: dict[str, str], log: Path, hang: Hang, order: SyncPlaylist
) -> PlaylistSynced:
    """What came of a command whose first worker was killed."""

    async def ended() -> bool:
        return await it.outcomes(order.run_id) != []

    await it.here.ordered(order)
    with syncer(environment, log) as process:
        try:
            await asyncio.wait_for(hang.reached.wait(), 30)
        except TimeoutError:
            pytest.fail(f"the call was not reached:\n{log.read_text()[-3000:]}")
        process.kill()
    assert not await ended()
    with syncer(environment, log):
        await until(ended, "the next syncer completed it", seconds=30)
    (outcome,) = await it.outcomes(order.run_id)
    assert isinstance(outcome, PlaylistSynced), outcome
    return outcome
