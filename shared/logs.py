"""Structured logs: one canonical line per unit of work, never a secret.

Titles, paths and errors of servers come from anybody: whatever could end a line, move a terminal's cursor or turn the
text around is written as ``\\uXXXX``. The lines of a traceback begin with ``    | ``, which no event does.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAME = re.compile(r"password|secret|token|authorization|api_?key", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@|([?&](?:p|t|s|apiKey|api_key|token)=)[^&\s]+")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _hide_secrets(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last line of defence: values under telling names, and credentials inside URLs."""
    for name, value in event.items():
        if _SECRET_NAME.search(name) and value:
            event[name] = "***"
        elif isinstance(value, str) and ("://" in value or "=" in value):
            event[name] = _SECRET_IN_URL.sub(
                lambda match: (match[1] or match[2]) + ("***@" if match[1] else "***"), value
            )
    return event


def printable(text: str) -> str:
    """``text`` on one line, its control characters as JSON writes them."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _Console:
    """For people: an event on its line, what happened on the lines behind it."""

    def __init__(self) -> None:
        self._draw = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        behind = [event.pop(part) for part in ("stack", "exception") if event.get(part)]
        lines = [line for text in behind for line in str(text).splitlines()]
        return "\n    | ".join(map(printable, [str(self._draw(logger, name, event)), *lines]))


class _Json:
    """For machines: an event is one JSON object on one line."""

    def __init__(self) -> None:
        self._draw = structlog.processors.JSONRenderer()

    def __call__(self, logger: Any, name: str, event: MutableMapping[str, Any]) -> str:
        return printable(str(self._draw(logger, name, event)))


class _Libraries(logging.Handler):
    """What libraries log, as events like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises."""
        try:
            log = structlog.get_logger(record.name)
            log.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:
            self.handleError(record)


def configure(service: str, *, level: str = "info", form: str = "console") -> None:
    """Set up structlog and the standard library's logging for one process; everything goes to stderr."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _hide_secrets,
            _Json() if form == "json" else _Console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()])
