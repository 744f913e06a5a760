"""The README says what is true."""

from __future__ import annotations

import re
from pathlib import Path

from shared.settings import Settings

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()


def test_the_configuration_table_names_every_setting_and_no_other() -> None:
    section = README.split("## Configuration")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for row in rows for name in re.findall(r"`([A-Z_]+)`", row)}
    assert documented == {str(field.validation_alias) for field in Settings.model_fields.values()}


def test_defaults_in_the_table_are_the_defaults_in_the_code() -> None:
    for field in Settings.model_fields.values():
        if isinstance(field.default, int | float) and field.default and not isinstance(field.default, bool):
            (row,) = [
                line for line in README.splitlines() if line.startswith("|") and f"`{field.validation_alias}`" in line
            ]
            if "embedded" not in row:
                assert f"| {field.default:g} " in row, row


def test_every_link_into_the_tree_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in ("run", "test", "check", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
        assert f"make {target}" in README
