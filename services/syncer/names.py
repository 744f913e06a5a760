"""What a playlist is called on a server: its own name, cut to what the server takes, and never that of a neighbour."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count

_NAMELESS = "Playlist"


def fitting(name: str, limit: int) -> str:
    """``name`` on one line, at most ``limit`` characters long."""
    printable = "".join(letter if ord(letter) >= 32 and ord(letter) != 127 else " " for letter in name)
    return printable.strip()[:limit].rstrip() or _NAMELESS[:limit]


def free(name: str, taken: Collection[str], limit: int) -> str:
    """``name``, or ``name (2)`` and so on where it is taken; upper and lower case are one, as on many servers."""
    folded = {other.casefold() for other in taken}
    if name.casefold() not in folded:
        return name
    numbered = (_with_suffix(name, f" ({number})", limit) for number in count(2))
    return next(candidate for candidate in numbered if candidate.casefold() not in folded)


def _with_suffix(name: str, suffix: str, limit: int) -> str:
    return name[: max(0, limit - len(suffix))].rstrip() + suffix
