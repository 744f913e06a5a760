"""The terminal, shared by many processes: whole lines, each with the name of who said it."""

from __future__ import annotations

import asyncio
import os
import re
from typing import IO

NAME_WIDTH = 11
LONGEST_LINE = 256 * 1024
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]|\xc2[\x80-\x9f]")


class Output:
    """Writes lines to one stream. A reader that goes away (``starling up | head``) silences it, no more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._gone = False

    def say(self, name: str, text: str) -> None:
        """Lines of our own."""
        for line in text.splitlines():
            self.pass_on(name, line.encode())

    def pass_on(self, name: str, line: bytes) -> None:
        """A line of a child. One that is a JSON object stays as it is, for programs that read the log. Nothing in it
        can move the terminal's cursor: the servers' own logs repeat what they were sent."""
        line = _CONTROLS.sub(lambda found: f"\\u{ord(found[0].decode()):04x}".encode(), line)
        is_record = line.startswith(b"{") and line.endswith(b"}")
        self._write(line if is_record else f"{name:<{NAME_WIDTH}} | ".encode() + line)

    def announce(self, text: str) -> None:
        """A line for the person at the terminal."""
        self._write(text.encode())

    def _write(self, line: bytes) -> None:
        if self._gone:
            return
        try:
            self._stream.write(line + b"\n")
            self._stream.flush()
        except (OSError, ValueError):
            self._gone = True
            # What is still in the buffer has to go somewhere when Python closes the stream.
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self._stream.fileno())


class LineReader(asyncio.Protocol):
    """Cuts what comes through a child's pipe into lines. ``closed`` is set at its end."""

    def __init__(self, name: str, output: Output) -> None:
        self._name = name
        self._output = output
        self._rest = b""
        self.closed = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._output.pass_on(self._name, line.rstrip(b"\r"))
        if len(self._rest) > LONGEST_LINE:
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._flush()
        self.closed.set()

    def _flush(self) -> None:
        if self._rest:
            self._output.pass_on(self._name, self._rest)
        self._rest = b""
