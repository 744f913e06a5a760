"""Somebody who asks a gateway, and gateways for what needs no read models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from shared.accounts import Role, people, sessions
from shared.postgres import transaction
from shared.settings import Settings
from tests.integration.gateway.api import Answer, Api
from tests.integration.gateway.conftest import gateway
from tests.integration.gateway.system import System
from tests.waiting import until

OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


class Person:
    """Sends ``headers`` with every request."""

    def __init__(self, system: System, headers: dict[str, str]) -> None:
        self.headers = headers
        self._api = Api(system.api.client)

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._api.ask(method, path, body, {**self.headers, **named})

    async def session(self) -> Any:
        """What the gateway says of them; their reason to be refused where it refuses."""
        answer = await self.ask("GET", "/api/v1/session")
        return answer.body if answer.status == 200 else answer.body["reason"]


@asynccontextmanager
async def front(settings: Settings, **changes: Any) -> AsyncIterator[System]:
    """A gateway alone, with other settings, that can write down who comes."""
    async with gateway(settings.model_copy(update=changes)) as system:

        async def trusts() -> bool:
            return system.gateway.intake.trusted

        await until(trusts, "the gateway trusts its stores")
        yield system


async def with_password(system: System, name: str, role: Role = "owner") -> Person:
    """Somebody whose account has a password (which nobody knows: hashing one takes long), signed in."""
    async with transaction(system.gateway.pool) as connection:
        account = await people.add(connection, name, role, "a hash")
        cookie = await sessions.begin(connection, account.account_id)
    return Person(system, {"Cookie": f"starling_session={cookie}", **OUR_PAGE})


async def told(system: System) -> list[dict[str, Any]]:
    """What the log tells about accounts, oldest first."""
    return [json.loads(entry.raw.data) for entry in await system.gateway.streams.log.page(0, 100)]
