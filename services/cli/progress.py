"""Long work as it goes on: a bar for a person, a line now and then for a log file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar, cast

from services.cli.answers import Run
from services.cli.client import Api, ApiError, Unreachable
from services.cli.output import console, note, watched
from services.cli.wording import duration, progress_line, progress_of, rate

ENDED = ("completed", "cancelled", "failed")
_POLL_S = 0.4
_PATIENCE_S = 60.0
T = TypeVar("T")
_FIRST_LINE_S = 1.0
_LINE_EVERY_S = 10.0


class Display(Protocol):
    """Shows one piece of work."""

    def update(self, done: int, total: int | None, text: str, line: str) -> None:
        """``text`` goes beside the bar, ``line`` says everything on a line of its own."""
        ...

    def waiting(self, why: str) -> None:
        """Nothing can be said at the moment."""
        ...


class Lines:
    """A line when something has changed, at most one in ``every_s``."""

    def __init__(self, every_s: float = _LINE_EVERY_S, *, stderr: bool = False) -> None:
        self._every_s = every_s
        self._stderr = stderr
        self._said = ""
        # Work that is over in a moment needs no lines on the way.
        self._next = time.monotonic() + _FIRST_LINE_S

    def update(self, done: int, total: int | None, text: str, line: str) -> None:
        self._say(line)

    def waiting(self, why: str) -> None:
        self._say(why)

    def _say(self, line: str) -> None:
        now = time.monotonic()
        if line == self._said or now < self._next:
            return
        self._said, self._next = line, now + self._every_s
        if self._stderr:
            note(line)
        else:
            print(line, flush=True)


@contextmanager
def shown(title: str, *, stderr: bool = False) -> Iterator[Display]:
    """A display of the kind that fits the stream; a bar is wiped off at the end, what is said afterwards stays."""
    if not watched(stderr=stderr):
        yield Lines(stderr=stderr)
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    width = max(10, min(30, console(stderr=stderr).width - 60))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(width, complete_style="cyan", finished_style="green"),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console(stderr=stderr), transient=True, refresh_per_second=8) as progress:
        task = progress.add_task(title, total=None, text="")

        class Bar:
            def update(self, done: int, total: int | None, text: str, line: str) -> None:
                progress.update(task, completed=done, total=total, text=text)

            def waiting(self, why: str) -> None:
                progress.update(task, text=why)

        yield Bar()


def show_run(display: Display, run: Run) -> None:
    """A run's figures on a display. The total is open while the library is still being listed."""
    done, total = progress_of(run)
    line = progress_line(run)
    display.update(done, total if run["listing_done"] or total else None, line, line)


async def follow_run(api: Api, run_id: str, display: Display, *, after: str | None = None) -> Run:
    """Show a run until it ends. A gateway that is away for up to a minute is waited for; raises ``Unreachable`` or
    ``ApiError`` then, and at once on an answer that waiting does not change."""
    return await follow(lambda place: api.run(run_id, after=place), show_run, display, after=after)


async def follow(
    ask: Callable[[str | None], Awaitable[T]],
    show: Callable[[Display, T], None],
    display: Display,
    *,
    after: str | None = None,
) -> T:
    """The same for anything that has a ``state``; ``ask`` gets the position that its answer must have seen."""
    last_seen = time.monotonic()
    while True:
        try:
            found = await ask(after)
        except (Unreachable, ApiError) as error:
            lasting = isinstance(error, ApiError) and error.status < 500
            if lasting or time.monotonic() - last_seen > _PATIENCE_S:
                raise
            display.waiting("waiting for Starling to answer")
        else:
            last_seen, after = time.monotonic(), None
            show(display, found)
            if cast("dict[str, Any]", found)["state"] in ENDED:
                return found
        await asyncio.sleep(_POLL_S)


class Pace:
    """Speed and time left of work whose size is known, from its start on."""

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._started = time.monotonic()

    def show(self, display: Display, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` is done."""
        seconds = time.monotonic() - self._started
        text = f"{done:,} of {total:,} {self._noun}"
        if seconds > 1 and done:
            left = (total - done) * seconds / done
            text += f", {rate(done * 60 / seconds)}, {duration(left)} left"
        display.update(done, total, text, text)
