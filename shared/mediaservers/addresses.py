"""Which addresses no media server can have: whoever may name a server must not reach the machine's surroundings by it.

Private ranges and this machine itself are where these servers live. Link-local addresses are not: there the clouds keep
the services that tell a machine its own secrets. A name is judged by what it leads to when it is connected to, not when
it is typed, so one that changes its mind is caught as well.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import aiohttp

_METADATA: Final = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "168.63.129.16",  # Azure
        "100.100.100.200",  # Alibaba Cloud
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # Amazon, IPv6
        "fd20:ce::254",  # Google, IPv6
    )
)
"""Where clouds keep such services outside of the link-local range."""
_CARRIERS: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))
"""Networks whose addresses end with an IPv4 address: NAT64, the local kind of it, and what came before mapped ones."""


class ForbiddenAddress(OSError):
    """A server's name leads to an address that no media server can have."""


def is_forbidden(address: str) -> bool:
    """Whether an IP address, also one that carries an IPv4 address within it or is spelt in another base or with fewer
    parts, is none of a media server. A name is no address."""
    try:
        found = _read(address.partition("%")[0].rstrip("."))
    except (ValueError, OSError):
        return False
    return any(_is_forbidden(one) for one in _meant(found))


def _read(text: str) -> IPv4Address | IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return IPv4Address(socket.inet_aton(text))  # as the system's resolver reads 0xa9fea9fe and 169.254.43518


def _is_forbidden(address: IPv4Address | IPv6Address) -> bool:
    if address in _METADATA or address.is_link_local or address.is_multicast or address.is_unspecified:
        return True
    return isinstance(address, IPv4Address) and address.is_reserved


def _meant(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    yield address
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            yield address.ipv4_mapped
        if address.sixtofour is not None:
            yield address.sixtofour
        if int(address) > 1 and any(address in network for network in _CARRIERS):
            yield IPv4Address(int(address) & 0xFFFFFFFF)


def guarded_socket(info: aiohttp.AddrInfoType) -> socket.socket:
    """A socket for one address that a name leads to. Raises ``ForbiddenAddress``."""
    family, kind, protocol, _, place = info
    if is_forbidden(str(place[0])):
        raise ForbiddenAddress(errno.EACCES, "an address that no media server can have")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
