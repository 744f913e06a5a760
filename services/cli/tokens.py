"""``tokens``: list, issue, revoke."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.cli.output import note, say, say_json, table
from services.cli.perform import OK
from services.cli.register import BY, opened
from services.cli.session import Session
from services.cli.wording import ago, clean, local_time
from shared.accounts import RIGHT_OF, Scope, deeds, tokens
from shared.errors import InvalidInput
from shared.events import TokenRevoked

_LONGEST_NAME = 60


async def list_tokens(session: Session, *, as_json: bool) -> int:
    """Of all accounts, newest first."""
    async with opened(session) as register:
        found = [_document(row) for row in await tokens.listed(register.connection, None)]
    if as_json:
        say_json(found)
    elif not found:
        say("There is no token yet; 'starling tokens issue NAME --account ACCOUNT' makes one.")
    else:
        table(("id", "name", "account", "scope", "until", "last used"), [_row(token) for token in found])
    return OK


async def issue(session: Session, name: str, account: str, scope: Scope, days: int | None) -> int:
    """The token is the only thing on stdout, so that a program can take it."""
    name = name.strip()
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InvalidInput("name", f"give the token a name of 1 to {_LONGEST_NAME} characters")
    expires_at = datetime.now(UTC) + timedelta(days=days) if days is not None else None
    async with opened(session) as register:
        owner = await register.account(account)
        if RIGHT_OF[scope] > RIGHT_OF[owner.role]:
            may = RIGHT_OF[owner.role].scope
            raise InvalidInput("scope", f"{owner.name} may '{may}', and a token cannot do more; say --scope {may}")
        _, token, event = await deeds.issue(register.connection, owner.account_id, owner.name, name, scope, expires_at)
        await register.tell(event)
    note(f"A token for {owner.name} ('{scope}'); it is not shown again:")
    say(token)
    return OK


async def revoke(session: Session, text: str) -> int:
    """By name or id."""
    async with opened(session) as register:
        token = choose(text, [_document(row) for row in await tokens.listed(register.connection, None)])
        account_id = await tokens.revoke(register.connection, UUID(token["id"]), None)
        event = TokenRevoked(account_id=account_id, name=token["account"], token_id=UUID(token["id"]), by=BY)
        await register.tell(event)
    say(f"Revoked {clean(token['name'])}.")
    return OK


def choose(text: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    """The token that ``text`` means. Raises ``InvalidInput``. Pure."""
    meant = [token for token in found if text == token["id"]] or [token for token in found if text == token["name"]]
    if len(meant) == 1:
        return meant[0]
    if meant:
        ids = ", ".join(token["id"] for token in meant)
        raise InvalidInput("token", f"several tokens are named {text}; name one by its id: {ids}")
    raise InvalidInput("token", f"there is no token {text}; 'starling tokens list' lists them")


def _document(row: Any) -> dict[str, Any]:
    """A token for programs, as the API shows it."""
    times = {key: row[key] and row[key].isoformat() for key in ("created_at", "expires_at", "last_used_at")}
    return {
        "id": str(row["token_id"]),
        **{key: row[key] for key in ("name", "scope", "account")},
        "account_id": str(row["account_id"]),
        **times,
    }


def _row(token: dict[str, Any]) -> tuple[str, ...]:
    until = local_time(token["expires_at"]) or "it is revoked"
    return token["id"], token["name"], token["account"], token["scope"], until, ago(token["last_used_at"])
