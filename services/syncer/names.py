"""What a playlist is called on a server: its own name, cut to what the server takes, and never that of a neighbour."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

_NAMELESS = "Playlist"
_CERTAIN = 40
"""Letters that two names begin with and are still thought one by accident."""


def fitting(name: str, limit: int) -> str:
    """``name`` on one line, at most ``limit`` bytes of UTF-8: some servers count those, and no server takes fewer
    characters than bytes."""
    printable = "".join(letter if ord(letter) >= 32 and ord(letter) != 127 else " " for letter in name)
    return _cut(printable.strip(), limit) or _NAMELESS


def free(name: str, taken: Collection[str], limit: int) -> str:
    """``name``, or ``name (2)`` and so on where it is taken; upper and lower case are one, as on many servers."""
    folded = {other.casefold() for other in taken}
    if name.casefold() not in folded:
        return name
    numbered = (_with_suffix(name, f" ({number})", limit) for number in count(2))
    return next(candidate for candidate in numbered if candidate.casefold() not in folded)


def alike(listed: str, written: str) -> bool:
    """Whether a server may have made ``listed`` of the name ``written``: servers drop spaces and odd characters, and
    some cut what is long."""
    one, other = (
        "".join(letter for letter in name.casefold() if letter.isalnum()) or name for name in (listed, written)
    )
    return one == other or (len(one) >= _CERTAIN and other.startswith(one))


def _with_suffix(name: str, suffix: str, limit: int) -> str:
    return _cut(name, limit - len(suffix)) + suffix


def _cut(name: str, limit: int) -> str:
    return name.encode()[: max(0, limit)].decode(errors="ignore").rstrip()
