"""Who a request is from.

in this order                               who it is
Authorization: Bearer <token>               the operator (STARLING_TOKEN), or the account of an API token
the header of a trusted proxy               the account of whom the proxy has signed in
the session cookie                          an account, or the operator
nothing, and there is no account yet        whoever sits at this machine, if only this machine can be asking
otherwise                                   nobody: 401
"""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import asyncpg
from aiohttp import web

from services.gateway.accounts.attempts import Attempts
from services.gateway.accounts.clients import address_of, is_secure, networks, was_forwarded
from services.gateway.accounts.newcomers import Guest, Newcomers
from services.gateway.accounts.pace import Pace
from services.gateway.accounts.proxied import Proxied
from services.gateway.accounts.setting_up import SettingUp
from services.gateway.origins import is_loopback
from services.gateway.problems import ProblemError
from services.gateway.state import Gateway
from shared import accounts, postgres
from shared.accounts import RIGHT_OF, Account, Identity, Passwords, Right, sessions, tokens
from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    from shared.postgres import Connection

COOKIE: Final = "starling_session"
_LOOK_AGAIN_S: Final = 1.0


class Door:
    """One per gateway."""

    def __init__(self, gateway: Gateway) -> None:
        """Raises ``ConfigurationError``."""
        settings, streams = gateway.settings, gateway.streams
        self.passwords = Passwords()
        self.attempts = Attempts(streams.allowances)
        self.pace = Pace(streams.allowances, settings.rate_limit)
        self.setting_up = SettingUp(streams.codes)
        self._pool = gateway.pool
        self._trusted = networks(settings.trusted_proxies)
        self._proxied = Proxied(settings, self._trusted)
        self._newcomers = Newcomers(gateway)
        self._path = f"{settings.base_path}/"
        token, local = settings.token.get_secret_value(), settings.local_token.get_secret_value()
        self.has_operator = bool(token)
        self._operators = frozenset(sessions.digest(one) for one in (token, local) if one)
        self._operator = sessions.digest(token)
        self._only_this_machine = is_loopback(settings.host) and not token
        self._inhabited = False
        self._looked = -_LOOK_AGAIN_S

    async def identify(self, request: web.Request) -> Identity:
        """Raises ``ProblemError`` (401), ``StoreUnavailable``."""
        identity = await self._recognise(request)
        if identity is not None:
            return identity
        if not await self.inhabited():
            if self.is_this_machine(request):
                return Identity("machine", Right.ADMIN, "this machine")
            if not self.has_operator:
                await self.setting_up.print_code()
                raise _refused("set_up_needed", _SET_UP)
        raise _refused("not_signed_in", _UNKNOWN if bearer(request) else _SIGN_IN)

    async def inhabited(self) -> bool:
        """Whether there is an account; once there was one, there always is."""
        if not self._inhabited and time.monotonic() - self._looked >= _LOOK_AGAIN_S:
            async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
                try:
                    self._inhabited = await accounts.any_exist(connection)
                except asyncpg.UndefinedTableError:
                    self._inhabited = False  # a new database
            self._looked = time.monotonic()
        return self._inhabited

    async def moved_in(self) -> None:
        """The first account was made."""
        self._inhabited = True
        await self.setting_up.forget()

    def is_this_machine(self, request: web.Request) -> bool:
        """Whether nobody but this machine can be asking: a rebound DNS name could otherwise read answers."""
        if self._proxied.speaks(request) or was_forwarded(request):
            return False
        return self._only_this_machine and names_loopback(request)

    def guest(self, request: web.Request) -> Guest | None:
        """Whom a trusted proxy has signed in, if that is what asks. Raises ``ProblemError`` (403)."""
        return self._proxied.guest(request)

    async def account_of(self, guest: Guest) -> Account | None:
        """The account of whom another system has signed in, made when they come for the first time; None while there
        is no owner and they are none. Raises ``ProblemError`` (403)."""
        account = await self._newcomers.account_of(guest, inhabited=await self.inhabited())
        if account is not None and not self._inhabited:
            await self.moved_in()
        return account

    def is_operator(self, token: str) -> bool:
        """Whether it is STARLING_TOKEN."""
        return self.has_operator and hmac.compare_digest(sessions.digest(token), self._operator)

    @property
    def operator(self) -> bytes:
        """The digest of STARLING_TOKEN."""
        return self._operator

    def address(self, request: web.Request) -> str:
        """Where a request comes from."""
        return address_of(request, self._trusted)

    def give_cookie(self, request: web.Request, response: web.Response, secret: str) -> None:
        """Begin a session in the browser."""
        response.set_cookie(
            COOKIE,
            secret,
            max_age=round(sessions.IDLE.total_seconds()),
            path=self._path,
            httponly=True,
            samesite="Strict",
            secure=is_secure(request, self._trusted),
        )

    def take_cookie(self, response: web.Response) -> None:
        """End it there."""
        response.del_cookie(COOKIE, path=self._path, httponly=True, samesite="Strict")

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        try:
            async with postgres.translated(), self._pool.acquire(timeout=10.0) as connection:
                yield connection
        except asyncpg.UndefinedTableError as error:
            raise StoreUnavailable("the gateway has not created its tables yet") from error

    async def _recognise(self, request: web.Request) -> Identity | None:
        if token := bearer(request):
            return await self._by_token(token)
        if (guest := self.guest(request)) is not None:
            account = await self.account_of(guest)
            if account is None:
                return None
            return Identity("proxy", RIGHT_OF[account.role], account.name, account.account_id, account.role)
        if cookie := request.cookies.get(COOKIE):
            async with self._reading() as connection:
                return await sessions.find(connection, cookie, self._operators)
        return None

    async def _by_token(self, token: str) -> Identity | None:
        if sessions.digest(token) in self._operators:
            return Identity("operator", Right.ADMIN, sessions.OPERATOR)
        async with self._reading() as connection:
            return await tokens.find(connection, token)


DOOR = web.AppKey("door", Door)

_SIGN_IN = "Sign in, or send a token: Authorization: Bearer ..."
_UNKNOWN = "This token is not known here; it may have been revoked, or its time is over."
_SET_UP = (
    "This Starling has no owner yet. Open its page and make the owner's account with the code that the server has "
    "printed, or reach it as localhost from its own machine."
)


def bearer(request: web.Request) -> str:
    """The token of a request; empty without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def names_loopback(request: web.Request) -> bool:
    """Whether the Host header is a name that can only be this machine."""
    try:
        return is_loopback(urlsplit(f"//{request.headers.get('Host', '')}").hostname or "")
    except ValueError:
        return False


def _refused(reason: str, detail: str) -> ProblemError:
    return ProblemError(401, detail, reason=reason, headers={"WWW-Authenticate": 'Bearer realm="Starling"'})
