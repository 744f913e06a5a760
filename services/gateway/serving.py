"""The listening side of the gateway: how long a connection may keep it waiting, what a bad request leaves behind."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

IDLE_S = 75.0
"""For a whole request to begin on a new connection, or on one that has been used; a proxy in front keeps its own for
a minute as a rule. Without it a connection that says nothing, or half a request, would stay for an hour."""
GRACE_S: Final = 3.0


class _Quietly(logging.Filter):
    """What is no HTTP is one line of the log, not a traceback: anybody who reaches the port can send it."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args = "bad_request %s", (" ".join(error.message.split())[:200],)
            record.exc_info = None
        return True


def runner_of(app: web.Application) -> web.AppRunner:
    """What serves ``app``."""
    log = logging.getLogger("starling.http")
    if not log.filters:
        log.addFilter(_Quietly())
    return web.AppRunner(app, access_log=None, logger=log, shutdown_timeout=GRACE_S, keepalive_timeout=IDLE_S)
