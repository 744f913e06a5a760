"""What is done to accounts and tokens with all that belongs to it, and the event that tells of it, for whoever does it:
over HTTP or straight on the stores. All inside a transaction, at whose end the event is told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from shared.accounts import people, sessions, tokens
from shared.accounts.people import Account
from shared.accounts.rights import Role, Scope
from shared.accounts.tokens import Issued
from shared.events import AccountChanged, AccountRemoved, TokenIssued

if TYPE_CHECKING:
    from shared.postgres import Connection


async def change(
    connection: Connection,
    account_id: UUID,
    *,
    by: str,
    role: Role | None = None,
    password_hash: str | None = None,
    but: bytes | None = None,
) -> tuple[Account, AccountChanged]:
    """Another role or password; every session of the account ends, ``but`` that one. Raises as ``people.change``."""
    account = await people.change(connection, account_id, role=role, password_hash=password_hash)
    await sessions.end_all(connection, account_id, but=but)
    event = AccountChanged(
        account_id=account_id, name=account.name, role=account.role, password=password_hash is not None, by=by
    )
    return account, event


async def remove(connection: Connection, account_id: UUID, *, by: str) -> AccountRemoved:
    """With its sessions and tokens. Raises as ``people.remove``."""
    account = await people.remove(connection, account_id)
    return AccountRemoved(account_id=account_id, name=account.name, by=by)


async def issue(
    connection: Connection, account_id: UUID, account: str, name: str, scope: Scope, expires_at: datetime | None
) -> tuple[Issued, str, TokenIssued]:
    """A token called ``name`` for the account called ``account``: as it is stored, and itself. Raises as
    ``tokens.issue``."""
    made, token = await tokens.issue(connection, account_id, name, scope, expires_at)
    event = TokenIssued(
        account_id=account_id,
        name=account,
        token_id=made.token_id,
        token_name=name,
        scope=scope,
        expires_at=expires_at,
    )
    return made, token, event
