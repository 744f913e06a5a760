"""Signing in and out, and making the first owner."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.gateway.accounts.door import DOOR, Door
from services.gateway.endpoints import Call, Endpoint, json_answer
from services.gateway.models.accounts import NewPassword, NewSession, Owner, SessionInfo, Way
from services.gateway.problems import ProblemError
from shared import accounts, postgres
from shared.accounts import Account, Identity, Right, deeds, passwords, people, sessions
from shared.errors import InvalidInput
from shared.events import AccountAdded


async def get_session(call: Call[None, None]) -> web.Response:
    """Who asks. A cookie that is a day old is changed for a new one."""
    door = _door(call)
    try:
        identity = await door.identify(call.request)
    except ProblemError as error:
        if error.status != 401:
            raise
        return json_answer(await _nobody(call, error.reason == "set_up_needed"))
    response = json_answer(_info(identity))
    if identity.session is not None:
        async with postgres.transaction(call.gateway.pool) as connection:
            fresh = await sessions.rotate(connection, identity.session)
        if fresh is not None:
            door.give_cookie(call.request, response, fresh)
    return response


async def sign_in(call: Call[None, NewSession]) -> web.Response:
    """Begin a session; its cookie is for the browser alone. Too many tries are answered with 429."""
    door, body = _door(call), call.body
    if body.token is not None:
        account, operator = None, await _operator(call, body.token.get_secret_value())
    else:
        account, operator = await _account(call), None
    async with postgres.transaction(call.gateway.pool) as connection:
        secret = await sessions.begin(connection, account.account_id if account else None, operator)
    response = web.Response(status=204)
    door.give_cookie(call.request, response, secret)
    return response


async def sign_out(call: Call[None, None]) -> web.Response:
    """End this session."""
    session = call.identity.session
    if session is not None:
        async with postgres.transaction(call.gateway.pool) as connection:
            await sessions.end(connection, session)
    response = web.Response(status=204)
    _door(call).take_cookie(response)
    return response


async def set_up(call: Call[None, Owner]) -> web.Response:
    """Make the owner's account, and sign it in. From anywhere but this machine it takes the code that the server has
    printed, or STARLING_TOKEN."""
    door, body = _door(call), call.body
    if await door.inhabited():
        raise ProblemError(409, "This Starling has an owner already; sign in.", reason="conflict")
    if not door.is_this_machine(call.request):
        await _check_code(call)
    password = body.password.get_secret_value()
    passwords.check(password, body.name)
    hashed = await door.passwords.hash(password)
    # Whom a proxy has signed in comes again by the proxy: the same person, who knows the code.
    guest = door.guest(call.request)
    async with postgres.transaction(call.gateway.pool) as connection:
        account = await people.add_first(connection, body.name, hashed, guest.external_id if guest else None)
        secret = await sessions.begin(connection, account.account_id)
        event = AccountAdded(account_id=account.account_id, name=account.name, role=account.role, by="set-up")
        await call.gateway.intake.tell(event)
    await door.moved_in()
    identity = Identity("session", Right.ADMIN, account.name, account.account_id, account.role)
    response = json_answer(_info(identity), 201)
    door.give_cookie(call.request, response, secret)
    return response


async def change_password(call: Call[None, NewPassword]) -> web.Response:
    """Set a new password for oneself; every other session of the account ends."""
    door, body, identity = _door(call), call.body, call.identity
    if identity.account_id is None or not identity.by_hand:
        raise ProblemError(403, "Sign in with name and password to change the password.", reason="not_allowed")
    address = door.address(call.request)
    await door.attempts.take(identity.name, address)
    async with call.gateway.reading() as connection:
        account = await people.by_id(connection, identity.account_id)
    if account.password_hash is None:
        raise ProblemError(403, "This account has no password: it signs in elsewhere.", reason="not_allowed")
    if not await door.passwords.matches(account.password_hash, body.current.get_secret_value()):
        raise InvalidInput("current", "this is not the password")
    await door.attempts.succeeded(identity.name, address)
    new = body.new.get_secret_value()
    passwords.check(new, account.name, "new")
    hashed = await door.passwords.hash(new)
    async with postgres.transaction(call.gateway.pool) as connection:
        _, event = await deeds.change(
            connection, account.account_id, by=identity.name, password_hash=hashed, but=identity.session
        )
        await call.gateway.intake.tell(event)
    return web.Response(status=204)


def _door(call: Call[Any, Any]) -> Door:
    return call.request.app[DOOR]


async def _nobody(call: Call[None, None], nobody_at_all: bool) -> SessionInfo:
    door, settings = _door(call), call.gateway.settings
    if nobody_at_all:
        # One of those whom STARLING_OWNERS names makes the owner's account by signing in.
        first: list[Way] = ["openid"] if settings.oidc_issuer and settings.owners else []
        return SessionInfo(state="set_up", code_needed=True, ways=first)
    open_now: dict[Way, bool] = {
        "password": await door.inhabited(),
        "token": door.has_operator,
        "openid": bool(settings.oidc_issuer),
    }
    ways = [way for way, is_open in open_now.items() if is_open]
    return SessionInfo(state="signed_out", code_needed=False, ways=ways)


def _info(identity: Identity) -> SessionInfo:
    return SessionInfo(
        state="open" if identity.way == "machine" else "signed_in",
        code_needed=False,
        ways=[],
        name=identity.name,
        account_id=identity.account_id,
        role=identity.role,
        right=identity.right.scope,
    )


async def _operator(call: Call[None, NewSession], token: str) -> bytes:
    door, address = _door(call), _door(call).address(call.request)
    await door.attempts.take("", address)
    if not door.is_operator(token):
        raise ProblemError(401, "This is not the token of this Starling (STARLING_TOKEN).", reason="wrong_token")
    await door.attempts.succeeded("", address)
    return door.operator


async def _account(call: Call[None, NewSession]) -> Account:
    """Raises ``ProblemError`` for a wrong name or password, the same for both and after as long."""
    door, body = _door(call), call.body
    if body.name is None or body.password is None:
        raise InvalidInput("name" if body.name is None else "password", "give name and password, or a token")
    password, address = body.password.get_secret_value(), door.address(call.request)
    await door.attempts.take(body.name, address)
    async with call.gateway.reading() as connection:
        account = await accounts.by_name(connection, body.name)
    if not await door.passwords.matches(account.password_hash if account else None, password) or account is None:
        raise ProblemError(401, "Name or password is wrong.", reason="wrong_password")
    await door.attempts.succeeded(body.name, address)
    if account.password_hash and passwords.is_outdated(account.password_hash):
        hashed = await door.passwords.hash(password)
        async with postgres.transaction(call.gateway.pool) as connection:
            await people.change(connection, account.account_id, password_hash=hashed)
    return account


async def _check_code(call: Call[None, Owner]) -> None:
    door, code = _door(call), call.body.code.get_secret_value() if call.body.code else ""
    await door.attempts.take("set-up", door.address(call.request))
    if not door.has_operator:
        await door.setting_up.print_code()
    if not (door.is_operator(code) or await door.setting_up.knows(code)):
        raise ProblemError(
            403,
            "This is not the code. The server has printed it: look at the output of 'starling up', or of the gateway's "
            "container. Where STARLING_TOKEN is set, that is the code.",
            reason="wrong_code",
        )


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/session",
        get_session,
        "Accounts",
        "Show who asks",
        SessionInfo,
        right=Right.NOBODY,
    ),
    Endpoint(
        "POST",
        "/api/v1/session",
        sign_in,
        "Accounts",
        "Sign in",
        status=204,
        body=NewSession,
        headers={"Set-Cookie": "The session."},
        problems=(429,),
        right=Right.NOBODY,
    ),
    Endpoint("DELETE", "/api/v1/session", sign_out, "Accounts", "Sign out", status=204, right=Right.METRICS),
    Endpoint(
        "POST",
        "/api/v1/set-up",
        set_up,
        "Accounts",
        "Make the owner's account",
        SessionInfo,
        201,
        body=Owner,
        headers={"Set-Cookie": "The session."},
        problems=(409, 429),
        right=Right.NOBODY,
    ),
    Endpoint(
        "PUT",
        "/api/v1/session/password",
        change_password,
        "Accounts",
        "Change one's password",
        status=204,
        body=NewPassword,
        problems=(429,),
        right=Right.READ,
    ),
)
