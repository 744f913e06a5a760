"""The address that a request really came from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from aiohttp import web

from shared.errors import ConfigurationError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")


def networks(setting: str) -> tuple[Network, ...]:
    """STARLING_TRUSTED_PROXIES: addresses and networks, separated by commas. Raises ``ConfigurationError``."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in setting.split(",") if part.strip())
    except ValueError as error:
        raise ConfigurationError(f"STARLING_TRUSTED_PROXIES: {error}; it looks like 127.0.0.1,10.0.0.0/8") from None


def is_within(address: str | None, trusted: Iterable[Network]) -> bool:
    """Whether an address belongs to one of the networks; what is no address does not."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in trusted)


def address_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """The peer, or what the nearest trusted proxy says: the last address of X-Forwarded-For that is not a trusted
    proxy's own. Whatever stands before that one may have been made up by the client."""
    peer = request.remote or "unknown"
    if not is_within(peer, trusted):
        return peer
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",")]
    for hop in reversed(hops):
        if not is_within(hop, trusted):
            return hop[:64] or peer
    return peer


def was_forwarded(request: web.Request) -> bool:
    """Whether something stands between: then being at loopback says nothing about who asks."""
    return any(name in request.headers for name in _FORWARDED)


def is_secure(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Whether the browser speaks TLS, to us or to a trusted proxy."""
    if request.secure:
        return True
    return is_within(request.remote, trusted) and request.headers.get("X-Forwarded-Proto", "").lower() == "https"
