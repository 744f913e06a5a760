"""What a command says: answers on stdout, everything else on stderr. Plain lines where nobody watches."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from services.cli.wording import clean

if TYPE_CHECKING:
    from rich.console import Console

_RAW_CONTROL = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@cache
def console(*, stderr: bool = False) -> Console:
    """The terminal, or what stands in its place."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def watched(*, stderr: bool = False) -> bool:
    """True when a person sees the stream as it is written."""
    return bool(console(stderr=stderr).is_terminal)


def say(text: str = "", style: str | None = None) -> None:
    """One line of an answer. Names in it must have gone through ``clean``."""
    console().print(text, style=style)


def note(text: str) -> None:
    """One line beside the answer, on stderr."""
    print(clean(text), file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """The one line of an error, on stderr."""
    note(f"starling: {text}")


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """A JSON document for programs; nothing in it can move a terminal's cursor."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    print(_RAW_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text), flush=True)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Rows under headings; columns named in ``right`` are numbers. Fitted to the width of a terminal, else whole."""
    cells = [[clean(cell) for cell in row] for row in rows]
    if not watched():
        _plain_table(headings, cells, right)
        return
    from rich.table import Table

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        is_id = heading in ("id", "run")
        drawn.add_column(
            heading,
            justify="right" if heading in right else "left",
            no_wrap=is_id,
            overflow="fold" if is_id else "ellipsis",
        )
    for row in cells:
        drawn.add_row(*row)
    console().print(drawn)


def _plain_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich.cells import cell_len

    lines = [list(headings), *rows]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        parts = []
        for heading, cell, width in zip(headings, line, widths, strict=True):
            gap = " " * (width - cell_len(cell))
            parts.append(gap + cell if heading in right else cell + gap)
        print("  ".join(parts).rstrip())


def pairs(rows: Sequence[tuple[str, object]]) -> None:
    """Names and values, one pair a line."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        say(f"{name:<{width}}  {clean(value)}")
