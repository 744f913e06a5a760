"""Tokens of programs: shown once, stored as a digest, each with what it is for and until when."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from shared.accounts.rights import RIGHT_OF, Identity, Scope
from shared.accounts.sessions import digest
from shared.errors import Conflict, NotFound
from shared.messages import uuid7

if TYPE_CHECKING:
    from shared.postgres import Connection

PREFIX: Final = "starling_"
"""So that a token that has leaked is recognised for what it is."""
MOST: Final = 100
"""Per account."""

_FIND = """
SELECT t.token_id, t.scope, t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS unseen,
       a.account_id, a.name, a.role
  FROM account_tokens t JOIN accounts a USING (account_id)
 WHERE t.digest = $1 AND (t.expires_at IS NULL OR t.expires_at > now())
"""

_LIST = """
SELECT t.token_id, t.name, t.scope, t.created_at, t.expires_at, t.last_used_at, a.name AS account, a.account_id
  FROM account_tokens t JOIN accounts a USING (account_id)
 WHERE $1::uuid IS NULL OR a.account_id = $1
 ORDER BY t.created_at DESC, t.token_id
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """What is stored of a new token, but for its digest."""

    token_id: UUID
    created_at: datetime


async def issue(
    connection: Connection, account_id: UUID, name: str, scope: Scope, expires_at: datetime | None
) -> tuple[Issued, str]:
    """What is stored, and the token, which nobody can read again. Raises ``Conflict`` when there are too many."""
    count = await connection.fetchval("SELECT count(*) FROM account_tokens WHERE account_id = $1", account_id)
    if count >= MOST:
        raise Conflict(f"this account has {MOST} tokens; revoke one that is not used any more")
    token_id, token = uuid7(), PREFIX + secrets.token_urlsafe(32)
    created_at = await connection.fetchval(
        "INSERT INTO account_tokens (token_id, account_id, name, digest, scope, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) RETURNING created_at",
        token_id,
        account_id,
        name,
        digest(token),
        scope,
        expires_at,
    )
    return Issued(token_id, created_at), token


async def find(connection: Connection, token: str) -> Identity | None:
    """Whose token it is, with the lesser of both rights."""
    row = await connection.fetchrow(_FIND, digest(token))
    if row is None:
        return None
    if row["unseen"]:
        await connection.execute("UPDATE account_tokens SET last_used_at = now() WHERE token_id = $1", row["token_id"])
    return Identity(
        "token",
        min(RIGHT_OF[row["scope"]], RIGHT_OF[row["role"]]),
        row["name"],
        row["account_id"],
        row["role"],
        token_id=row["token_id"],
    )


async def listed(connection: Connection, account_id: UUID | None) -> list[Any]:
    """Newest first, of one account or of all: token_id, name, scope, the times, account and its id."""
    return list(await connection.fetch(_LIST, account_id))


async def revoke(connection: Connection, token_id: UUID, account_id: UUID | None) -> UUID:
    """The account that it belonged to. Raises ``NotFound``, also for a token of an account other than that one."""
    found: UUID | None = await connection.fetchval(
        "DELETE FROM account_tokens WHERE token_id = $1 AND ($2::uuid IS NULL OR account_id = $2) RETURNING account_id",
        token_id,
        account_id,
    )
    if found is None:
        raise NotFound(f"there is no token {token_id}")
    return found
