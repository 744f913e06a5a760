"""Streams for consumers outside of Starling: filled from the archive, and no faster than they are read.

An entry has the fields that it has in the event log, and ``position``, which is its id, too: so a stream says itself
how far it has come, whatever its consumers have taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared import positions
from shared.errors import Conflict, InvalidInput
from shared.messages import encode_raw
from shared.streams.connection import translated
from shared.streams.log import LogEntry

_NOT_BEHIND = "The ID specified in XADD is equal or smaller"


class OutsideStream:
    """One of them. One at a time may append to it."""

    def __init__(self, client: Redis, key: str) -> None:
        self.key = key
        self._client = client

    @translated
    async def position(self) -> int:
        """Of the last entry that was ever appended, ``positions.START`` before the first. Raises ``InvalidInput`` for a
        key that is not a stream."""
        kind: Any = await self._client.type(self.key)
        if kind == b"none":
            return positions.START
        if kind != b"stream":
            raise InvalidInput("stream", f"{self.key} exists and is a {kind.decode()}, not a stream; choose another")
        return positions.pack((await self._client.xinfo_stream(self.key))["last-generated-id"])

    @translated
    async def room(self, max_length: int) -> int:
        """How many entries may be appended. Of a stream that is full, those go first that every group has acknowledged;
        an entry that a group has yet to read or acknowledge stays, and so does everything while there is no group."""
        length = await self._client.xlen(self.key)
        if length >= max_length and (below := await self._acknowledged_below()):
            await self._client.xtrim(self.key, minid=positions.text(below), approximate=False)
            length = await self._client.xlen(self.key)
        return max(0, max_length - int(length))

    async def _acknowledged_below(self) -> int:
        """The first position that some group has not acknowledged; ``positions.START`` without a group."""
        found = []
        # First how far a group has read, then what of that is pending: what it reads in between is behind both.
        for group in await self._client.xinfo_groups(self.key):
            found.append(positions.pack(group["last-delivered-id"]) + 1)
            pending: Any = await self._client.xpending(self.key, group["name"])
            if pending["pending"]:
                found.append(positions.pack(pending["min"]))
        return min(found, default=positions.START)

    @translated
    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Append entries in the order of their positions. Raises ``Conflict`` when somebody else does, too."""
        async with self._client.pipeline(transaction=False) as pipe:
            for entry in entries:
                position = positions.text(entry.position)
                fields: dict[Any, Any] = {**encode_raw(entry.raw), "position": position}
                pipe.xadd(self.key, fields, id=position)
            try:
                await pipe.execute()
            except ResponseError as error:
                if _NOT_BEHIND not in str(error):
                    raise
                raise Conflict(f"somebody else appends to {self.key}; let one of them go on, with --resume") from error
