"""A real Subsonic server for tests: ``with supysonic(music, tmp_path) as server: server.url, .user, .password``."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

START_S = 30.0

_CONFIG = """\
[base]
database_uri = sqlite:///{state}/supysonic.db
[webapp]
cache_dir = {state}/cache
mount_webui = off
[daemon]
socket = {state}/daemon.sock
run_watcher = off
"""


@dataclass(frozen=True, slots=True)
class Supysonic:
    """Where it is and who may log in."""

    url: str
    user: str
    password: str

    def scan(self) -> None:
        """Let it notice what has changed in its folder; returns when it has."""
        with urlopen(f"{self.url}/scan-again", timeout=START_S) as answer:
            answer.read()


@contextmanager
def supysonic(music: Path, state: Path, *, user: str = "alice", password: str = "sésame & 50%") -> Iterator[Supysonic]:
    """The server with ``music`` scanned; its files go to ``state``, which must exist."""
    (state / "cache").mkdir()
    config = state / "supysonic.ini"
    config.write_text(_CONFIG.format(state=state))
    log = state / "supysonic.log"
    command = [sys.executable, "-m", "tests.subsonic.supysonic_app", str(config), str(music)]
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps({user: password}).encode() + b"\n")
            process.stdin.flush()
            port = _first_line(process, log)
            yield Supysonic(f"http://127.0.0.1:{int(port)}", user, password)
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().decode().strip() if selector.select(START_S) else ""
    if not line:
        raise AssertionError(f"supysonic did not start: {log.read_text()[-2000:]}")
    return line
