"""The one form of an HTTP Range that players send."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from shared.mediaservers.base import AudioStream

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)


def parse_range(header: str | None, size: int) -> range | None:
    """The bytes that ``header`` asks of ``size``: None for all of them (also for a header that cannot be used, and
    for several ranges at once, as RFC 9110 allows); an empty range when none of them exists."""
    found = _ONE_RANGE.fullmatch(header or "")
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


def no_such_range(content_type: str, content_range: str | None) -> AudioStream:
    """What answers a range that lies outside the file: status 416 and no bytes."""
    return AudioStream(_nothing(), 0, content_type, status=416, content_range=content_range)


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk
