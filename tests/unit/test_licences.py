"""What is imported at run time, directly or through others, may be combined with Apache-2.0."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

EXTRAS = ("", "embedded", "otel")


def _wanted(distribution: str, extras: tuple[str, ...]) -> Iterator[str]:
    for line in metadata.requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement.name


def _closure() -> set[str]:
    """Names of everything that ``pip install starling[embedded,otel]`` brings."""
    found: set[str] = set()
    queue = list(_wanted("starling", EXTRAS))
    while queue:
        name = re.sub(r"[-_.]+", "-", queue.pop()).lower()
        if name not in found:
            found.add(name)
            queue += _wanted(name, ("",))
    return found


def _licence(name: str) -> str:
    about: Any = metadata.metadata(name)
    classifiers = [line for line in about.get_all("Classifier") or [] if line.startswith("License")]
    short = about.get("License") or ""
    return " ".join([about.get("License-Expression") or "", short.split("\n")[0][:80], *classifiers])


def test_no_run_time_dependency_is_gpl_or_agpl() -> None:
    licences = {name: _licence(name) for name in _closure()}
    assert len(licences) > 20
    strict = re.compile(r"(?<!L)(?<!Lesser )\b(A?GPL|GNU (Affero )?General Public)", re.IGNORECASE)
    offenders = {name: licence for name, licence in licences.items() if strict.search(licence)}
    assert offenders == {}


def test_every_run_time_dependency_says_its_licence() -> None:
    silent = [name for name in _closure() if not _licence(name).strip()]
    assert silent == []
