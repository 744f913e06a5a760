"""Whom a reverse proxy has signed in: it says so in a header, which counts when the proxy itself sends it."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from services.gateway.accounts.clients import Network, is_within
from services.gateway.accounts.newcomers import Guest
from services.gateway.problems import ProblemError
from shared.errors import ConfigurationError
from shared.settings import Settings


class Proxied:
    """Reads the header. It is worth nothing from anybody but a trusted proxy, which has to set or remove it."""

    def __init__(self, settings: Settings, trusted: Sequence[Network]) -> None:
        """Raises ``ConfigurationError``."""
        self._header = settings.proxy_user_header
        self._trusted = trusted
        if self._header and not trusted:
            raise ConfigurationError(
                "STARLING_PROXY_USER_HEADER is set, and anybody could send that header; name the addresses of the "
                "proxy in STARLING_TRUSTED_PROXIES"
            )

    def speaks(self, request: web.Request) -> bool:
        """Whether a request comes from a proxy that signs people in."""
        return bool(self._header) and is_within(request.remote, self._trusted)

    def guest(self, request: web.Request) -> Guest | None:
        """Whom it names. Raises ``ProblemError`` (403) when that is not one name."""
        if not self.speaks(request):
            return None
        names = [name for line in request.headers.getall(self._header, ()) if (name := line.strip())]
        if len(names) > 1:
            raise ProblemError(
                403,
                f"The proxy passes on {len(names)} headers {self._header}, and one of them may be the client's own: it "
                "has to replace what clients send.",
                reason="two_names",
            )
        return Guest("proxy", f"proxy:{names[0]}", names[0], frozenset(names)) if names else None
