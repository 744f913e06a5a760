"""The lock files: complete, with hashes, what pyproject.toml asks for, and what is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from tests.locks import BESIDE_RUN, BUILD, DEV, EMBEDDED, GPU, ROOT, RUN, TOGETHER, TOOLS, audit
from tests.locks.installed import closure
from tests.locks.pins import Pin, read, stale, wanted

ALL = (*TOGETHER, GPU, TOOLS)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = set(PYPROJECT["project"]["optional-dependencies"]) - {BESIDE_RUN}


def _names(*locks: str) -> set[str]:
    return {pin.name for pin in read(locks) if pin.applies}


@pytest.mark.parametrize("lock", ALL)
def test_every_entry_is_one_version_with_its_hashes(lock: str) -> None:
    pins = read([lock])
    assert pins
    loose = [pin.name for pin in pins if not re.fullmatch(r"[0-9][0-9a-z.]*", pin.version)]
    unhashed = [
        pin.name for pin in pins if not all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in pin.hashes or [""])
    ]
    assert (loose, unhashed) == ([], [])


@pytest.mark.parametrize("lock", ALL)
def test_no_address_and_no_path_is_in_a_lock(lock: str) -> None:
    assert not re.search(r"://|^-|[ =]/|\.\./", (ROOT / lock).read_text(), re.MULTILINE)


def test_no_package_is_in_two_locks_that_are_installed_together() -> None:
    names = [pin.name for pin in read(TOGETHER)]
    assert len(names) == len(set(names))


def test_what_a_gpu_takes_goes_with_what_the_image_has_and_has_the_versions_of_the_tests() -> None:
    names = [pin.name for pin in read([BUILD, RUN, GPU])]
    assert len(names) == len(set(names))
    tested = {pin.name: pin.version for pin in read(TOGETHER)}
    shared = {pin.name: pin.version for pin in read([GPU]) if pin.name in tested}
    assert "protobuf" in shared
    assert shared.items() <= tested.items()


@pytest.mark.parametrize(
    ("locks", "asked"),
    [
        ([BUILD], [Requirement(line) for line in PYPROJECT["build-system"]["requires"]]),
        ([RUN], wanted()),
        ([RUN, EMBEDDED], wanted("embedded")),
        (TOGETHER, wanted(*EXTRAS)),
        ([RUN, GPU], wanted(BESIDE_RUN)),
        ([TOOLS], [Requirement(line) for line in PYPROJECT["dependency-groups"]["tools"]]),
    ],
    ids=["build", "run", "embedded", "everything", "gpu", "tools"],
)
def test_the_locks_are_as_new_as_pyproject(locks: list[str], asked: list[Requirement]) -> None:
    assert stale(asked, read(locks), locks[-1]) == []


def test_what_is_asked_for_and_not_locked_is_told_with_what_to_do() -> None:
    locked = [Pin(Requirement("aiohttp==3.14.5"), ())]
    asked = [Requirement("aiohttp<4"), Requirement("aiohttp>=3.15"), Requirement("left_pad>=1")]
    assert stale(asked, locked, RUN) == [
        "pyproject.toml asks for aiohttp>=3.15, requirements.txt has 3.14.5. Renew the locks: make lock",
        "pyproject.toml asks for left_pad>=1, requirements.txt does not have it. Renew the locks: make lock",
    ]


def test_what_is_installed_is_what_is_locked() -> None:
    others = [
        f"{pin.name} {metadata.version(pin.name)} instead of {pin.version}"
        for pin in read(TOGETHER)
        if pin.applies and metadata.version(pin.name) != pin.version
    ]
    assert others == [], "install what is locked: rm .venv/dev.stamp && make .venv/dev.stamp"


@pytest.mark.parametrize(
    ("locks", "extras"),
    [
        ([RUN], []),
        ([RUN, EMBEDDED], ["embedded"]),
        ([RUN, EMBEDDED, DEV], EXTRAS),
    ],
    ids=["run", "embedded", "dev"],
)
def test_a_lock_has_what_its_packages_need_and_no_more(locks: list[str], extras: Iterable[str]) -> None:
    assert _names(*locks) == closure(*extras), "renew the locks: make lock"


SOUND = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
BAD = {"name": "aiohttp", "version": "3.14.5", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["3.14.6"]}]}
UNKNOWN = {"name": "aiohttp", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([SOUND, SOUND], 0, "2 packages audited, 0 known vulnerabilities"),
        ([SOUND, BAD], 1, "requirements.txt: aiohttp 3.14.5 has PYSEC-2026-1; fixed in 3.14.6"),
        ([SOUND, UNKNOWN], 2, "1 of 2 packages could not be audited"),
    ],
    ids=["sound", "vulnerable", "unknown"],
)
def test_an_audit_without_an_answer_is_not_a_good_one(
    packages: list[dict[str, Any]], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.judge([(RUN, package) for package in packages]) == code
    assert said in "".join(capsys.readouterr())


def test_an_audit_that_reaches_no_database_says_so(tmp_path: Path) -> None:
    program = tmp_path / "pip-audit"
    program.write_text("#!/bin/sh\necho Traceback >&2; echo 'ConnectionError: no route to pypi.org' >&2; exit 1\n")
    program.chmod(0o755)

    done = subprocess.run(
        [sys.executable, "-m", "tests.locks.audit", program], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "The vulnerability database could not be reached, so nothing is known: ConnectionError: no route to pypi.org",
        "Run make audit where https://pypi.org/pypi/<package>/json can be read.",
    ]
