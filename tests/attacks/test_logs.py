"""Lines of a log that nobody wrote: whatever a title, a path or a server says, one event stays one line."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from services.up.output import LineReader, Output
from tests.attacks.hostile import FAKE_LINES, TERMINAL, TURNED
from tests.environment import clean_environment

EVENTS = 4
_SPEAKER = """
import logging, sys, structlog
from shared import logs
logs.configure("test", form=sys.argv[1])
evil = sys.argv[2]
log = structlog.get_logger("test")
log.info("command", title=evil, several=[evil], raw=evil.encode())
log.warning(f"refused {evil}")
try:
    raise ValueError(evil)
except ValueError:
    log.exception("broke")
    logging.getLogger("aiohttp.server").exception("a library says %s", evil)
"""


def spoken(form: str) -> list[str]:
    """What a process of its own logs, in lines as ``str.splitlines`` (and so an editor) sees them."""
    evil = FAKE_LINES + TERMINAL + TURNED
    command = [sys.executable, "-c", _SPEAKER, form, evil]
    found = subprocess.run(command, capture_output=True, check=True, env=clean_environment(), timeout=60)
    return found.stderr.decode().splitlines()


def moves_nothing(line: str) -> bool:
    return not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]", line)


def test_in_the_form_for_machines_every_line_is_one_event_of_ours() -> None:
    lines = spoken("json")
    assert [json.loads(line)["event"].split()[0] for line in lines] == ["command", "refused", "broke", "a"]
    assert all(map(moves_nothing, lines))
    assert json.loads(lines[0])["title"] == FAKE_LINES + TERMINAL + TURNED


def test_in_the_form_for_people_every_line_is_an_event_of_ours_or_marked_as_part_of_one() -> None:
    lines = spoken("console")
    events = [line for line in lines if not line.startswith("    | ")]
    assert len(events) == EVENTS
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[\w+ *\] (command|refused|broke|a library) ", line) for line in events
    )
    assert all(map(moves_nothing, lines))
    assert len(lines) > EVENTS + 10, "the tracebacks are there"


@pytest.mark.parametrize("said", ["\x1b[2J\x07", "a\rb", "\x9b31m", "\x00"])
def test_what_a_server_of_ours_repeats_cannot_move_the_cursor_of_the_terminal(said: str) -> None:
    terminal = io.BytesIO()
    LineReader("postgres", Output(terminal)).data_received(f"ERROR: bad name {said}!\n".encode())
    line = terminal.getvalue().decode().removesuffix("\n")
    assert line.startswith("postgres ")
    assert line.endswith("!")
    assert moves_nothing(line)
