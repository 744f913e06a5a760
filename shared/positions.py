"""Places in the event log.

A place is a stream id, ``<milliseconds>-<sequence>``, ordered as two integers. PostgreSQL and Voyager want one
integer: milliseconds in the upper bits, the sequence in the lower 20 (a million events in one millisecond). Over HTTP
it is always the text, since JavaScript cannot hold 61 bits.
"""

from __future__ import annotations

from shared.errors import InvalidInput

_SEQUENCE_BITS = 20
_SEQUENCE_MASK = (1 << _SEQUENCE_BITS) - 1
START = 0


def pack(stream_id: bytes | str) -> int:
    """``b"1700000000000-3"`` -> one integer that sorts the same way. Raises ``InvalidInput`` on another form."""
    text = stream_id.decode() if isinstance(stream_id, bytes) else stream_id
    milliseconds, dash, sequence = text.partition("-")
    numbers = milliseconds.isdigit() and (sequence.isdigit() or not dash)
    if not (numbers and text.isascii() and len(text) <= 40):
        raise InvalidInput("position", "expected <milliseconds>-<sequence>, as the API gave it")
    high, low = int(milliseconds), int(sequence or 0)
    if low > _SEQUENCE_MASK or high >= 1 << 43:
        raise InvalidInput("position", "out of range")
    return high << _SEQUENCE_BITS | low


def text(position: int) -> str:
    """The inverse of ``pack``."""
    return f"{position >> _SEQUENCE_BITS}-{position & _SEQUENCE_MASK}"


def milliseconds(position: int) -> int:
    """When the place was written, by the clock of the Redis-protocol server."""
    return position >> _SEQUENCE_BITS


def room(position: int) -> int:
    """How many more places there are in the same millisecond: all that a server writes whose clock is behind it."""
    return _SEQUENCE_MASK - (position & _SEQUENCE_MASK)
