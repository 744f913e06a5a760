"""Runs the work of one command, and turns whatever ends it into an exit code and at most one line."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import typer

from services.cli.output import complain
from services.cli.session import Session
from shared.errors import ConfigurationError, InvalidInput, StarlingError

OK, PROBLEM, USAGE, INTERRUPTED = 0, 1, 2, 130

Work = Callable[[Session], Coroutine[Any, Any, int | None]]


def perform(context: typer.Context, work: Work) -> None:
    """Run ``work`` to its end. Leaves with its exit code (None is 0), or the one that its error stands for."""
    import asyncio

    from shared import logs

    session: Session = context.obj
    # What a service would log has no place between the lines of an answer.
    logs.configure("cli", level="debug" if session.debug else "warning")
    try:
        code = asyncio.run(work(session)) or OK
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if session.debug:
            import traceback

            traceback.print_exception(error)
        code = _explain(error)
    raise typer.Exit(code)


def _explain(error: Exception) -> int:
    match error:
        case InvalidInput():
            complain(error.detail)
            return USAGE
        case ConfigurationError():
            complain(str(error))
            return USAGE
        case StarlingError():
            complain(str(error))
            return PROBLEM
    first_line = str(error).partition("\n")[0]
    complain(f"something unexpected went wrong ({type(error).__name__}: {first_line}); --debug shows all of it")
    return PROBLEM
