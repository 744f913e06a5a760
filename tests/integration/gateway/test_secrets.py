"""Secrets: encrypted, found again, swept when nobody needs them."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from shared import secrets
from shared.errors import ConfigurationError, LibraryUnusable
from shared.events import ServerAdded, ServerRemoved
from shared.messages import derived_id
from tests.integration.gateway.system import System


async def keep(system: System, word: str = "a word") -> UUID:
    return await secrets.store(system.gateway.pool, system.settings, word)


async def kept(system: System) -> set[UUID]:
    async with system.gateway.reading() as connection:
        return {row["secret_id"] for row in await connection.fetch("SELECT secret_id FROM secrets")}


async def age(system: System, days: int) -> None:
    async with system.gateway.reading() as connection:
        await connection.execute("UPDATE secrets SET created_at = created_at - make_interval(days => $1)", days)


def added(name: str, secret: UUID) -> ServerAdded:
    server = derived_id(name)
    return ServerAdded(server_id=server, server_type="subsonic", name=name, url="http://nas", secret_id=secret)


async def test_a_secret_is_stored_unreadable_and_comes_back(system: System) -> None:
    secret = await keep(system, "pässword")
    async with system.gateway.reading() as connection:
        stored = bytes(await connection.fetchval("SELECT ciphertext FROM secrets"))
    assert "pässword".encode() not in stored
    assert await secrets.load(system.gateway.pool, system.settings, secret) == "pässword"
    await secrets.delete(system.gateway.pool, secret)
    with pytest.raises(LibraryUnusable, match="credentials_missing"):
        await secrets.load(system.gateway.pool, system.settings, secret)


async def test_another_key_is_told_from_a_missing_one(system: System) -> None:
    secret = await keep(system)
    other = system.settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
    with pytest.raises(LibraryUnusable, match="credentials_unreadable"):
        await secrets.load(system.gateway.pool, other, secret)
    for key in ("", "too short"):
        wrong = system.settings.model_copy(update={"secret_key": SecretStr(key)})
        with pytest.raises(ConfigurationError, match="STARLING_SECRET_KEY"):
            await secrets.load(system.gateway.pool, wrong, secret)


async def test_only_what_no_library_has_needed_for_a_day_is_swept(system: System) -> None:
    used, removed, _ = [await keep(system) for _ in range(3)]
    seen = await system.tell(
        added("used", used), added("removed", removed), ServerRemoved(server_id=derived_id("removed"))
    )
    await system.get("/api/v1/servers", after=seen)
    assert await secrets.sweep(system.gateway.pool) == 0
    await age(system, 2)
    young = await keep(system)
    assert await secrets.sweep(system.gateway.pool) == 2
    assert await kept(system) == {used, young}


async def test_nothing_is_swept_while_the_read_models_know_nothing(system: System) -> None:
    secret = await keep(system)
    await age(system, 2)
    assert await secrets.sweep(system.gateway.pool) == 0
    assert await kept(system) == {secret}


async def test_a_table_that_is_there_stays(system: System) -> None:
    secret = await keep(system)
    await secrets.create_table(system.settings)
    assert await kept(system) == {secret}
