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


def refusal(service: str, ours: str, leading: str | None) -> str | None:
    """Why a worker of release ``ours`` may not work in a system of release ``leading``; None if it may: of the same
    release, or one minor release behind."""
    mine, theirs = _release(ours), _release(leading or "")
    if mine is None or theirs is None or (mine[0] == theirs[0] and theirs[1] - mine[1] in (0, 1)):
        return None
    what = "newer: upgrade the coordinator first" if mine > theirs else "too old: upgrade this worker"
    return f"this {service} is Starling {ours} and the system is Starling {leading}, for which it is {what}"


def _release(version: str) -> tuple[int, int] | None:
    parts = version.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return None
