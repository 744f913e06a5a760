"""One-time codes for making the first owner: every gateway prints one of its own, all of them take any."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

from redis.asyncio import Redis

from shared.streams.connection import translated
from shared.streams.keys import Keys

VALID_S: Final = 24 * 3600
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 4, 4


class Codes:
    """80 bits each; their digests are kept for a day after the last one was made, or until one was used."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._key = keys.set_up_codes

    @translated
    async def make(self) -> str:
        """A new code, e.g. ``K7QD-2MHX-9FWB-TR4E``."""
        groups = ("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
        code = "-".join(groups)
        async with self._client.pipeline(transaction=True) as pipe:
            pipe.sadd(self._key, _digest(code))
            pipe.expire(self._key, VALID_S)
            await pipe.execute()
        return code

    @translated
    async def knows(self, code: str) -> bool:
        """Whether it is one of ours; dashes, spaces and small letters do not matter."""
        return bool(await self._client.sismember(self._key, _digest(code)))

    @translated
    async def forget(self) -> None:
        """They are of no use any more."""
        await self._client.delete(self._key)


def _digest(code: str) -> str:
    letters = "".join(letter for letter in code.upper() if letter.isalnum())
    return hashlib.sha256(letters.encode(errors="surrogatepass")).hexdigest()
