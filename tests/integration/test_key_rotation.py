"""Another key for the stored passwords: while services run, and whenever it is killed."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from services.cli import rotation
from services.cli.session import Session
from services.up.datadir import SECRET_KEY, write_private
from shared import postgres, secrets
from shared.errors import Conflict, LibraryUnusable
from shared.settings import Settings
from tests.environment import clean_environment, environment_of
from tests.waiting import until

if TYPE_CHECKING:
    from shared.postgres import Pool

Rotate = Callable[[Settings], Awaitable[int]]

OLD, NEW = secrets.new_key(), secrets.new_key()


@dataclass
class Safe:
    """Passwords in a database, and the key to them in a file."""

    settings: Settings
    pool: Pool
    file: Path
    words: dict[UUID, str] = field(default_factory=dict)

    async def put(self, word: str) -> None:
        self.words[await secrets.store(self.pool, self.settings, word)] = word

    async def opens(self, settings: Settings | None = None) -> bool:
        """Whether everything that was put in comes out as it was."""
        found = {one: await secrets.load(self.pool, settings or self.settings, one) for one in list(self.words)}
        return all(found[one] == self.words[one] for one in found)

    def with_keys(self, *keys: str) -> Settings:
        """Settings with keys from the environment."""
        changed = {"STARLING_SECRET_KEY": ",".join(keys), "STARLING_SECRET_KEY_FILE": None}
        return Settings.model_validate({**environment_of(self.settings), **changed})

    def keys(self) -> list[str]:
        return self.file.read_text().split()


@pytest.fixture
async def safe(settings: Settings) -> AsyncIterator[Safe]:
    file = settings.data_dir / SECRET_KEY
    write_private(file, OLD + "\n")
    settings = Settings.model_validate({**environment_of(settings), "STARLING_SECRET_KEY_FILE": file})
    await secrets.create_table(settings)
    pool = await postgres.open_pool(settings)
    try:
        made = Safe(settings, pool, file)
        for word in ("open sesame", "pässword", ""):
            await made.put(word)
        yield made
    finally:
        await pool.close()


@pytest.fixture
def rotate(monkeypatch: pytest.MonkeyPatch) -> Rotate:
    """The command, with settings in its environment."""

    async def run(settings: Settings) -> int:
        with monkeypatch.context() as patched:
            for name in ("STARLING_SECRET_KEY", "STARLING_SECRET_KEY_FILE"):
                patched.delenv(name, raising=False)
            for name, value in environment_of(settings).items():
                patched.setenv(name, value)
            return await rotation.rotate_key(Session())

    return run


async def test_the_first_key_encrypts_and_all_of_them_decrypt(safe: Safe) -> None:
    both = safe.with_keys(NEW, OLD)
    assert await safe.opens(both)
    by_new = await secrets.store(safe.pool, both, "new")
    assert await secrets.load(safe.pool, safe.with_keys(NEW), by_new) == "new"
    with pytest.raises(LibraryUnusable, match="credentials_unreadable"):
        await secrets.load(safe.pool, safe.with_keys(OLD), by_new)


async def test_wherever_a_change_is_killed_there_is_a_key_for_every_password(safe: Safe) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.killed_rotation"),
        stdin=PIPE,
        stdout=PIPE,
        env=clean_environment(environment_of(safe.settings)),
    )
    assert process.stdin and process.stdout
    ends, seen = [], set()
    while line := await asyncio.wait_for(process.stdout.readline(), 30):
        ends += [int(line)] if line.strip().removeprefix(b"-").isdigit() else []
        assert await safe.opens()
        assert await safe.opens(safe.with_keys(*safe.keys()))
        assert safe.file.stat().st_mode & 0o777 == 0o600
        seen.add(len(safe.keys()))
        process.stdin.write(b"\n")
    await process.wait()
    assert ends[-1] == 0 and set(ends[:-1]) == {-9} and len(ends) > 8, ends
    assert max(seen) > 2, "killed more than once between the new key and the end of the old one"
    (left,) = safe.keys()
    assert left != OLD
    assert await safe.opens(safe.with_keys(left))


async def test_who_reads_and_writes_meanwhile_notices_nothing(safe: Safe) -> None:
    done = asyncio.Event()

    async def read() -> int:
        times = 0
        while not done.is_set():
            assert await safe.opens()
            times += 1
        return times

    async def write() -> None:
        for number in range(40):
            await safe.put(f"word {number}")
            await asyncio.sleep(0)

    async def change() -> None:
        connection = await postgres.open_connection(safe.settings)
        try:
            for _ in range(5):
                assert await rotation.change_own_key(connection, safe.settings, safe.file) == 0
        finally:
            await connection.close()

    reading = asyncio.create_task(read())
    await asyncio.gather(change(), write())
    done.set()
    assert await reading > 1
    assert len(safe.keys()) == 1 and len(safe.words) == 43
    assert await safe.opens()


async def test_a_password_that_was_on_its_way_under_the_old_key_is_waited_for(safe: Safe) -> None:
    connection = await postgres.open_connection(safe.settings)
    try:
        async with postgres.transaction(safe.pool) as slow:
            await slow.execute("LOCK TABLE secrets IN ROW EXCLUSIVE MODE")
            late = secrets.cipher(safe.settings).encrypt(b"late")
            changing = asyncio.create_task(rotation.change_own_key(connection, safe.settings, safe.file))

            async def waits() -> bool:
                return bool(await slow.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await until(waits, "the change waits for the password")
            assert len(safe.keys()) == 2
            one = UUID(int=1)
            await slow.execute("INSERT INTO secrets (secret_id, ciphertext) VALUES ($1, $2)", one, late)
            safe.words[one] = "late"
        assert await changing == 0
    finally:
        await connection.close()
    assert len(safe.keys()) == 1
    assert await safe.opens()


async def test_two_changes_at_once_are_one_too_many(safe: Safe, rotate: Rotate) -> None:
    connection = await postgres.open_connection(safe.settings)
    try:
        await secrets.hold_keys(connection)
        with pytest.raises(Conflict, match="somebody else is changing the key"):
            await rotate(safe.settings)
    finally:
        await connection.close()
    assert safe.keys() == [OLD]


async def test_a_key_of_the_environment_is_changed_in_steps_that_it_says(
    safe: Safe, rotate: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await rotate(safe.with_keys(OLD)) == 2
    assert (
        "2. Write it before the old one, with a comma between them, and restart the gateway" in capsys.readouterr().err
    )
    assert await rotate(safe.with_keys(NEW, OLD)) == 0
    said = capsys.readouterr()
    assert (said.out.partition(". ")[0], said.err) == ("3 passwords encrypted with the first key", "")
    assert await safe.opens(safe.with_keys(NEW))
    assert OLD not in said.out and NEW not in said.out


async def test_a_key_in_a_file_of_somebody_else_is_left_alone(
    safe: Safe, rotate: Rotate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mounted"
    file.write_text(OLD)
    elsewhere = safe.settings.model_copy(update={"secret_key_file": file})
    assert await rotate(elsewhere) == 2
    assert f"The key is in {file}, where it is yours to change" in capsys.readouterr().err
    file.write_text(f"{NEW},{OLD}")
    assert await safe.opens(elsewhere)
    assert await rotate(elsewhere) == 0
    file.write_text(NEW)
    assert await safe.opens(elsewhere)


async def test_what_no_key_opens_is_left_as_it_is_and_said(
    safe: Safe, rotate: Rotate, capsys: pytest.CaptureFixture[str]
) -> None:
    one = await secrets.store(safe.pool, safe.with_keys(NEW), "of another key")
    assert await rotate(safe.settings) == 1
    said = capsys.readouterr()
    assert "3 passwords encrypted with a new key" in said.out
    assert said.err == "No key opens 1 password: log in to that media server again.\n"
    assert await safe.opens()
    assert await secrets.load(safe.pool, safe.with_keys(NEW), one) == "of another key"
