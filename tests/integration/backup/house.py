"""A Starling that has been lived in, and a new one to move to."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from services.cli.backup.contents import KEPT_TABLES, create_tables
from services.cli.backup.format import Header, verify
from services.cli.backup.restoring import Arriving, Restored, restore
from services.cli.backup.taking import export
from services.coordinator.reaction import Coordinator
from services.projector import schema
from services.projector.rebuild import rebuild
from services.syncer.journal import Entry, Journal
from services.up.postgres import PostgresServer
from services.up.valkey import ValkeyServer
from shared import secrets
from shared.archive import read_archive
from shared.events import EVENTS, ServerAdded, ServerChanged
from shared.follower import Follower
from shared.messages import encode, uuid7, wrap
from shared.settings import Settings
from shared.streams import Unit
from shared.upcasts import read
from tests import given, servers
from tests.integration.projector.history import History
from tests.waiting import until
from tests.world import World, world

SAMPLES = Path(__file__).parents[2] / "fixtures" / "messages"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_KEY = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="
PASSPHRASE = "four wörds in a row"
PLAYLIST = UUID("e925e5ca-63fe-520f-9f90-bcc32707a209")
_ENDINGS = ("removed", "deleted", "cancelled")


class House(World):
    """A world whose coordinator is turned by hand, too."""

    async def coordinated(self) -> None:
        """Bring the coordinator to the end of the log."""
        follower = Follower("coordinator", self.settings, self.streams, Coordinator(self.streams, self.pool))
        follower.position = await self.position("coordinator")
        while batch := await self.streams.log.page(follower.position, 500):
            await follower.step(self.connection, batch)

    async def really_coordinated(self, appended: int = 0) -> None:
        """The same by the coordinator's own loop, from the archive on, until the log holds so many events."""
        stop = asyncio.Event()
        reaction = Coordinator(self.streams, self.pool)
        follower = Follower("coordinator", self.settings, self.streams, reaction, archive=read_archive)
        running = asyncio.create_task(follower.run(stop))

        async def at_the_end() -> bool:
            there = max(await self.position("projector"), await self.streams.log.last())
            return (
                follower.active and follower.position == there and len(await self.streams.log.page(0, 10)) >= appended
            )

        try:
            await until(at_the_end, "the coordinator has read everything")
        finally:
            stop.set()
            await running

    async def position(self, follower: str) -> int:
        """How far a follower has come."""
        found = await self.connection.fetchval("SELECT position FROM follower_positions WHERE name = $1", follower)
        return int(found or 0)

    async def everything(self) -> None:
        """Projected and coordinated, and what came of that, too."""
        last = -1
        while last != (last := await self.streams.log.last()):
            await self.projected()
            await self.coordinated()

    async def resume(self) -> None:
        """Let the projector go on where the tables say it stands."""
        self._follower.position = await self.position("projector")

    async def lived_in(self, events: int = 300) -> UUID:
        """Fill it: one sample of every event ever written, a random history, a password and the syncer's notes. The id
        of the password."""
        await self.appended(*samples())
        await self.grow(events)
        secret = await secrets.store(self.pool, self.settings, "open sesame")
        await self.happened(ServerAdded(server_id=given.SERVER, server_type="subsonic", name="Last", secret_id=secret))
        entry = Entry("writing", name="Slow", remote_id="17", title="Slow", wanted=("1", "2"), items=("1", "Ω\"'"))
        await Journal(self.connection, PLAYLIST, given.SERVER, "ann", uuid7()).store(entry)
        await self.everything()
        return secret

    async def appended(self, *entries: dict[Any, Any]) -> None:
        """Append entries to the log, whoever may have written them."""
        for fields in entries:
            await self.streams.client.xadd(self.streams.keys.events, fields)

    async def grow(self, events: int, seed: int = 1) -> None:
        """Add a random history to the log."""
        entries = History(seed).grow(events)
        for start in range(0, len(entries), 50):
            unit = [read(EVENTS, entry.raw) for entry in entries[start : start + 50]]
            await self.streams.log.append(Unit(uuid7(), events=unit))

    async def contents(self) -> dict[str, list[str]]:
        """Every row of the archive, the read models and the kept tables, as text; passwords in the clear."""
        names = ("event_log", *schema.TABLES, *KEPT_TABLES)
        found = {
            name: [row["t"] for row in await self.rows(f"SELECT t::text AS t FROM {name} t ORDER BY 1")]
            for name in names
        }
        kept = await self.rows("SELECT secret_id, created_at FROM secrets ORDER BY secret_id")
        words = [await secrets.load(self.pool, self.settings, row["secret_id"]) for row in kept]
        return {**found, "secrets": [f"{row} {word}" for row, word in zip(kept, words, strict=True)]}

    async def exported(self, passphrase: str | None = None) -> bytes:
        """An export of it; without a passphrase the passwords stay behind."""
        target = io.BytesIO()
        await export(self.settings, target, passphrase=passphrase)
        return target.getvalue()

    async def imported(self, content: bytes, passphrase: str | None = None) -> Restored:
        """Import an export and go on from there."""
        source = io.BytesIO(content)
        header = verify(source)
        source.seek(0)
        key = header.seal.key(passphrase) if header.seal and passphrase else None
        restored = await restore(self.settings, header, source, Arriving(key=key))
        await rebuild(self.settings)
        await self.resume()
        return restored


def samples() -> Sequence[dict[Any, Any]]:
    """The entry of one event of every version ever written; what ends or removes things comes first."""
    paths = sorted(
        SAMPLES.glob("event.*.json"), key=lambda path: (not any(e in path.name for e in _ENDINGS), path.name)
    )
    return [_entry(json.loads(path.read_text())) for path in paths]


def _entry(stored: dict[str, Any]) -> dict[Any, Any]:
    fields = encode(wrap(ServerChanged(server_id=given.SERVER, name="Sample")))
    return {**fields, "type": stored["type"], "version": str(stored["version"]), "data": json.dumps(stored["data"])}


def header_of(content: bytes) -> Header:
    """What an export says of itself."""
    return verify(io.BytesIO(content))


@asynccontextmanager
async def house(settings: Settings) -> AsyncIterator[House]:
    """All tables, nothing in them."""
    await create_tables(settings)
    async with world(settings) as made:
        yield House(made.settings, made.streams, made.pool, made.connection)


@asynccontextmanager
async def new_house(postgres: PostgresServer, valkey: ValkeyServer, settings: Settings) -> AsyncIterator[House]:
    """A new database, the stream server emptied, and another key: what was there before is gone."""
    redis_url = await servers.emptied(valkey)
    async with servers.fresh_database(postgres) as database:
        given_ = {
            **database,
            "REDIS_URL": redis_url,
            "STARLING_DATA_DIR": settings.data_dir,
            "STARLING_SECRET_KEY": OTHER_KEY,
        }
        async with house(Settings.model_validate(given_)) as made:
            yield made
