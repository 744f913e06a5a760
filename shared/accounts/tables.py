"""The tables of accounts."""

from __future__ import annotations

from typing import Final

from shared import postgres
from shared.settings import Settings

_ACCOUNTS = """
CREATE TABLE IF NOT EXISTS {schema}.accounts (
    account_id uuid PRIMARY KEY,
    name text NOT NULL,
    name_key text NOT NULL UNIQUE,
    role text NOT NULL CHECK (role IN ('owner', 'member', 'reader')),
    password_hash text,
    external_id text UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
)
"""

# A session of the operator has no account; it ends with the token that it was bought with.
_SESSIONS = """
CREATE TABLE IF NOT EXISTS {schema}.account_sessions (
    digest bytea PRIMARY KEY,
    account_id uuid REFERENCES {schema}.accounts ON DELETE CASCADE,
    operator bytea,
    begun_at timestamptz NOT NULL DEFAULT now(),
    issued_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    CHECK ((account_id IS NULL) <> (operator IS NULL))
)
"""

_TOKENS = """
CREATE TABLE IF NOT EXISTS {schema}.account_tokens (
    token_id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES {schema}.accounts ON DELETE CASCADE,
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    scope text NOT NULL CHECK (scope IN ('metrics', 'read', 'write', 'admin')),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    last_used_at timestamptz
)
"""

KEPT: Final = ("accounts", "account_tokens")
"""What moves with an export, in an order that its references allow. Sessions stay where they were begun."""


async def create_tables(settings: Settings) -> None:
    """Create them; safe to repeat. Raises ``StoreUnavailable``."""
    await postgres.create_kept(settings, [_ACCOUNTS, _SESSIONS, _TOKENS])
