"""What is imported at run time, directly or through others, may be combined with Apache-2.0."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

import pytest

from tests.locks import EMBEDDED, RUN
from tests.locks.installed import closure
from tests.locks.pins import read

ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "PSF-2.0", "Zlib"),
    # Used as they are, as libraries that can be replaced.
    *("LGPL-2.1-or-later", "MPL-2.0"),
}
# Packages that are older than licence expressions say it in words of their own.
WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
}


def _expression(name: str) -> str:
    """The licence as an SPDX expression; what the package says, when that cannot be told."""
    about: Any = metadata.metadata(name)
    said = about.get("License-Expression") or (about.get("License") or "").strip()
    classifiers = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License")]
    if not said or "\n" in said:
        said = classifiers[0] if classifiers else said[:80]
    return WORDS.get(said, said)


def _allowed(expression: str) -> bool:
    """One of the licences to choose from is allowed in all its parts."""
    choices = [re.split(r" AND ", choice.strip("() ")) for choice in expression.split(" OR ")]
    return any(set(parts) <= ALLOWED for parts in choices)


def test_every_run_time_dependency_has_a_licence_that_is_allowed() -> None:
    names = closure("embedded", "otel") | {pin.name for pin in read([RUN, EMBEDDED]) if pin.applies}
    assert len(names) > 50
    expressions = {name: _expression(name) for name in names}
    assert {name: said for name, said in expressions.items() if not _allowed(said)} == {}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("GPL-3.0-only", False),
        ("MIT AND AGPL-3.0-or-later", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_when_all_its_parts_are(expression: str, allowed: bool) -> None:
    assert _allowed(expression) is allowed
