"""Passwords and tokens as the command line takes them."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.cli import accounts
from services.cli.tokens import choose
from shared.errors import InvalidInput


def answering(monkeypatch: pytest.MonkeyPatch, *answers: str) -> None:
    """Somebody sits at the terminal and types this."""
    typed: Iterator[str] = iter(answers)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(getpass, "getpass", lambda _: next(typed))


def test_a_password_is_asked_for_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "correct horse", "correct horse")
    assert accounts.read_password(None) == "correct horse"
    answering(monkeypatch, "correct horse", "correct house")
    with pytest.raises(InvalidInput, match="not the same twice"):
        accounts.read_password(None)


def test_without_a_terminal_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with pytest.raises(InvalidInput, match="--password-file FILE, or - for standard input"):
        accounts.read_password(None)


@pytest.mark.parametrize("content", ["correct  horse ", "correct  horse \n", "correct  horse \r\n"])
def test_a_file_holds_the_password_and_at_most_the_end_of_its_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "password"
    file.write_bytes(content.encode())
    assert accounts.read_password(str(file)) == "correct  horse "


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing: No such file or directory"):
        accounts.read_password(str(tmp_path / "nothing"))
    odd = tmp_path / "odd"
    odd.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="odd: is no text"):
        accounts.read_password(str(odd))


def test_a_token_is_named_by_its_name_or_its_id() -> None:
    found = [{"id": "1", "name": "radio"}, {"id": "2", "name": "phone"}, {"id": "3", "name": "phone"}]
    assert choose("radio", found)["id"] == "1"
    assert choose("3", found)["id"] == "3"
    with pytest.raises(InvalidInput, match="by its id: 2, 3"):
        choose("phone", found)
    with pytest.raises(InvalidInput, match="starling tokens list"):
        choose("tv", found)
