"""`make run`: what is typed there reaches `starling up` unchanged, and so does Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Writes down how it was called, and waits to be stopped.
STARLING = """#!{python}
import json, os, pathlib, signal, sys
def note(**facts):
    draft = pathlib.Path("called.new")
    draft.write_text(json.dumps(facts))
    draft.rename("called.json")
def stop(number, _):
    note(signal=number)
    sys.exit(0)
signal.signal(signal.SIGINT, stop)
note(arguments=sys.argv[1:], port=os.environ.get("STARLING_PORT"))
signal.pause()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which everything is installed already, with a stand-in for the program."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    program = tmp_path / ".venv" / "bin" / "starling"
    program.parent.mkdir(parents=True)
    program.write_text(STARLING.format(python=sys.executable))
    program.chmod(0o755)
    (program.parent / "pip").touch()
    (tmp_path / ".venv" / "run.stamp").touch()
    return tmp_path


def _run(checkout: Path, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    ours = ("MUSIC", "STARLING_PORT", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    command = ["make", "run", *arguments]
    return subprocess.Popen(command, cwd=checkout, env={**kept, **environment}, start_new_session=True)


def _called(checkout: Path, fact: str) -> object:
    """What the stand-in wrote down under that name."""
    path = checkout / "called.json"
    deadline = time.monotonic() + 10
    while not path.exists() or fact not in json.loads(path.read_text()):
        assert time.monotonic() < deadline, f"{fact} was not written down"
        time.sleep(0.02)
    return json.loads(path.read_text())[fact]


@pytest.mark.parametrize("folder", ["/music", '/Björk\'s "best" songs', "/cash $money $(HOME) `id` \\ #1", ""])
def test_the_folder_reaches_the_program_as_it_was_typed(checkout: Path, folder: str) -> None:
    make = _run(checkout, f"MUSIC={folder}", STARLING_PORT="8123")

    assert _called(checkout, "arguments") == (["up", "--music", folder] if folder else ["up"])
    assert _called(checkout, "port") == "8123"
    os.killpg(make.pid, signal.SIGINT)
    make.wait(10)


def test_ctrl_c_reaches_the_program(checkout: Path) -> None:
    make = _run(checkout)
    assert _called(checkout, "arguments") == ["up"]

    os.killpg(make.pid, signal.SIGINT)

    assert _called(checkout, "signal") == signal.SIGINT
    make.wait(10)
