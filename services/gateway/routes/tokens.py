"""Tokens of programs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiohttp import web

from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.models.accounts import IssuedToken, NewToken, Token, Tokens
from services.gateway.problems import ProblemError
from shared import accounts, postgres
from shared.accounts import RIGHT_OF, Identity, Right, deeds, tokens
from shared.errors import InvalidInput
from shared.events import TokenRevoked


async def list_tokens(call: Call[None, None]) -> Tokens:
    """One's own; an owner sees all."""
    async with call.gateway.reading() as connection:
        rows = await tokens.listed(connection, _reach(call.identity))
    return Tokens(items=[_shown(row) for row in rows])


async def issue_token(call: Call[None, NewToken]) -> Reply:
    """Make a token for a program. The answer is the only one that holds it."""
    identity, body = call.identity, call.body
    if identity.account_id is None or not identity.by_hand:
        raise ProblemError(403, "A token acts for an account: sign in to one to make it.", reason="not_allowed")
    if RIGHT_OF[body.scope] > identity.right:
        raise InvalidInput("scope", f"this account may '{identity.right.scope}', and a token cannot do more")
    if body.expires_at is not None and body.expires_at <= datetime.now(UTC):
        raise InvalidInput("expires_at", "this time has passed")
    async with postgres.transaction(call.gateway.pool) as connection:
        made, token, event = await deeds.issue(
            connection, identity.account_id, identity.name, body.name, body.scope, body.expires_at
        )
        await call.gateway.intake.tell(event)
    shown = IssuedToken(
        id=made.token_id,
        name=body.name,
        scope=body.scope,
        account_id=identity.account_id,
        account=identity.name,
        created_at=made.created_at,
        expires_at=body.expires_at,
        last_used_at=None,
        token=token,
    )
    return Reply(shown, 201)


async def revoke_token(call: Call[None, None]) -> web.Response:
    """From now on it opens nothing. A token may revoke itself."""
    identity, token_id = call.identity, call.id("token_id")
    if not identity.by_hand and identity.token_id != token_id:
        raise ProblemError(403, "A token can revoke itself, and no other; sign in.", reason="not_allowed")
    async with postgres.transaction(call.gateway.pool) as connection:
        account_id = await tokens.revoke(connection, token_id, _reach(identity))
        account = await accounts.by_id(connection, account_id)
        event = TokenRevoked(account_id=account_id, name=account.name, token_id=token_id, by=identity.name)
        await call.gateway.intake.tell(event)
    return web.Response(status=204)


def _reach(identity: Identity) -> UUID | None:
    """Whose tokens somebody sees: None is everybody's. Who has no account and is no owner sees none."""
    return None if identity.right is Right.ADMIN else identity.account_id or UUID(int=0)


def _shown(row: Any) -> Token:
    names = ("name", "scope", "account_id", "account", "created_at", "expires_at", "last_used_at")
    return Token(id=row["token_id"], **{name: row[name] for name in names})


ENDPOINTS = (
    Endpoint("GET", "/api/v1/tokens", list_tokens, "Accounts", "List the tokens", Tokens),
    Endpoint(
        "POST",
        "/api/v1/tokens",
        issue_token,
        "Accounts",
        "Make a token",
        IssuedToken,
        201,
        body=NewToken,
        problems=(409,),
        right=Right.READ,
    ),
    Endpoint(
        "DELETE",
        "/api/v1/tokens/{token_id}",
        revoke_token,
        "Accounts",
        "Revoke a token",
        status=204,
        right=Right.METRICS,
    ),
)
