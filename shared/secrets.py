"""Passwords of media servers: encrypted in a table of their own, beside the log.

A secret is written first and then referred to by an event (``secret_id``); a secret that no event refers to is
harmless and swept. The key is STARLING_SECRET_KEY (Fernet: AES-128-CBC with HMAC-SHA256). There may be several, the
newest first: it encrypts, all of them decrypt. A key that stands in a file is read anew each time, so that it can be
changed while services run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared import postgres
from shared.errors import ConfigurationError, LibraryUnusable
from shared.messages import uuid7
from shared.settings import Settings, secret_in

if TYPE_CHECKING:
    from shared.postgres import Connection, Pool

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


def new_key() -> str:
    """A key that nobody has used."""
    return Fernet.generate_key().decode()


def keys(settings: Settings) -> list[str]:
    """All keys there are now, the newest first. Raises ``ConfigurationError`` for a file that cannot be read."""
    text = settings.secret_key.get_secret_value()
    if settings.secret_key_file is not None:
        text = secret_in(settings.secret_key_file, "STARLING_SECRET_KEY_FILE")
    return keys_in(text)


def keys_in(text: str) -> list[str]:
    """Keys with commas or white space between them."""
    return [key for key in re.split(r"[,\s]+", text) if key]


def _ciphers(settings: Settings) -> list[Fernet]:
    found = keys(settings)
    if not found:
        raise ConfigurationError(
            "STARLING_SECRET_KEY is not set; it encrypts the passwords of media servers. Make one with: "
            "python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"
        )
    try:
        return [Fernet(key) for key in found]
    except ValueError:
        raise ConfigurationError(
            "STARLING_SECRET_KEY is not a Fernet key (32 bytes in URL-safe base64), or several with commas between them"
        ) from None


def cipher(settings: Settings) -> MultiFernet:
    """Encrypts with the newest key and decrypts with any. Raises ``ConfigurationError`` without a usable key."""
    return MultiFernet(_ciphers(settings))


async def hold_keys(connection: Connection) -> None:
    """Until the connection ends nobody changes the keys; waits for whoever does."""
    await connection.execute("SELECT pg_advisory_lock_shared(hashtext('starling:keys'))")


async def take_keys(connection: Connection) -> bool:
    """True when until the connection ends we alone may change the keys; False when somebody does, or holds them."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock(hashtext('starling:keys'))"))


async def create_table(settings: Settings) -> None:
    """Create the table; safe to repeat. Raises ``StoreUnavailable``."""
    await postgres.create_kept(settings, [TABLE])


async def store(pool: Pool, settings: Settings, plaintext: str) -> UUID:
    """Encrypt and keep a secret. Raises ``ConfigurationError`` without a usable key, ``StoreUnavailable``."""
    secret_id = uuid7()
    async with postgres.transaction(pool) as connection:
        # Before the key is looked at: who changes keys waits for us then, and finds this secret, or we see the new key.
        await connection.execute("LOCK TABLE secrets IN ROW EXCLUSIVE MODE")
        ciphertext = cipher(settings).encrypt(plaintext.encode())
        await connection.execute("INSERT INTO secrets (secret_id, ciphertext) VALUES ($1, $2)", secret_id, ciphertext)
    return secret_id


async def load(pool: Pool, settings: Settings, secret_id: UUID) -> str:
    """A secret in the clear. Raises ``LibraryUnusable`` (credentials_missing, credentials_unreadable)."""
    for _ in range(2):  # the key may have been changed between the look at it and the look at the secret
        opening = cipher(settings)
        async with postgres.transaction(pool) as connection:
            ciphertext = await connection.fetchval("SELECT ciphertext FROM secrets WHERE secret_id = $1", secret_id)
        if ciphertext is None:
            raise LibraryUnusable(
                "credentials_missing", "The password of this library is not stored any more; add the library again."
            )
        try:
            return opening.decrypt(bytes(ciphertext)).decode()
        except InvalidToken:
            continue
    raise LibraryUnusable(
        "credentials_unreadable",
        "The stored password was encrypted with another STARLING_SECRET_KEY; set that one again, or remove the "
        "library and add it anew.",
    )


@dataclass(frozen=True, slots=True)
class Keeping:
    """How many secrets are encrypted with the newest key, with an older one, and with none that is known."""

    newest: int
    older: int
    unreadable: int


async def keeping(connection: Connection, settings: Settings) -> Keeping:
    """Look through all secrets; until the end of the caller's transaction nobody adds one. Raises
    ``ConfigurationError``."""
    await connection.execute("LOCK TABLE secrets IN SHARE ROW EXCLUSIVE MODE")
    newest, any_key = _ciphers(settings)[0], cipher(settings)
    rows = [bytes(row["ciphertext"]) for row in await connection.fetch("SELECT ciphertext FROM secrets")]
    by_newest = sum(_opens(newest, row) for row in rows)
    by_any = sum(_opens(any_key, row) for row in rows)
    return Keeping(by_newest, by_any - by_newest, len(rows) - by_any)


async def encrypt_anew(connection: Connection, settings: Settings) -> Keeping:
    """Encrypt every secret with the newest key, in the caller's transaction; what no key opens stays as it is. Raises
    ``ConfigurationError``."""
    await connection.execute("LOCK TABLE secrets IN SHARE ROW EXCLUSIVE MODE")
    any_key = cipher(settings)
    rows = await connection.fetch("SELECT secret_id, ciphertext FROM secrets")
    changed = [
        (row["secret_id"], any_key.rotate(bytes(row["ciphertext"])))
        for row in rows
        if _opens(any_key, bytes(row["ciphertext"]))
    ]
    await connection.executemany("UPDATE secrets SET ciphertext = $2 WHERE secret_id = $1", changed)
    return await keeping(connection, settings)


def unreadable(settings: Settings, ciphertexts: Iterable[bytes]) -> int:
    """How many of the encrypted secrets STARLING_SECRET_KEY does not open; all of them when it is not set."""
    try:
        opening = cipher(settings)
    except ConfigurationError:
        return len(list(ciphertexts))
    return sum(not _opens(opening, ciphertext) for ciphertext in ciphertexts)


def _opens(opening: Fernet | MultiFernet, ciphertext: bytes) -> bool:
    try:
        opening.decrypt(ciphertext)
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
