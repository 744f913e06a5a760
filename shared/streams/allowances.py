"""Allowances that refill: how often something may be done, counted for all processes together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from redis.asyncio import Redis

from shared.streams.connection import translated
from shared.streams.keys import Keys
from shared.streams.scripts import TAKE


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many at once, and one more every ``refill_s`` seconds."""

    most: int
    refill_s: float


class Allowances:
    """Taken from by name. Names may be what a client sent: keys hold their digests."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @translated
    async def take(self, kind: str, name: str, allowance: Allowance, count: int = 1) -> float:
        """Take ``count``; 0, or after how many seconds there would be so many."""
        told = await TAKE.run(
            self._client, [self._key(kind, name)], [str(allowance.most), repr(allowance.refill_s), str(count)]
        )
        return float(told)

    @translated
    async def refill(self, kind: str, name: str) -> None:
        """Make it full again."""
        await self._client.delete(self._key(kind, name))

    def _key(self, kind: str, name: str) -> str:
        digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
        return self._keys.allowance(f"{kind}:{digest}")
