"""Passwords of media servers: encrypted in a table of their own, beside the log.

A secret is written first and then referred to by an event (``secret_id``); a secret that no event refers to is
harmless and swept. The key is STARLING_SECRET_KEY (Fernet: AES-128-CBC with HMAC-SHA256).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken

from shared import postgres
from shared.errors import ConfigurationError, LibraryUnusable
from shared.messages import uuid7
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Pool

TABLE = """
CREATE TABLE IF NOT EXISTS {schema}.secrets (
    secret_id uuid PRIMARY KEY,
    ciphertext bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""

# A day's grace covers a secret whose event is still on its way. The projector must have passed the secret's time, and
# know at least one server, so that read models in an unusual state never cost anybody a password.
_SWEEP = """
DELETE FROM secrets s
 WHERE s.created_at < now() - interval '1 day'
   AND s.created_at < (SELECT to_timestamp((position >> 20) / 1000.0) FROM follower_positions WHERE name = 'projector')
   AND EXISTS (SELECT 1 FROM servers)
   AND NOT EXISTS (SELECT 1 FROM servers v WHERE v.secret_id = s.secret_id AND NOT v.removed)
"""


def _cipher(settings: Settings) -> Fernet:
    key = settings.secret_key.get_secret_value()
    if not key:
        raise ConfigurationError(
            "STARLING_SECRET_KEY is not set; it encrypts the passwords of media servers. Make one with: "
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
    try:
        return Fernet(key)
    except ValueError:
        raise ConfigurationError("STARLING_SECRET_KEY is not a Fernet key (32 bytes in URL-safe base64)") from None


async def create_table(settings: Settings) -> None:
    """Create the table; safe to repeat. Raises ``StoreUnavailable``."""
    await postgres.create_kept(settings, [TABLE])


async def store(pool: Pool, settings: Settings, plaintext: str) -> UUID:
    """Encrypt and keep a secret. Raises ``ConfigurationError`` without a usable key, ``StoreUnavailable``."""
    secret_id = uuid7()
    ciphertext = _cipher(settings).encrypt(plaintext.encode())
    async with postgres.transaction(pool) as connection:
        await connection.execute("INSERT INTO secrets (secret_id, ciphertext) VALUES ($1, $2)", secret_id, ciphertext)
    return secret_id


async def load(pool: Pool, settings: Settings, secret_id: UUID) -> str:
    """A secret in the clear. Raises ``LibraryUnusable`` (credentials_missing, credentials_unreadable)."""
    cipher = _cipher(settings)
    async with postgres.transaction(pool) as connection:
        ciphertext = await connection.fetchval("SELECT ciphertext FROM secrets WHERE secret_id = $1", secret_id)
    if ciphertext is None:
        raise LibraryUnusable(
            "credentials_missing", "The password of this library is not stored any more; add the library again."
        )
    try:
        return cipher.decrypt(bytes(ciphertext)).decode()
    except InvalidToken:
        raise LibraryUnusable(
            "credentials_unreadable",
            "The stored password was encrypted with another STARLING_SECRET_KEY; set that one again, or remove the "
            "library and add it anew.",
        ) from None


def unreadable(settings: Settings, ciphertexts: Iterable[bytes]) -> int:
    """How many of the encrypted secrets STARLING_SECRET_KEY does not open; all of them when it is not set."""
    try:
        cipher = _cipher(settings)
    except ConfigurationError:
        return len(list(ciphertexts))
    return sum(not _opens(cipher, ciphertext) for ciphertext in ciphertexts)


def _opens(cipher: Fernet, ciphertext: bytes) -> bool:
    try:
        cipher.decrypt(ciphertext)
    except InvalidToken:
        return False
    return True


async def delete(pool: Pool, secret_id: UUID) -> None:
    """Forget a secret; one that is gone already is fine."""
    async with postgres.transaction(pool) as connection:
        await connection.execute("DELETE FROM secrets WHERE secret_id = $1", secret_id)


async def sweep(pool: Pool) -> int:
    """Forget secrets that no library uses; how many there were."""
    async with postgres.transaction(pool) as connection:
        done = await connection.execute(_SWEEP)
    return int(done.rsplit(" ", 1)[-1])
