"""Which release of Starling this is."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version


@lru_cache(maxsize=1)
def our_version() -> str:
    """The release, as installed; ``0`` where it is not."""
    try:
        return version("starling")
    except PackageNotFoundError:
        return "0"
