"""Rights, each of which holds all below it, and who has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal
from uuid import UUID

Role = Literal["owner", "member", "reader"]
Scope = Literal["metrics", "read", "write", "admin"]
"""What a token is for."""


class Right(IntEnum):
    """What somebody may do. NOBODY is what a request may do without saying who it is from."""

    NOBODY = 0
    METRICS = 1
    READ = 2
    WRITE = 3
    ADMIN = 4

    @property
    def scope(self) -> Scope:
        """Its name on the outside. Raises ``KeyError`` for NOBODY."""
        return _SCOPES[self]


_SCOPES: Final[Mapping[Right, Scope]] = {
    Right.METRICS: "metrics",
    Right.READ: "read",
    Right.WRITE: "write",
    Right.ADMIN: "admin",
}

RIGHT_OF: Final[Mapping[str, Right]] = {
    "reader": Right.READ,
    "member": Right.WRITE,
    "owner": Right.ADMIN,
    **{scope: right for right, scope in _SCOPES.items()},
}
"""By role, and by scope. A token has the lesser of its account's right and its scope's."""

Way = Literal["machine", "operator", "session", "token", "proxy"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a request is from, and how that is known.

    ``machine`` is whoever sits at this machine while there is no account; ``operator`` knows STARLING_TOKEN.
    ``session`` is the digest of the cookie, where there is one.
    """

    way: Way
    right: Right
    name: str
    account_id: UUID | None = None
    role: Role | None = None
    session: bytes | None = None
    token_id: UUID | None = None

    @property
    def client(self) -> str:
        """Who shares a rate limit: each token for itself, each account for itself."""
        return f"{self.way}:{self.token_id or self.account_id or self.name}"

    @property
    def by_hand(self) -> bool:
        """Whether it may change what opens doors: a token that leaks must not be able to make another one."""
        return self.way != "token"
