"""Structured logs: one canonical line per unit of work, never a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAME = re.compile(r"password|secret|token|authorization|api_?key", re.IGNORECASE)
_SECRET_IN_URL = re.compile(r"(://[^/\s:@]*:)[^@\s/]+@|([?&](?:p|t|s|apiKey|api_key|token)=)[^&\s]+")


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


def configure(service: str, *, level: str = "info", form: str = "console") -> None:
    """Set up structlog and the standard library's logging for one process; everything goes to stderr."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
