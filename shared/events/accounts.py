"""Events about who may do what. What opens a door is never in them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import Event


class _AccountEvent(Event):
    account_id: UUID
    name: str

    @property
    def subject(self) -> str:
        return f"account:{self.account_id}"


class AccountAdded(_AccountEvent):
    """Somebody has an account. ``by`` is who made it; ``signs_in_with`` tells who looks at the password."""

    wire_type: ClassVar[str] = "account.added"
    role: str
    signs_in_with: Literal["password", "openid", "proxy"] = "password"
    by: str


class AccountChanged(_AccountEvent):
    """Another role, or another password; either signs the account out elsewhere."""

    wire_type: ClassVar[str] = "account.changed"
    role: str
    password: bool = False
    by: str


class AccountRemoved(_AccountEvent):
    """With all its sessions and tokens."""

    wire_type: ClassVar[str] = "account.removed"
    by: str


class TokenIssued(_AccountEvent):
    """A program may act for an account. ``name`` is the account's."""

    wire_type: ClassVar[str] = "token.issued"
    token_id: UUID
    token_name: str
    scope: str
    expires_at: datetime | None = None


class TokenRevoked(_AccountEvent):
    """A program may not any more."""

    wire_type: ClassVar[str] = "token.revoked"
    token_id: UUID
    by: str
