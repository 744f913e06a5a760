"""Accounts of people whom another system signs in, made when they come for the first time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from services.gateway.problems import ProblemError
from services.gateway.state import Gateway
from shared import postgres
from shared.accounts import Account, Role, people
from shared.errors import InvalidInput
from shared.events import AccountAdded


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody whom another system has signed in. ``external_id`` is who they are for good, ``name`` what their account
    will be called; ``known_as`` are the names under which STARLING_OWNERS may list them."""

    way: Literal["openid", "proxy"]
    external_id: str
    name: str
    known_as: frozenset[str]


class Newcomers:
    """Knows who may come and what they become."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        settings = gateway.settings
        self._owners = frozenset(name for part in settings.owners.split(",") if (name := part.strip()))
        self._role: Role | None = None if settings.new_accounts == "none" else settings.new_accounts

    async def account_of(self, guest: Guest, *, inhabited: bool) -> Account | None:
        """Their account; None while there is no account at all and they are no owner. Raises ``ProblemError`` (403)."""
        async with self._gateway.reading() as connection:
            known = await people.by_external_id(connection, guest.external_id)
        if known is not None:
            return known
        role: Role | None = "owner" if guest.known_as & self._owners else self._role
        if not inhabited and role != "owner":
            return None
        if role is None:
            raise ProblemError(
                403,
                f"You are signed in as {guest.name[:60]}, who has no account here, and this Starling takes nobody new "
                "(STARLING_NEW_ACCOUNTS). Ask an owner.",
                reason="not_invited",
            )
        return await self._add(guest, role)

    async def _add(self, guest: Guest, role: Role) -> Account:
        """Also when many requests of theirs come at once, as a page makes them."""
        try:
            async with postgres.transaction(self._gateway.pool) as connection:
                account, new = await people.welcome(
                    connection, guest.external_id, guest.name, role, or_similar=guest.way == "openid"
                )
                if new:
                    await self._tell(account, guest)
        except InvalidInput as error:
            raise ProblemError(
                403,
                f"You are signed in as {guest.name[:60]}, and there can be no account of that name: {error.detail}. "
                "An account that signs in in another way is never given to you for its name; ask an owner.",
                reason="name_taken",
            ) from None
        return account

    async def _tell(self, account: Account, guest: Guest) -> None:
        event = AccountAdded(
            account_id=account.account_id,
            name=account.name,
            role=account.role,
            signs_in_with=guest.way,
            by=guest.way,
        )
        await self._gateway.intake.tell(event)
