"""Who may ask: the token, the session cookie made from it, and what a browser must not be talked into.

Without a token Starling listens on loopback only, and trusts whoever can reach it there. A page from elsewhere can
make a browser reach it, so the Host header must be a loopback name (or else a rebound DNS name could read answers),
and what changes something must come from our own page (or from no page at all).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from services.gateway.problems import ProblemError
from shared.errors import ConfigurationError
from shared.settings import Settings

COOKIE = "starling_session"
SESSION_S = 30 * 86_400
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_OPEN = ("/api/v1/session",)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether a name or address (IPv6 with or without brackets) can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_exposure(settings: Settings) -> None:
    """Refuse to be reachable from other machines without a token (``ConfigurationError``)."""
    if not settings.token.get_secret_value() and not is_loopback(settings.host):
        raise ConfigurationError(
            f"STARLING_HOST={settings.host} lets other machines in, and STARLING_TOKEN is not set; "
            "set STARLING_TOKEN to a long random word, or STARLING_HOST to 127.0.0.1"
        )


class Sessions:
    """The token, and cookies that prove that it was known. A new token ends all sessions."""

    def __init__(self, token: str) -> None:
        self._token = hashlib.sha256(token.encode()).digest()
        self._key = hmac.digest(token.encode(), b"starling session cookie", "sha256")

    def is_token(self, candidate: str) -> bool:
        """Compares in constant time."""
        return hmac.compare_digest(hashlib.sha256(_bytes(candidate)).digest(), self._token)

    def new_cookie(self) -> str:
        """``<end in Unix seconds>.<HMAC>``."""
        end = str(int(time.time()) + SESSION_S)
        return f"{end}.{self._signature(end)}"

    def is_cookie(self, candidate: str) -> bool:
        """Whether we made it and it has not ended."""
        end, _, signature = candidate.partition(".")
        if not hmac.compare_digest(_bytes(signature), self._signature(end).encode()):
            return False
        return end.isascii() and end.isdigit() and int(end) > time.time()

    def _signature(self, end: str) -> str:
        return hmac.digest(self._key, _bytes(end), "sha256").hex()


def _bytes(text: str) -> bytes:
    """What a client sent, whatever it was: headers need not be UTF-8."""
    return text.encode(errors="surrogateescape")


SESSIONS = web.AppKey("sessions", Sessions)


def middleware(settings: Settings) -> Middleware:
    """The guard in front of every route."""
    has_token = bool(settings.token.get_secret_value())

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not has_token:
            _check_host(request)
        if request.method not in _SAFE_METHODS:
            _check_origin(request)
        if has_token and request.path.startswith("/api/") and request.path not in _OPEN:
            _check_identity(request)
        return await handler(request)

    return guard


def _check_host(request: web.Request) -> None:
    try:
        host = urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        raise ProblemError(
            403,
            "Without a token Starling answers to localhost only. To reach it by another name, set STARLING_TOKEN.",
            reason="wrong_host",
        )


def _check_origin(request: web.Request) -> None:
    """Refuse what another site's page sends. Programs send neither header."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("none", "same-origin") or (origin is not None and not _same_place(origin, request)):
        raise ProblemError(403, "This request was sent by a page of another site.", reason="other_site")


def _same_place(origin: str, request: web.Request) -> bool:
    try:
        sender = urlsplit(origin)
        here = urlsplit(f"//{request.headers.get('Host', '')}")
        default = {"http": 80, "https": 443}.get(sender.scheme)
        ports = (sender.port or default, here.port or default)
    except ValueError:
        return False
    return sender.hostname is not None and sender.hostname == here.hostname and ports[0] == ports[1]


def _check_identity(request: web.Request) -> None:
    sessions = request.app[SESSIONS]
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and sessions.is_token(token.strip()):
        return
    if sessions.is_cookie(request.cookies.get(COOKIE, "")):
        return
    raise ProblemError(
        401,
        "Sign in with the token of this Starling (STARLING_TOKEN).",
        reason="not_signed_in",
        headers={"WWW-Authenticate": 'Bearer realm="Starling"'},
    )
