"""Chunks of audio on the Redis-protocol server, with a budget counted by the server.

The hash ``{tenant}:audio:sizes`` says how much each key takes, the sorted set ``{tenant}:audio:ends`` when it expires.
Both are only touched together, so that the sum is right whoever dies when.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from shared.errors import Backpressure
from shared.settings import Settings
from shared.streams.connection import open_client, translated

_RESERVE = """
local now = redis.call('TIME')
local seconds = tonumber(now[1])
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', seconds)) do
  redis.call('HDEL', KEYS[1], key)
  redis.call('ZREM', KEYS[2], key)
end
local used = 0
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  if entries[i] ~= ARGV[1] then used = used + tonumber(entries[i + 1]) end
end
if used + tonumber(ARGV[2]) > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
-- A second later than the chunks, since this clock counts whole seconds.
redis.call('ZADD', KEYS[2], seconds + tonumber(ARGV[4]) + 1, ARGV[1])
return 1
"""


class RedisBlobs:
    """A ``shared.audio_store.BlobStore``."""

    def __init__(self, client: Redis, tenant: str) -> None:
        self._client = client
        self._prefix = f"{{{tenant}}}:audio"
        self._reserve = client.register_script(_RESERVE)

    @classmethod
    def open(cls, settings: Settings) -> RedisBlobs:
        """On the server of REDIS_URL. Raises ``ConfigurationError``."""
        return cls(open_client(settings), settings.tenant)

    @translated
    async def reserve(self, key: str, size: int, budget: int, ttl_s: int) -> bool:
        """What has expired is no longer counted."""
        keys = [f"{self._prefix}:sizes", f"{self._prefix}:ends"]
        with _waiting_for_memory():
            return bool(await self._reserve(keys=keys, args=[key, size, budget, ttl_s]))

    @translated
    async def set_chunk(self, key: str, number: int, data: bytes, ttl_s: int) -> None:
        """Keep one chunk for so long."""
        with _waiting_for_memory():
            await self._client.set(self._chunk(key, number), data, ex=ttl_s)

    @translated
    async def get_chunk(self, key: str, number: int) -> bytes | None:
        """None when it has expired."""
        data = await self._client.get(self._chunk(key, number))
        return data if isinstance(data, bytes) else None

    @translated
    async def delete(self, key: str, chunks: int) -> None:
        """Chunks first: a death in between leaves a reservation that expires, never bytes that nobody counts."""
        for start in range(0, chunks, 500):
            numbers = range(start, min(chunks, start + 500))
            await self._client.unlink(*(self._chunk(key, number) for number in numbers))
        async with self._client.pipeline(transaction=True) as pipeline:
            pipeline.hdel(f"{self._prefix}:sizes", key)
            pipeline.zrem(f"{self._prefix}:ends", key)
            await pipeline.execute()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _chunk(self, key: str, number: int) -> str:
        return f"{self._prefix}:{key}:{number}"


@contextmanager
def _waiting_for_memory() -> Iterator[None]:
    """The server's own memory limit is a budget too."""
    try:
        yield
    except OutOfMemoryError:
        raise Backpressure("the Redis-protocol server's memory is full") from None
