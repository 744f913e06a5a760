"""Passwords leave a machine with a passphrase or not at all."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from services.cli.backup.format import UnusableExport, verify
from services.cli.backup.restoring import Arriving, restore
from services.cli.backup.sealing import WrongPassphrase
from services.cli.backup.taking import export
from shared import secrets
from shared.archive import archived
from shared.errors import ConfigurationError, LibraryUnusable
from shared.events import RunPaused
from tests import given
from tests.integration.backup.conftest import Move
from tests.integration.backup.house import KEY, OTHER_KEY, PASSPHRASE, House, header_of


async def keep(home: House) -> UUID:
    return await secrets.store(home.pool, home.settings, "open sesame")


async def password(house: House, secret: UUID) -> str:
    return await secrets.load(house.pool, house.settings, secret)


async def test_without_a_passphrase_they_stay_behind(home: House, move: Move) -> None:
    secret = await keep(home)
    (stored,) = await home.rows("SELECT ciphertext FROM secrets")
    taken = await export(home.settings, io.BytesIO())
    assert (taken.passwords.left_out, taken.header.seal) == (1, None)
    content = await home.exported()
    assert "secrets" not in header_of(content).tables
    assert bytes(stored["ciphertext"]).hex() not in gzip.decompress(content).decode()
    async with move() as new:
        restored = await new.imported(content)
        assert restored.secrets == 0
        with pytest.raises(LibraryUnusable, match="add the library again"):
            await password(new, secret)


async def test_with_one_they_come_under_the_key_of_the_new_machine(home: House, move: Move) -> None:
    secret = await keep(home)
    content = await home.exported(PASSPHRASE)
    text = gzip.decompress(content).decode()
    (stored,) = await home.rows("SELECT ciphertext FROM secrets")
    for clear in ("open sesame", PASSPHRASE, KEY, bytes(stored["ciphertext"]).hex()):
        assert clear not in text
    async with move() as new:
        assert new.settings.secret_key.get_secret_value() == OTHER_KEY
        restored = await new.imported(content, PASSPHRASE)
        assert (restored.secrets, restored.unreadable) == (1, 0)
        assert await password(new, secret) == "open sesame"
        again = await new.exported(PASSPHRASE)
        assert header_of(again).seal != header_of(content).seal, "two files have two salts"


async def test_a_wrong_passphrase_or_none_changes_nothing(home: House, move: Move) -> None:
    await keep(home)
    await home.happened(RunPaused(run_id=given.RUN))
    await home.everything()
    content = await home.exported(PASSPHRASE)
    seal = header_of(content).seal
    assert seal is not None
    with pytest.raises(WrongPassphrase, match=r"^this is not the passphrase .*; nothing was changed") as refused:
        seal.key("four words in a row")
    assert "four" not in str(refused.value)
    async with move() as new:
        with pytest.raises(UnusableExport, match="give the passphrase, or leave them out"):
            await new.imported(content)
        header = header_of(content)
        await restore(new.settings, header, io.BytesIO(content), Arriving(wanted=False))
        assert await archived(new.connection) == header.count
        assert await new.rows("SELECT 1 FROM secrets") == []


async def test_a_machine_without_a_key_is_told_so_before_anything_is_written(home: House, move: Move) -> None:
    await keep(home)
    content = await home.exported(PASSPHRASE)
    async with move() as new:
        new.settings = new.settings.model_copy(update={"secret_key": SecretStr("")})
        with pytest.raises(ConfigurationError, match="STARLING_SECRET_KEY is not set"):
            await new.imported(content, PASSPHRASE)
        assert await archived(new.connection) == 0


async def test_what_our_own_key_does_not_open_stays_behind_and_is_counted(home: House) -> None:
    await keep(home)
    other = home.settings.model_copy(update={"secret_key": SecretStr(OTHER_KEY)})
    await secrets.store(home.pool, other, "by another key")
    target = io.BytesIO()
    taken = await export(home.settings, target, passphrase=PASSPHRASE)
    assert (len(taken.passwords.rows), taken.passwords.unreadable) == (1, 1)
    assert header_of(target.getvalue()).tables["secrets"].rows == 1


async def test_a_file_cannot_ask_for_more_work_than_any_file_needs(home: House) -> None:
    await keep(home)
    first, *rest = gzip.decompress(await home.exported(PASSPHRASE)).splitlines(keepends=True)
    changes: list[dict[str, Any]] = [
        {"memory_kib": 1 << 24},
        {"memory_kib": 4},
        {"time_cost": 0},
        {"time_cost": 10_000},
        {"lanes": 500},
        {"kdf": "md5"},
        {"salt": ""},
        {"salt": 7},
        {"proof": None},
    ]
    for change in changes:
        header = json.loads(first)
        header["seal"] |= change
        with pytest.raises(UnusableExport, match="damaged"):
            verify(io.BytesIO(gzip.compress(b"".join([json.dumps(header).encode() + b"\n", *rest]))))
    unsealed = {name: part for name, part in json.loads(first).items() if name != "seal"}
    with pytest.raises(UnusableExport, match="damaged"):
        verify(io.BytesIO(gzip.compress(b"".join([json.dumps(unsealed).encode() + b"\n", *rest]))))
