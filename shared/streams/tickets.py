"""What one process leaves for whichever is asked next: known by a secret, taken once, gone after a while."""

from __future__ import annotations

import hashlib
from typing import Any

from redis.asyncio import Redis

from shared.streams.connection import translated
from shared.streams.keys import Keys


class Tickets:
    """Keys hold digests of the secrets: they may be what a client sent."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @translated
    async def leave(self, kind: str, secret: str, content: bytes, seconds: int) -> None:
        """Leave ``content`` for so long."""
        await self._client.set(self._key(kind, secret), content, ex=seconds)

    @translated
    async def take(self, kind: str, secret: str) -> bytes | None:
        """What was left, for the first who asks."""
        found: Any = await self._client.getdel(self._key(kind, secret))
        return found if found is None else bytes(found)

    def _key(self, kind: str, secret: str) -> str:
        return self._keys.ticket(f"{kind}:{hashlib.sha256(secret.encode(errors='surrogatepass')).hexdigest()}")
