"""Sessions of browsers: 256 random bits in a cookie, of which the database knows the digest."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.accounts.rights import RIGHT_OF, Identity, Right

if TYPE_CHECKING:
    from shared.postgres import Connection

IDLE: Final = timedelta(days=30)
"""A session that is not used for so long has ended."""
_LONGEST: Final = timedelta(days=180)
_ROTATE_AFTER: Final = timedelta(days=1)
# Requests that were on their way when the cookie was changed still carry the old one.
_OLD_COOKIE: Final = timedelta(minutes=1)
OPERATOR: Final = "operator"

_FIND = """
SELECT s.operator, a.account_id, a.name, a.role
  FROM account_sessions s LEFT JOIN accounts a USING (account_id)
 WHERE s.digest = $1 AND s.expires_at > now()
"""

_ROTATE = """
WITH old AS (
    UPDATE account_sessions SET expires_at = least(expires_at, now() + $3)
     WHERE digest = $1 AND expires_at > now() AND issued_at < now() - $4::interval
    RETURNING account_id, operator, begun_at
)
INSERT INTO account_sessions (digest, account_id, operator, begun_at, expires_at)
SELECT $2, account_id, operator, begun_at, least(now() + $5, begun_at + $6) FROM old
 WHERE begun_at + $6 > now()
RETURNING digest
"""


def digest(secret: str) -> bytes:
    """What is stored of a cookie or token."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).digest()


async def begin(connection: Connection, account_id: UUID | None, operator: bytes | None = None) -> str:
    """The cookie of a new session, for an account or for the ``operator`` with the token of that digest."""
    secret = secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO account_sessions (digest, account_id, operator, expires_at) VALUES ($1, $2, $3, now() + $4)",
        digest(secret),
        account_id,
        operator,
        IDLE,
    )
    return secret


async def find(connection: Connection, secret: str, operators: frozenset[bytes]) -> Identity | None:
    """Whose session it is. ``operators`` are the digests of the tokens that operators have now."""
    session = digest(secret)
    row = await connection.fetchrow(_FIND, session)
    if row is None:
        return None
    if row["account_id"] is not None:
        return Identity("session", RIGHT_OF[row["role"]], row["name"], row["account_id"], row["role"], session)
    if row["operator"] in operators:
        return Identity("session", Right.ADMIN, OPERATOR, session=session)
    return None


async def rotate(connection: Connection, session: bytes) -> str | None:
    """A new cookie for a session whose cookie is a day old, and None for a younger one. The old one ends."""
    secret = secrets.token_urlsafe(32)
    made = await connection.fetchval(_ROTATE, session, digest(secret), _OLD_COOKIE, _ROTATE_AFTER, IDLE, _LONGEST)
    return secret if made is not None else None


async def end(connection: Connection, session: bytes) -> None:
    """Sign out here."""
    await connection.execute("DELETE FROM account_sessions WHERE digest = $1", session)


async def end_all(connection: Connection, account_id: UUID, *, but: bytes | None = None) -> None:
    """Sign an account out everywhere, ``but`` there."""
    await connection.execute(
        "DELETE FROM account_sessions WHERE account_id = $1 AND digest IS DISTINCT FROM $2", account_id, but
    )


async def sweep(connection: Connection) -> None:
    """Forget sessions that have ended."""
    await connection.execute("DELETE FROM account_sessions WHERE expires_at < now()")
