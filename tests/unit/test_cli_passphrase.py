"""Where a passphrase comes from, and which are refused."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.backup.passphrase import VARIABLE, known_passphrase, new_passphrase
from shared.errors import InvalidInput


@pytest.fixture(autouse=True)
def _none_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_file_wins_over_the_environment_and_none_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert new_passphrase(None) is None
    monkeypatch.setenv(VARIABLE, "of the environment")
    assert new_passphrase(None) == known_passphrase(None) == "of the environment"
    file = tmp_path / "passphrase"
    file.write_text("  of the file, with spaces \r\n")
    assert new_passphrase(str(file)) == known_passphrase(str(file)) == "  of the file, with spaces "


def test_it_is_the_same_however_a_letter_was_composed(tmp_path: Path) -> None:
    composed, decomposed = tmp_path / "composed", tmp_path / "decomposed"
    composed.write_text("f\u00fcnf W\u00f6rter am Abend")
    decomposed.write_text("fu\u0308nf Wo\u0308rter am Abend\n")
    assert known_passphrase(str(composed)) == known_passphrase(str(decomposed))


def test_a_short_one_is_refused_when_it_is_chosen_and_not_later(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("elevenchars")
    with pytest.raises(InvalidInput, match="has 11 characters; take at least 12") as refused:
        new_passphrase(str(file))
    assert "eleven" not in str(refused.value)
    assert known_passphrase(str(file)) == "elevenchars"
    file.write_text("twelve-chars")
    assert new_passphrase(str(file)) == "twelve-chars"


def test_files_that_cannot_serve_are_named(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    for path, reason in ((empty, "is empty"), (binary, "not a text"), (tmp_path / "none", "No such file")):
        with pytest.raises(InvalidInput, match=reason) as refused:
            known_passphrase(str(path))
        assert str(path) in str(refused.value)


_ASKING = """
import os, sys
if len(sys.argv) > 2:
    os.open(sys.argv[2], os.O_RDWR)  # the first terminal of a session becomes its own
from services.cli.backup.passphrase import new_passphrase
from shared.errors import InvalidInput
try:
    print(new_passphrase("-") == sys.argv[1])
except InvalidInput as error:
    print(error.detail)
"""


def asking(expected: str, *terminal: str, shown: int | None = None) -> subprocess.Popen[bytes]:
    """A process in a session of its own that asks for a passphrase and says whether it is the expected one."""
    return subprocess.Popen(
        [sys.executable, "-c", _ASKING, expected, *terminal], start_new_session=True, stdout=shown or subprocess.PIPE
    )


def typed(*lines: str) -> str:
    """What a terminal shows where somebody types these lines when asked."""
    ours, theirs = pty.openpty()
    process = asking(lines[0], os.ttyname(theirs), shown=theirs)
    waiting, shown = list(lines), b""
    try:
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            if select.select([ours], [], [], 0.05)[0]:
                shown += os.read(ours, 1000)
            if waiting and shown.endswith(b": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
                shown += b"|"
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    return shown.decode()


def test_at_a_terminal_it_is_asked_for_twice_and_not_shown() -> None:
    shown = typed("four words in a row", "four words in a row")
    assert "True" in shown and "The same once more: " in shown
    assert "four" not in shown
    assert "two different passphrases" in typed("four words in a row", "four words in a raw")
    assert "at least 12" in typed("short")


def test_where_there_is_no_terminal_it_says_what_else_there_is() -> None:
    said, _ = asking("").communicate(timeout=30)
    assert said.startswith(b"there is no terminal to ask at; name a file with --passphrase-file")
