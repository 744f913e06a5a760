"""What a process that opens untrusted files can still do, and what not: tried in a process, for it cannot be undone."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

PREAMBLE = "import os, socket, signal\nfrom services.analyzer.confinement import confine\nassert confine()\n"


def confined(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PREAMBLE + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.socket()",
        "socket.socket(socket.AF_INET6)",
        "socket.socket(socket.AF_UNIX)",
        "os.execv('/bin/true', ['true'])",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.kill(os.getppid(), signal.SIGTERM)",
        "os.kill(os.getpid(), 0)",
    ],
)
def test_network_programs_and_other_processes_are_out_of_reach(attempt: str) -> None:
    ended = confined(attempt)
    assert ended.stderr.strip().splitlines()[-1].startswith("PermissionError"), ended


def test_what_comes_of_it_is_confined_too() -> None:
    ended = confined(
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try: socket.socket()\n"
        "    except PermissionError: os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
    )
    assert ended.stdout.strip() == "7", ended


def test_files_memory_threads_and_open_connections_work(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("still read")
    ended = confined(
        "import threading\n"
        f"text = open({str(tmp_path / 'note')!r}).read()\n"
        "threading.Thread(target=lambda: print(text, len(bytearray(50_000_000)))).start()"
    )
    assert ended.stdout.strip() == "still read 50000000", ended


def test_a_crash_still_has_its_name() -> None:
    assert confined("os.abort()").returncode == -signal.SIGABRT
