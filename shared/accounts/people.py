"""Accounts: made, changed, removed. There is always an owner once there was one."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

import asyncpg

from shared.accounts.rights import Role
from shared.errors import Conflict, InvalidInput, NotFound
from shared.messages import uuid7

if TYPE_CHECKING:
    from shared.postgres import Connection

SignsInWith = Literal["password", "openid", "proxy"]

_COLUMNS = "account_id, name, role, password_hash, external_id, created_at"
# One at a time: two owners that remove each other would leave none.
_ALONE = "SELECT pg_advisory_xact_lock(hashtext('starling:accounts'))"


@dataclass(frozen=True, slots=True)
class Account:
    """``password_hash`` is None for somebody whom another system signs in, ``external_id`` is who that says it is."""

    account_id: UUID
    name: str
    role: Role
    password_hash: str | None
    external_id: str | None
    created_at: datetime

    @property
    def signs_in_with(self) -> SignsInWith:
        """Who looks at the password."""
        if self.external_id is None:
            return "password"
        return "proxy" if self.external_id.startswith("proxy:") else "openid"


def name_key(name: str) -> str:
    """The same for two spellings of a name. Raises ``InvalidInput`` for what is none."""
    plain = unicodedata.normalize("NFKC", name).strip()
    if not 1 <= len(plain) <= 60 or not plain.isprintable():
        raise InvalidInput("name", "take 1 to 60 printable characters")
    return plain.casefold()


async def any_exist(connection: Connection) -> bool:
    """Whether there is an account."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT 1 FROM accounts)"))


async def listed(connection: Connection) -> list[Account]:
    """All, by name."""
    return [_account(row) for row in await connection.fetch(f"SELECT {_COLUMNS} FROM accounts ORDER BY name_key")]  # noqa: S608


async def by_name(connection: Connection, name: str) -> Account | None:
    """The account of that name, however it is spelt."""
    try:
        key = name_key(name)
    except InvalidInput:
        return None
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE name_key = $1", key)  # noqa: S608
    return _account(row) if row else None


async def by_id(connection: Connection, account_id: UUID) -> Account:
    """Raises ``NotFound``."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE account_id = $1", account_id)  # noqa: S608
    if row is None:
        raise NotFound(f"there is no account {account_id}")
    return _account(row)


async def by_external_id(connection: Connection, external_id: str) -> Account | None:
    """The account of somebody whom another system signs in."""
    row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM accounts WHERE external_id = $1", external_id)  # noqa: S608
    return _account(row) if row else None


async def add(
    connection: Connection, name: str, role: Role, password_hash: str | None, external_id: str | None = None
) -> Account:
    """Inside a transaction. Raises ``InvalidInput`` for a name that is taken."""
    key = name_key(name)
    try:
        row = await connection.fetchrow(
            f"INSERT INTO accounts (account_id, name, name_key, role, password_hash, external_id)"  # noqa: S608
            f" VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_COLUMNS}",
            uuid7(),
            unicodedata.normalize("NFKC", name).strip(),
            key,
            role,
            password_hash,
            external_id,
        )
    except asyncpg.UniqueViolationError:
        raise InvalidInput("name", "somebody has this name already; take another") from None
    return _account(row)


async def add_first(connection: Connection, name: str, password_hash: str, external_id: str | None = None) -> Account:
    """The owner, inside a transaction. Raises ``Conflict`` when there is an account already."""
    await connection.execute(_ALONE)
    if await any_exist(connection):
        raise Conflict("there is an owner already; sign in")
    return await add(connection, name, "owner", password_hash, external_id)


async def welcome(
    connection: Connection, external_id: str, name: str, role: Role, *, or_similar: bool = False
) -> tuple[Account, bool]:
    """The account of somebody whom another system signs in, and whether it was made just now. Inside a transaction.
    Nobody gets an account by its name: when that is taken, a new one is called ``name 2`` if it may be ``or_similar``.
    Raises ``InvalidInput`` otherwise."""
    await connection.execute(_ALONE)
    known = await by_external_id(connection, external_id)
    if known is not None:
        return known, False
    if or_similar:
        name = await _free(connection, name)
    return await add(connection, name, role, None, external_id), True


async def _free(connection: Connection, name: str) -> str:
    """The name, or the first of ``name 2``, ``name 3`` and so on that nobody has."""
    found, number = name, 1
    while await by_name(connection, found) is not None:
        number += 1
        found = f"{name.strip()[:50]} {number}"
    return found


async def change(
    connection: Connection, account_id: UUID, *, role: Role | None = None, password_hash: str | None = None
) -> Account:
    """Inside a transaction. Raises ``NotFound``, ``Conflict`` for the last owner."""
    await connection.execute(_ALONE)
    if role is not None and role != "owner":
        await _check_another_owner(connection, account_id, "make somebody else an owner first")
    row = await connection.fetchrow(
        f"UPDATE accounts SET role = coalesce($2, role), password_hash = coalesce($3, password_hash)"  # noqa: S608
        f" WHERE account_id = $1 RETURNING {_COLUMNS}",
        account_id,
        role,
        password_hash,
    )
    if row is None:
        raise NotFound(f"there is no account {account_id}")
    return _account(row)


async def remove(connection: Connection, account_id: UUID) -> Account:
    """With its sessions and tokens, inside a transaction. Raises ``NotFound``, ``Conflict`` for the last owner."""
    await connection.execute(_ALONE)
    await _check_another_owner(connection, account_id, "the last owner stays")
    row = await connection.fetchrow(f"DELETE FROM accounts WHERE account_id = $1 RETURNING {_COLUMNS}", account_id)  # noqa: S608
    if row is None:
        raise NotFound(f"there is no account {account_id}")
    return _account(row)


async def _check_another_owner(connection: Connection, account_id: UUID, advice: str) -> None:
    owners = await connection.fetch("SELECT account_id FROM accounts WHERE role = 'owner'")
    if [row["account_id"] for row in owners] == [account_id]:
        raise Conflict(f"this is the only owner; {advice}")


def _account(row: Any) -> Account:
    return Account(
        account_id=row["account_id"],
        name=row["name"],
        role=cast("Role", row["role"]),
        password_hash=row["password_hash"],
        external_id=row["external_id"],
        created_at=row["created_at"],
    )
