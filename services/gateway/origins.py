"""What a browser must not be talked into: a page of another site can make it send requests, with our cookie or to
loopback. So what changes something must come from our own page, or from no page at all."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from services.gateway.problems import ProblemError

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")


def is_loopback(host: str) -> bool:
    """Whether a name or address (IPv6 with or without brackets) can only be this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check_origin(request: web.Request) -> None:
    """Raises ``ProblemError`` (403) for what another site's page sends. Programs send neither header."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if site not in ("none", "same-origin") or (origin is not None and not _same_place(origin, request)):
        raise ProblemError(403, "This request was sent by a page of another site.", reason="other_site")


def check_own_page(request: web.Request) -> None:
    """Raises ``ProblemError`` (403) unless the browser itself says that our page sent it: for what a cookie opens."""
    if "Origin" not in request.headers and "Sec-Fetch-Site" not in request.headers:
        raise ProblemError(
            403,
            "A session only counts for our own page, and nothing says that this comes from it (Origin or "
            "Sec-Fetch-Site). Programs use a token: Authorization: Bearer ...",
            reason="other_site",
        )


def _same_place(origin: str, request: web.Request) -> bool:
    try:
        sender = urlsplit(origin)
        here = urlsplit(f"//{request.headers.get('Host', '')}")
        default = {"http": 80, "https": 443}.get(sender.scheme)
        ports = (sender.port or default, here.port or default)
    except ValueError:
        return False
    return sender.hostname is not None and sender.hostname == here.hostname and ports[0] == ports[1]
