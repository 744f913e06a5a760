"""Accounts: who there is, made, changed and removed by an owner."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.gateway.accounts.door import DOOR
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.models.accounts import Account, AccountChange, Accounts, NewAccount
from services.gateway.problems import ProblemError
from shared import accounts, postgres
from shared.accounts import Right, deeds, passwords
from shared.events import AccountAdded


async def list_accounts(call: Call[None, None]) -> Accounts:
    """All, by name."""
    async with call.gateway.reading() as connection:
        found = await accounts.listed(connection)
    return Accounts(items=[_shown(account) for account in found])


async def add_account(call: Call[None, NewAccount]) -> Reply:
    """Make an account for somebody. The first one is made by POST /api/v1/set-up."""
    _check_hand(call)
    body, password = call.body, call.body.password.get_secret_value()
    passwords.check(password, body.name)
    door = call.request.app[DOOR]
    if not await door.inhabited():
        raise ProblemError(409, "Make the owner's account first: POST /api/v1/set-up.", reason="conflict")
    hashed = await door.passwords.hash(password)
    async with postgres.transaction(call.gateway.pool) as connection:
        account = await accounts.add(connection, body.name, body.role, hashed)
        event = AccountAdded(account_id=account.account_id, name=account.name, role=account.role, by=call.identity.name)
        await call.gateway.intake.tell(event)
    return Reply(_shown(account), 201)


async def change_account(call: Call[None, AccountChange]) -> Account:
    """Set another role or a new password; either signs the account out everywhere else."""
    _check_hand(call)
    body, account_id = call.body, call.id("account_id")
    hashed = None
    if body.password is not None:
        async with call.gateway.reading() as connection:
            account = await accounts.by_id(connection, account_id)
        passwords.check(body.password.get_secret_value(), account.name)
        hashed = await call.request.app[DOOR].passwords.hash(body.password.get_secret_value())
    async with postgres.transaction(call.gateway.pool) as connection:
        identity = call.identity
        changed, event = await deeds.change(
            connection, account_id, by=identity.name, role=body.role, password_hash=hashed, but=identity.session
        )
        await call.gateway.intake.tell(event)
    return _shown(changed)


async def remove_account(call: Call[None, None]) -> web.Response:
    """Remove an account with its sessions and tokens. Playlists and everything else stay."""
    _check_hand(call)
    async with postgres.transaction(call.gateway.pool) as connection:
        event = await deeds.remove(connection, call.id("account_id"), by=call.identity.name)
        await call.gateway.intake.tell(event)
    return web.Response(status=204)


def _check_hand(call: Call[Any, Any]) -> None:
    """Raises ``ProblemError`` (403) for a token of a program."""
    if not call.identity.by_hand:
        raise ProblemError(
            403, "Accounts and tokens are changed by people, not by programs: sign in.", reason="not_allowed"
        )


def _shown(account: accounts.Account) -> Account:
    return Account(
        id=account.account_id,
        name=account.name,
        role=account.role,
        signs_in_with=account.signs_in_with,
        created_at=account.created_at,
    )


_ONE = "/api/v1/accounts/{account_id}"

ENDPOINTS = (
    Endpoint("GET", "/api/v1/accounts", list_accounts, "Accounts", "List the accounts", Accounts, right=Right.ADMIN),
    Endpoint(
        "POST",
        "/api/v1/accounts",
        add_account,
        "Accounts",
        "Add an account",
        Account,
        201,
        body=NewAccount,
        problems=(409,),
        right=Right.ADMIN,
    ),
    Endpoint(
        "PATCH",
        _ONE,
        change_account,
        "Accounts",
        "Change an account",
        Account,
        body=AccountChange,
        problems=(409,),
        right=Right.ADMIN,
    ),
    Endpoint(
        "DELETE",
        _ONE,
        remove_account,
        "Accounts",
        "Remove an account",
        status=204,
        problems=(409,),
        right=Right.ADMIN,
    ),
)
