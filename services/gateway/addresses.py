"""One library, one address: who has it, and how to claim it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from services.gateway.intake import address_key
from services.gateway.problems import ProblemError
from services.gateway.queries import servers
from services.gateway.state import Gateway
from shared.errors import Conflict

T = TypeVar("T")
Claim = dict[str, int]
Address = tuple[str, str | None, str | None, str | None]
"""Type, path, URL, user."""


async def claimed(
    gateway: Gateway,
    address: Address,
    append: Callable[[Claim], Awaitable[T]],
    *,
    but: UUID | None = None,
) -> T:
    """``append`` something that takes an address. Raises ``ProblemError`` when another library
    than ``but`` has it, also when it came to it in this moment."""
    subject = await free_address(gateway, address, but)
    try:
        return await append({subject: 0})
    except Conflict:
        # Somebody was quicker; or a library had this address once and has moved away since.
        version = await gateway.intake.claims(subject)
        await gateway.intake.catch_up()
        if await free_address(gateway, address, but) != subject:
            raise
        return await append({subject: version})


async def free_address(gateway: Gateway, address: Address, but: UUID | None = None) -> str:
    """What to claim: the address, after as many libraries as have had it. Raises ``ProblemError`` if one has it."""
    key = address_key(*address)
    async with gateway.reading() as connection:
        rows = await servers.addresses(connection)
    same = [row for row in rows if _key(row) == key and row["server_id"] != but]
    for row in same:
        if not row["removed"]:
            raise ProblemError(
                409,
                "This library is connected already.",
                reason="server_exists",
                extra={"server_id": row["server_id"]},
            )
    return f"server-address:{key}:{len(same)}"


def _key(row: Any) -> str:
    return address_key(row["server_type"], row["path"], row["url"], row["username"])
