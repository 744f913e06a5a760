"""A network of its own for an analyzer far away, and the line to it, which can be cut. Takes root and ``ip``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.balancer import balanced

_HERE, _THERE = "10.213.77.1", "10.213.77.2"


@dataclass(frozen=True)
class Far:
    """``network`` is its path, ``redis_url`` how to reach our Redis-protocol server from there."""

    network: str
    redis_url: str
    link: str

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        _ip("link", "set", self.link, "down")

    def mend(self) -> None:
        """As before."""
        _ip("link", "set", self.link, "up")


@asynccontextmanager
async def far_away(redis_url: str) -> AsyncIterator[Far]:
    """``redis_url`` leads to a server on loopback; only its port is to be reached from there."""
    name = f"starling-{os.getpid() % 100000}"
    here, there = f"{name}a"[-15:], f"{name}b"[-15:]
    _ip("netns", "add", name)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("address", "add", f"{_HERE}/30", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-n", name, "address", "add", f"{_THERE}/30", "dev", there)
        for device in (there, "lo"):
            _ip("-n", name, "link", "set", device, "up")
        parts = urlsplit(redis_url)
        assert parts.port is not None
        async with balanced([parts.port], host=_HERE) as door:
            url = parts._replace(netloc=parts.netloc.rpartition("@")[0] + "@" + urlsplit(door).netloc).geturl()
            yield Far(f"/run/netns/{name}", url, here)
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr.strip()}"
