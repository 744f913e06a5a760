"""Whatever the cut of the batches, whenever it is rebuilt: the rows are the same, and readers notice nothing."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from services.projector import projections, schema
from services.projector.compare import compare
from services.projector.rebuild import RebuildResult, ensure_current, rebuild
from services.projector.replay import Replay, lock_rebuild, side_schema
from shared import postgres
from shared.errors import ConfigurationError, Conflict
from shared.postgres import open_pool
from tests.integration.projector.history import History
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import added, described, discovered
from tests.waiting import until

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool


async def schemas(projector: Projecting) -> set[str]:
    rows = await projector.all("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'starling%'")
    return {row["nspname"] for row in rows}


@pytest.mark.parametrize(("seed", "count"), [(1, 2500), (2, 800)])
async def test_a_rebuild_gives_the_rows_that_live_projecting_gave(projector: Projecting, seed: int, count: int) -> None:
    history = History(seed).grow(count)
    await projector.feed(history, random.Random(seed))
    assert await compare(projector.settings) == []
    tables = "servers tracks track_vectors track_imports tag_stats runs run_tracks run_minutes"
    for table in tables.split():
        assert await projector.count(table) > 4, table
    assert await projector.count("event_log") == len(history)

    seen: list[tuple[int, int]] = []
    result = await rebuild(projector.settings, lambda done, total: seen.append((done, total)))
    assert (result.events, result.position) == (len(history), history[-1].position)
    assert seen[-1] == (len(history), len(history))
    assert await compare(projector.settings) == []


async def test_differences_are_named(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)))
    await projector.connection.execute("UPDATE tracks SET title = 'Tampered' WHERE item_id = '1'")
    lines = await compare(projector.settings)
    assert lines[0] == "tracks: 2 rows live, 2 rebuilt"
    assert "only live" in lines[1] and "Tampered" in lines[1]
    assert "only rebuilt" in lines[2] and "Song 1" in lines[2]
    assert await schemas(projector) == {"starling", "starling_read"}


class Readers:
    """Somebody who asks all the time, in and outside of transactions, on connections with cached statements."""

    QUERY = "SELECT (SELECT count(*) FROM tracks) AS tracks, (SELECT count(*) FROM track_analysis) AS analysed"

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.answers = 0
        self.most = 0

    async def outside(self) -> None:
        async with self._pool.acquire() as connection:
            await self._ask(connection)

    async def inside_a_transaction(self) -> None:
        async with postgres.transaction(self._pool) as connection:
            await self._ask(connection)
            await self._ask(connection)

    async def _ask(self, connection: Connection) -> None:
        seen_before = self.most
        row = await connection.fetchrow(self.QUERY)
        assert row is not None
        assert row["tracks"] >= seen_before, "rows never go away under a reader"
        self.most = max(self.most, row["tracks"])
        self.answers += 1


@contextlib.asynccontextmanager
async def repeated(*calls: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Each of ``calls`` again and again while the body runs; an exception in one fails the test."""
    done = asyncio.Event()

    async def repeat(call: Callable[[], Awaitable[None]]) -> None:
        while not done.is_set():
            await call()

    tasks = [asyncio.create_task(repeat(call)) for call in calls]
    try:
        yield
    finally:
        done.set()
        await asyncio.gather(*tasks)


async def test_readers_and_the_projector_go_on_during_rebuilds(projector: Projecting) -> None:
    history = History(3).grow(1000)
    await projector.feed(history[:400], random.Random(3))
    pool = await open_pool(projector.settings)
    readers = Readers(pool)
    rest = iter(range(400, len(history), 25))

    async def project() -> None:
        start = next(rest, None)
        if start is None:
            await asyncio.sleep(0.01)
        else:
            await projector.hand_over(history[start : start + 25])

    async with repeated(readers.outside, readers.outside, readers.inside_a_transaction, project):
        results: list[RebuildResult] = [await rebuild(projector.settings) for _ in range(2)]
        answers = readers.answers
        assert answers > 0
        await until(lambda: _passed(readers, answers + 20), "readers still get answers")
    for start in rest:
        await projector.hand_over(history[start : start + 25])
    assert results[0].position <= results[1].position
    assert await compare(projector.settings) == []
    pool.terminate()


async def _passed(readers: Readers, answers: int) -> bool:
    return readers.answers >= answers


async def test_a_killed_rebuild_leaves_the_live_tables_alone_and_is_cleared_away(
    projector: Projecting, database: dict[str, str], redis_url: str
) -> None:
    history = History(4).grow(600)
    await projector.feed(history, random.Random(4))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio; from services.projector.rebuild import rebuild; from shared.settings import load;"
        " asyncio.run(rebuild(load(), lambda done, total: print(done, flush=True) or input()))",
        env={**database, "REDIS_URL": redis_url, "PATH": "/usr/bin:/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert int(await asyncio.wait_for(process.stdout.readline(), 30)) > 0
    assert side_schema(projector.settings, "next") in await schemas(projector)
    with pytest.raises(Conflict):
        await rebuild(projector.settings)
    process.send_signal(signal.SIGKILL)
    await process.wait()

    async def lock_is_free() -> bool:
        async with contextlib.AsyncExitStack() as stack:
            connection = await postgres.open_connection(projector.settings)
            stack.callback(connection.terminate)
            with contextlib.suppress(Conflict):
                await lock_rebuild(connection, projector.settings)
                return True
            return False

    await until(lock_is_free, "the killed process's connections are gone")
    assert await projector.count("tracks") > 0
    await ensure_current(projector.settings, asyncio.Event())
    assert await schemas(projector) == {"starling", "starling_read"}
    assert await compare(projector.settings) == []


async def test_read_models_of_another_release_are_rebuilt_at_the_start(
    projector: Projecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await projector.tell(added(), discovered(described(1)))
    await projector.connection.execute("DROP TABLE track_vectors")
    await ensure_current(projector.settings, asyncio.Event())
    assert await projector.count("track_vectors") == 0
    await projector.tell(discovered(described(2)))

    await projector.connection.execute("UPDATE read_model_version SET version = 'older'")
    assert await compare(projector.settings) == [
        "the read models are missing, or were made by another release; run: starling replay"
    ]
    with pytest.raises(ConfigurationError, match="another release"):
        await projector.tell(discovered(described(3)))
    await ensure_current(projector.settings, asyncio.Event())
    assert await projector.one("SELECT version FROM read_model_version") == {"version": schema.version()}
    assert await projector.count("tracks") == 2


async def test_a_rebuild_that_fails_leaves_the_live_tables_alone(
    projector: Projecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    await projector.tell(added(), discovered(described(1)))
    with pytest.raises(RuntimeError, match="tired"):
        await rebuild(projector.settings, _tired)
    assert await projector.count("tracks") == 1
    assert (await rebuild(projector.settings)).events == 2
    assert await schemas(projector) == {"starling", "starling_read"}


def _tired(done: int, total: int) -> None:
    raise RuntimeError("tired")


async def test_a_reader_who_lingers_holds_up_no_rebuild(projector: Projecting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.projector.replay._PATIENCE_S", 1)
    await projector.tell(added(), discovered(described(1)))
    pool = await open_pool(projector.settings)
    async with postgres.transaction(pool) as lingering:
        assert await lingering.fetchval("SELECT count(*) FROM tracks") == 1
        await rebuild(projector.settings)
        assert await projector.count("tracks") == 1
        with pytest.raises(Conflict, match="still reads"):
            await rebuild(projector.settings)
    await ensure_current(projector.settings, asyncio.Event())
    assert await schemas(projector) == {"starling", "starling_read"}
    pool.terminate()


async def test_two_rebuilds_exclude_each_other(projector: Projecting) -> None:
    async with Replay(projector.settings, "next"):
        with pytest.raises(Conflict, match="already"):
            await rebuild(projector.settings)
        with pytest.raises(Conflict, match="already"):
            await compare(projector.settings)


def test_every_table_has_a_projection() -> None:
    names = [projection.name for projection in projections.PROJECTIONS]
    assert len(names) == len(set(names))
    assert len(schema.TABLES) == len(set(schema.TABLES))
    for projection in projections.PROJECTIONS:
        for table in projection.tables:
            assert f"CREATE TABLE {table} (" in projection.create
