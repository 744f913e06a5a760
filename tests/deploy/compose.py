"""Reads compose files as `docker compose config` does: variables filled in, anchors and merges resolved."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.deploy.kustomize import ROOT

MAIN, REMOTE_ACCESS, REMOTE_ANALYZER = (
    "docker-compose.yml",
    "docker-compose.remote-access.yml",
    "docker-compose.remote-analyzer.yml",
)
FILES = (MAIN, REMOTE_ACCESS, REMOTE_ANALYZER)

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[A-Z_]+)(?::(?P<how>[-?])(?P<rest>[^}]*))?\})")


class Missing(Exception):
    """A variable that is required; the message is the file's own."""


def variables(file: str) -> dict[str, str]:
    """Name of every variable that the file reads, and its default; ``?`` for one that has to be set."""
    found = {}
    for match in _VARIABLE.finditer(_uncommented(file)):
        if match["name"]:
            found[match["name"]] = match["rest"] or "" if match["how"] == "-" else "?"
    return found


def read(file: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """The file with ``environment`` filled in. Raises ``Missing``."""
    loaded: dict[str, Any] = yaml.safe_load(_uncommented(file))
    filled = _filled({name: part for name, part in loaded.items() if not name.startswith("x-")}, environment)
    assert isinstance(filled, dict)
    return filled


def services(file: str, environment: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and definition of each service."""
    yield from read(file, environment)["services"].items()


def _uncommented(file: str) -> str:
    return re.sub(r"(?m)^\s*#.*$", "", (ROOT / file).read_text())


def _filled(part: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _filled(value, environment) for name, value in part.items()}
    if isinstance(part, list):
        return [_filled(value, environment) for value in part]
    return _VARIABLE.sub(lambda match: _value(match, environment), part) if isinstance(part, str) else part


def _value(match: re.Match[str], environment: Mapping[str, str]) -> str:
    if match["dollar"]:
        return "$"
    if value := environment.get(match["name"]):
        return value
    if match["how"] == "-":
        return match["rest"]
    raise Missing(match["rest"] or match["name"])
