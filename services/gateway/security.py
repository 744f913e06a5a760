"""The guard in front of every route: nothing is answered to nobody but health, signing in, and the page itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from services.gateway.accounts.door import DOOR
from services.gateway.origins import SAFE_METHODS, check_origin, check_own_page, is_loopback
from services.gateway.problems import ProblemError
from services.gateway.state import BASE
from shared.accounts import Identity, Right
from shared.errors import ConfigurationError
from shared.settings import Settings

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

IDENTITY = web.RequestKey("identity", Identity)
"""Who a request is from; not there on what is open to everybody."""
RIGHTS: web.AppKey[dict[str, Right]] = web.AppKey("rights", dict)
"""What an endpoint takes, by ``GET /api/v1/tracks``."""
_SHORTEST_TOKEN: Final = 16
# What a browser sends by itself, our cookie or the proxy's, whichever page makes it ask.
_OF_THE_BROWSER: Final = ("session", "proxy")
_CLOSED: Final = ("/api/", "/docs", "/openapi.json")


def check_exposure(settings: Settings) -> None:
    """Refuse to let other machines guess a short token (``ConfigurationError``)."""
    token = settings.token.get_secret_value()
    if token and len(token) < _SHORTEST_TOKEN and not is_loopback(settings.host):
        raise ConfigurationError(
            f"STARLING_TOKEN is shorter than {_SHORTEST_TOKEN} characters, and STARLING_HOST={settings.host} lets "
            "other machines in; set it to a long random word, or leave it out and make accounts on the page"
        )


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets through who may; see ``Door`` for who that is."""
    if request.method not in SAFE_METHODS:
        check_origin(request)
    needed = _needed(request)
    if needed is Right.NOBODY:
        return await handler(request)
    door = request.app[DOOR]
    identity = await door.identify(request)
    if identity.way in _OF_THE_BROWSER and request.method not in SAFE_METHODS:
        check_own_page(request)
    if identity.way != "machine":
        await door.pace.take(identity.client)
    if identity.right < needed:
        raise _forbidden(identity, needed)
    request[IDENTITY] = identity
    return await handler(request)


def _needed(request: web.Request) -> Right:
    """An address under /api/ that does not exist is told only to those who may read."""
    resource = request.match_info.route.resource
    if resource is not None:
        method = "GET" if request.method == "HEAD" else request.method
        right = request.app[RIGHTS].get(f"{method} {resource.canonical}")
        if right is not None:
            return right
    path = request.path.removeprefix(request.app[BASE])
    return Right.READ if path.startswith(_CLOSED) else Right.NOBODY


def _forbidden(identity: Identity, needed: Right) -> ProblemError:
    if identity.way == "token":
        detail = f"This token is for '{identity.right.scope}'; this takes one for '{needed.scope}'."
    else:
        detail = f"The account {identity.name} may not do this; ask an owner."
    return ProblemError(403, detail, reason="not_allowed")
