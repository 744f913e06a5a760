"""Who may import what: one room for each outside thing, and no service knows another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SOURCES = sorted([*(ROOT / "services").rglob("*.py"), *(ROOT / "shared").rglob("*.py")])

ONLY_IN = {
    "redis": ("shared/streams/", "shared/redis_blobs.py"),
    "voyager": ("shared/vectors.py", "shared/vectors/"),
    "asyncpg": ("shared/", "services/"),
    "onnxruntime": ("services/analyzer/", "services/cli/"),
    "cryptography": ("shared/secrets.py", "services/cli/backup/sealing.py"),
}
MAY_KNOW = {
    # The command line starts the embedded default, and rebuilds read models in its own process. An import fills the
    # tables that coordinator and syncer keep, so it has to create them.
    "cli": {"up", "projector", "coordinator", "syncer"},
}
LONGEST_FILE = 400
LONGER_FOR_NOW: dict[str, int] = {}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("package", ONLY_IN)
def test_each_outside_thing_has_one_importer(package: str) -> None:
    offenders = [
        _name(path)
        for path in SOURCES
        if not _name(path).startswith(ONLY_IN[package])
        and any(name == package or name.startswith(f"{package}.") for name in _imports(path))
    ]
    assert offenders == []


def test_no_service_imports_another() -> None:
    offenders = []
    for path in SOURCES:
        parts = _name(path).split("/")
        if parts[0] != "services" or len(parts) < 3:
            continue
        allowed = {parts[1], *MAY_KNOW.get(parts[1], ())}
        known = {name.split(".")[1] for name in _imports(path) if name.startswith("services.")}
        offenders += [f"{_name(path)} imports services.{other}" for other in sorted(known - allowed)]
    assert offenders == []


def test_the_shared_room_knows_no_service() -> None:
    offenders = [
        f"{_name(path)}: {name}"
        for path in SOURCES
        if _name(path).startswith("shared/")
        for name in _imports(path)
        if name.split(".")[0] == "services"
    ]
    assert offenders == []


def test_files_stay_short_enough_to_find_ones_way() -> None:
    too_long = {_name(path): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in too_long.items() if lines > LONGER_FOR_NOW.get(name, LONGEST_FILE)} == {}
