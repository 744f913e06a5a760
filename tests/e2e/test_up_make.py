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
    for source in (ROOT / "pyproject.toml", *ROOT.glob("requirements*.txt")):
        (tmp_path / source.name).touch()
    program = tmp_path / ".venv" / "bin" / "starling"
    program.parent.mkdir(parents=True)
    program.write_text(STARLING.format(python=sys.executable))
    program.chmod(0o755)
    (program.parent / "pip").touch()
    (program.parent / "uv").touch()
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


@pytest.fixture
def poor(tmp_path: Path) -> Path:
    """A folder of programs as on a machine of an ordinary user that has little: for PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "grep", "touch", "rm"):
        (folder / name).symlink_to(f"/bin/{name}")
    for name, script in {"id": "echo 1000", "apt-get": "echo must not be called; exit 9"}.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def _make(target: str, checkout: Path, path: Path) -> subprocess.CompletedProcess[str]:
    make = shutil.which("make")
    assert make is not None
    return subprocess.run(
        [make, target], cwd=checkout, env={"PATH": str(path)}, capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize(
    ("python", "advice"),
    [
        ("exit 1", "Starling needs Python 3.11 or newer; install python3 and try again."),
        (
            'case "$2" in *ensurepip*) exit 1;; esac',
            "Python's venv module is missing; install it: sudo apt-get install python3-venv",
        ),
    ],
    ids=["old python", "no venv module"],
)
def test_what_python_lacks_is_said_in_one_line(checkout: Path, poor: Path, python: str, advice: str) -> None:
    shutil.rmtree(checkout / ".venv")
    (poor / "python3").write_text(f"#!/bin/sh\n{python}\n")
    (poor / "python3").chmod(0o755)

    made = _make("run", checkout, poor)

    assert made.returncode != 0
    assert made.stderr.splitlines()[0] == advice
    assert made.stdout == ""


def test_an_ordinary_user_is_told_which_programs_the_tests_need(checkout: Path, poor: Path) -> None:
    made = _make("system-packages", checkout, poor)

    assert made.returncode != 0
    assert made.stderr.startswith(
        "The tests need more system packages; install them: sudo apt-get install chromium redis-server"
    )
