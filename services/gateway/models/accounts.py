"""Who may do what: sessions, accounts, tokens."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, SecretStr, StringConstraints

from services.gateway.models.common import Answer, Body, Time
from shared.accounts import Role, Scope
from shared.accounts.passwords import LONGEST, SHORTEST

Name = Annotated[str, StringConstraints(min_length=1, max_length=60)]
Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000)]
Password = Annotated[SecretStr, Field(min_length=SHORTEST, max_length=LONGEST)]
SessionState = Literal["open", "set_up", "signed_out", "signed_in"]
Way = Literal["password", "token", "openid"]


class SessionInfo(Answer):
    """Who asks, and what there is to do before more is answered."""

    state: SessionState = Field(
        description="`open`: there is no account, and this machine may do everything. `set_up`: the owner's account "
        "has to be made first. `signed_out`: sign in. `signed_in`: welcome."
    )
    code_needed: bool = Field(description="Making the owner's account takes the code that the server has printed.")
    ways: list[Way] = Field(description="How one can sign in here.")
    name: str | None = Field(None, description="Of the account.")
    account_id: UUID | None = None
    role: Role | None = None
    right: Scope | None = Field(None, description="What may be done; each holds those before it.")


class NewSession(Body):
    """Sign in with name and password, or with the token of this Starling (STARLING_TOKEN)."""

    name: str | None = Field(None, min_length=1, max_length=60)
    password: Secret | None = None
    token: Secret | None = None


class Owner(Body):
    """The first account."""

    name: Name
    password: Password
    code: Secret | None = Field(None, description="What the server has printed, or STARLING_TOKEN where one is set.")


class NewAccount(Body):
    """An account for somebody."""

    name: Name
    password: Password
    role: Role = "member"


class AccountChange(Body):
    """Another role, a new password, or both."""

    role: Role | None = None
    password: Password | None = None


class NewPassword(Body):
    """For oneself."""

    current: Secret
    new: Password


class Account(Answer):
    """Somebody who may sign in. An owner may do everything, a member all but libraries and accounts, a reader may look
    and listen."""

    id: UUID
    name: str
    role: Role
    signs_in_with: Literal["password", "openid", "proxy"]
    created_at: Time


class Accounts(Answer):
    """By name."""

    items: list[Account]


class NewToken(Body):
    """A token for a program."""

    name: Name = Field(description="What it is for, e.g. the program's name.")
    scope: Scope = Field("read", description="`metrics` is /metrics alone; each other holds those before it.")
    expires_at: AwareDatetime | None = Field(None, description="When it ends by itself; never, where nothing is said.")


class Token(Answer):
    """A token, without what opens the door."""

    id: UUID
    name: str
    scope: Scope
    account_id: UUID
    account: str = Field(description="The name of the account that it acts for.")
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None = Field(description="To the minute.")


class IssuedToken(Token):
    """The only time that the token itself is shown."""

    token: str


class Tokens(Answer):
    """Newest first."""

    items: list[Token]
