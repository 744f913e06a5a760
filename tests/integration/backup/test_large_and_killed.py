"""Imports that are killed leave nothing; large libraries need no more memory than small ones."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from services.projector.compare import compare
from services.projector.rebuild import ensure_current
from shared import positions
from shared.archive import archived, write_archive
from shared.postgres import open_connection
from shared.settings import Settings
from shared.streams import LogEntry
from tests.environment import clean_environment, environment_of
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import House, header_of
from tests.integration.projector.history import History
from tests.waiting import until

SOME, MANY = 8_000, 16_000


def started(settings: Settings, *arguments: str) -> subprocess.Popen[bytes]:
    """The command line on these stores."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", *arguments],
        env=clean_environment(environment_of(settings)),
        stderr=subprocess.DEVNULL,
    )


async def test_an_import_that_is_killed_leaves_nothing_and_can_be_repeated(
    home: House, move: Move, tmp_path: Path
) -> None:
    await home.lived_in(300)
    before = {**await home.contents(), "secrets": []}
    file = tmp_path / "library.starling"
    file.write_bytes(await home.exported())
    async with move() as new:
        # The positions are written last, so with this lock the import waits with everything else in place.
        holding = await open_connection(new.settings)
        try:
            async with holding.transaction():
                await holding.execute("LOCK TABLE follower_positions IN EXCLUSIVE MODE")
                process = started(new.settings, "import", str(file))

                async def waits() -> bool:
                    assert process.poll() is None
                    return bool(await new.rows("SELECT 1 FROM pg_locks WHERE NOT granted"))

                await until(waits, "the import has written everything else")
                process.kill()
                process.wait()
        finally:
            await holding.close()
        assert await archived(new.connection) == 0
        assert {name: rows for name, rows in (await new.contents()).items() if rows} == {}

        async def gone() -> bool:
            return not await new.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")

        await until(gone, "PostgreSQL has noticed")
        await new.imported(file.read_bytes())
        assert await new.contents() == before


async def test_read_models_that_an_import_did_not_come_to_are_built_by_the_projector(home: House, move: Move) -> None:
    await home.lived_in(100)
    content = await home.exported()
    async with move() as new:
        file = new.settings.data_dir / "library.starling"
        file.write_bytes(content)
        process = started(new.settings, "import", str(file))

        async def committed() -> bool:
            return await archived(new.connection) > 0

        await until(committed, "the import has committed")
        process.send_signal(signal.SIGKILL)
        process.wait()

        async def gone() -> bool:
            return not await new.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")

        await until(gone, "PostgreSQL has noticed")
        await ensure_current(new.settings, asyncio.Event())
        assert await compare(new.settings) == []
        assert len(await new.rows("SELECT 1 FROM playlist_links")) == 1


async def fill(home: House, events: int) -> None:
    """Put a history of that many events into the archive, over and over again the same."""
    history = History(5).grow(2000)
    done = 0
    while done < events:
        batch = [_moved(entry, done + number) for number, entry in enumerate(history[: events - done])]
        async with home.connection.transaction():
            await write_archive(home.connection, batch)
        done += len(batch)
    await home.connection.execute(
        "INSERT INTO follower_positions SELECT 'projector', max(position) FROM event_log"
        " ON CONFLICT (name) DO UPDATE SET position = excluded.position"
    )


def _moved(entry: LogEntry, number: int) -> LogEntry:
    return LogEntry(positions.pack(f"1767225600000-{number}"), entry.raw)


# The kernel's figure for a child that has ended counts what its parent had, so the command says its own.
_MEASURED = """
import sys
from pathlib import Path
from services.cli import main
try:
    main()
finally:
    print(*(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")))
"""


def peak_mb(settings: Settings, *arguments: str) -> float:
    """The most memory that the command had, in megabytes."""
    command = [sys.executable, "-c", _MEASURED, *arguments]
    said = subprocess.run(
        command, env=clean_environment(environment_of(settings)), capture_output=True, text=True, check=True
    ).stdout
    return int(said.split()[1]) / 1024


async def test_memory_does_not_grow_with_the_library(home: House, move: Move, tmp_path: Path) -> None:
    exporting, importing = {}, {}
    for events in (500, SOME, MANY):
        await home.connection.execute("TRUNCATE event_log")
        await fill(home, events)
        exporting[events] = peak_mb(home.settings, "export", str(tmp_path / f"{events}"))
    assert header_of((tmp_path / f"{MANY}").read_bytes()).count == MANY
    assert exporting[MANY] - exporting[500] < 20, exporting

    for events in (500, SOME):
        async with move() as new:
            importing[events] = peak_mb(new.settings, "import", str(tmp_path / f"{events}"))
            assert await archived(new.connection) == events
    # The rebuild reads 4,000 events at a time, and the next ones meanwhile.
    assert importing[SOME] - importing[500] < 120, importing
