"""How much of the budget a download takes, and when it is too much or too little."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.errors import BadAudio, ServerUnavailable

MAX_FILE = 4 * 1024**3
STEP = 32 * 1024**2


class Reservation:
    """What one download may take: its announced size, or a step at a time where that is unknown or was a lie."""

    def __init__(self, announced: int | None, budget: int) -> None:
        """Raises ``BadAudio`` (too_large) for what could never fit."""
        self._announced = announced
        self._limit = min(budget, MAX_FILE)
        self._step = min(STEP, budget // 8)
        self.size = self._step if announced is None else self._checked(announced)

    def grown(self, needed: int) -> int:
        """What to reserve for audio that turned out to be ``needed`` bytes long or longer. Raises ``BadAudio``."""
        return min(self._checked(needed) + self._step, self._limit)

    def check_whole(self, received: int) -> None:
        """Raises ``ServerUnavailable`` when fewer bytes came than were announced."""
        if self._announced is not None and received < self._announced:
            raise ServerUnavailable(f"the media server sent {received} of {self._announced} bytes and broke off")

    def _checked(self, size: int) -> int:
        if size > self._limit:
            limit = f"{self._limit} bytes (4 GB, or STARLING_AUDIO_BUDGET_MB if that is less)"
            raise BadAudio("too_large", f"the file has {size} bytes; the limit is {limit}")
        return size


async def regrouped(chunks: AsyncIterator[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in chunks of exactly ``size``, save for the last."""
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)


async def close_chunks(chunks: AsyncIterator[bytes]) -> None:
    """Give back what is behind ``chunks``, be it read to its end or not begun."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
