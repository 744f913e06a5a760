"""What installing Starling brings, as the packages that are installed here tell it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def closure(*extras: str) -> set[str]:
    """Names of everything that ``pip install starling[extras]`` brings to this Python on this machine."""
    seen: set[tuple[str, str]] = set()
    queue = [("starling", extra) for extra in ("", *extras)]
    while queue:
        step = queue.pop()
        if step in seen:
            continue
        seen.add(step)
        for requirement in _needed(*step):
            name = canonicalize_name(requirement.name)
            queue += [(name, extra) for extra in ("", *requirement.extras)]
    return {name for name, _ in seen} - {"starling"}


def _needed(name: str, extra: str) -> Iterator[Requirement]:
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield requirement
