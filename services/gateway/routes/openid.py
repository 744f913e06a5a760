"""Signing in at the OpenID provider: there, and back."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import structlog
from aiohttp import web
from pydantic import AfterValidator, Field

from services.gateway.accounts.door import DOOR
from services.gateway.endpoints import Call, Endpoint
from services.gateway.models.common import Query
from services.gateway.openid import statements
from services.gateway.openid.errands import VALID_S, Errand, Errands
from services.gateway.openid.provider import Provider
from services.gateway.openid.registration import CALLBACK, Registration
from services.gateway.openid.statements import NotBelieved
from services.gateway.problems import ProblemError
from services.gateway.state import BASE
from shared import postgres
from shared.accounts import Account, Right, sessions
from shared.errors import ProviderUnavailable

log = structlog.get_logger(__name__)

COOKIE: Final = "starling_openid"


class OpenId:
    """The provider and what was agreed with it. Not there where none is set."""

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self.provider = Provider(registration)


OPENID = web.AppKey("openid", OpenId)


def _page(to: str) -> str:
    """Of a backslash, or of two slashes, a browser makes the name of another host; control characters it leaves out
    before it looks."""
    letters = to.isascii() and to.isprintable() and " " not in to and "\\" not in to
    if not letters or not to.startswith("/") or to.startswith(("//", "/api/")):
        raise ValueError("this is no page of ours; it looks like /tracks")
    return to


class SignInQuery(Query):
    """Where to go in the end."""

    to: Annotated[str, AfterValidator(_page)] = Field(
        "/", description="A page of ours, e.g. `/tracks`, without STARLING_BASE_PATH.", max_length=1000
    )


class CallbackQuery(Query):
    """What the provider sends back with the browser."""

    state: str = Field("", max_length=200)
    code: str = Field("", max_length=4000)
    error: str = Field("", max_length=200)
    iss: str | None = Field(None, max_length=2000)


async def begin_at_provider(call: Call[SignInQuery, None]) -> web.Response:
    """Send the browser to the OpenID provider. It comes back to /api/v1/openid/callback, and ends at `to`."""
    door, openid = call.request.app[DOOR], _openid(call)
    await door.attempts.start(door.address(call.request))
    places = await openid.provider.places()
    errand, state, cookie = await _errands(call).begin(call.query.to)
    asked = {
        "response_type": "code",
        "client_id": openid.registration.client_id,
        "redirect_uri": openid.registration.redirect_uri,
        "scope": "openid profile email",
        "state": state,
        "nonce": errand.nonce,
        "code_challenge": errand.challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if "?" in places.authorization_endpoint else "?"
    response = _sent_to(f"{places.authorization_endpoint}{joint}{urlencode(asked)}")
    # Lax: the way back begins at the provider's site.
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=VALID_S,
        path=_cookie_path(call),
        httponly=True,
        samesite="Lax",
        secure=openid.registration.by_tls,
    )
    return response


async def end_at_provider(call: Call[CallbackQuery, None]) -> web.Response:
    """Begin a session for whom the provider has signed in. Whatever is wrong is told to the page as `/?sign-in=...`:
    `expired`, `other_browser`, `refused`, `not_believed`, `unavailable`, `set_up`, `not_invited`, `name_taken`."""
    _openid(call)
    try:
        errand = await _errand(call)
        account = await _account(call, errand)
    except ProblemError as error:
        response = _failed(call, error.reason or "refused", error.detail)
    except NotBelieved as error:
        response = _failed(call, "not_believed", str(error))
    except ProviderUnavailable as error:
        response = _failed(call, "unavailable", error.detail)
    else:
        async with postgres.transaction(call.gateway.pool) as connection:
            secret = await sessions.begin(connection, account.account_id)
        response = _sent_to(f"{call.request.app[BASE]}{errand.to}")
        call.request.app[DOOR].give_cookie(call.request, response, secret)
    response.del_cookie(COOKIE, path=_cookie_path(call), httponly=True, samesite="Lax")
    return response


async def _errand(call: Call[CallbackQuery, None]) -> Errand:
    cookie = call.request.cookies.get(COOKIE)
    if not cookie:
        raise ProblemError(
            403,
            "This browser has not begun to sign in at the provider, or not at the address STARLING_PUBLIC_URL.",
            reason="other_browser",
        )
    errand = await _errands(call).end(call.query.state, cookie)
    if errand is None:
        raise ProblemError(403, "This sign-in was not begun here, has ended, or is too old.", reason="expired")
    return errand


async def _account(call: Call[CallbackQuery, None], errand: Errand) -> Account:
    """Raises ``ProblemError``, ``NotBelieved``, ``ProviderUnavailable``."""
    ours, provider = _openid(call).registration, _openid(call).provider
    if call.query.error or not call.query.code:
        raise ProblemError(403, "The provider has not signed anybody in.", reason="refused")
    issuer = (await provider.places()).issuer
    if call.query.iss not in (None, issuer):
        raise NotBelieved("the answer is another provider's (iss)")
    granted = await provider.exchange(call.query.code, errand.verifier)
    key = await provider.key(*statements.signed_with(granted.id_token))
    claims = statements.believed(granted.id_token, key, ours, issuer, errand.nonce)
    if not statements.names_somebody(claims):
        more = await provider.about(granted)
        if more.get("sub") == claims["sub"]:
            claims = {**more, **claims}
    account = await call.request.app[DOOR].account_of(statements.guest(claims))
    if account is None:
        raise ProblemError(403, "There is no owner yet, and STARLING_OWNERS does not name this one.", reason="set_up")
    return account


async def close(app: web.Application) -> None:
    """Close the connections to the provider."""
    await app[OPENID].provider.close()


def _failed(call: Call[Any, Any], reason: str, detail: str) -> web.Response:
    log.warning("sign_in_at_provider_failed", reason=reason, detail=detail)
    return _sent_to(f"{call.request.app[BASE]}/?sign-in={reason}")


def _sent_to(address: str) -> web.Response:
    return web.Response(status=302, headers={"Location": address})


def _openid(call: Call[Any, Any]) -> OpenId:
    openid = call.request.app.get(OPENID)
    if openid is None:
        raise ProblemError(404, "No OpenID provider is set here (STARLING_OIDC_ISSUER).", reason="no_provider")
    return openid


def _errands(call: Call[Any, Any]) -> Errands:
    return Errands(call.gateway.streams.tickets)


def _cookie_path(call: Call[Any, Any]) -> str:
    return f"{call.request.app[BASE]}{CALLBACK}"


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/openid/sign-in",
        begin_at_provider,
        "Accounts",
        "Sign in at the OpenID provider",
        status=302,
        query=SignInQuery,
        headers={"Location": "The provider.", "Set-Cookie": "Lets this browser come back."},
        problems=(404, 429),
        right=Right.NOBODY,
    ),
    Endpoint(
        "GET",
        CALLBACK,
        end_at_provider,
        "Accounts",
        "Come back from the OpenID provider",
        status=302,
        query=CallbackQuery,
        headers={"Location": "The page, or what went wrong.", "Set-Cookie": "The session."},
        problems=(404,),
        right=Right.NOBODY,
    ),
)
