"""supysonic as a child process: ``python -m tests.subsonic.supysonic_app CONFIG MUSIC``, users as JSON on the first
line of standard input.

It scans the music, prints its port, and ends when standard input does. supysonic speaks API 1.12, which has no salted
tokens; a layer in front checks the token and hands the password on. ``/scan-again`` scans once more.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode

from supysonic.config import IniConfig
from supysonic.db import close_connection, db, open_connection
from supysonic.managers.folder import FolderManager
from supysonic.managers.user import UserManager
from supysonic.scanner import Scanner
from supysonic.web import create_application
from werkzeug.serving import WSGIRequestHandler, make_server

Environment = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environment, StartResponse], Iterable[bytes]]

FOLDER = "music"


class Quiet(WSGIRequestHandler):
    """No line per request; HTTP 1.1, so that connections are kept as by real servers."""

    protocol_version = "HTTP/1.1"

    def log_request(self, *_: object) -> None:
        """Say nothing."""


def scan() -> None:
    """Read the music folder, as ``supysonic-cli folder scan`` does."""
    scanner = Scanner()
    scanner.queue_folder(FOLDER)
    scanner.run()


def with_tokens(application: Application, users: dict[str, str]) -> Application:
    """Accept ``t`` and ``s`` in place of ``p``."""

    def answer(environment: Environment, start: StartResponse) -> Iterable[bytes]:
        if environment["PATH_INFO"] == "/scan-again":
            scan()
            start("200 OK", [("Content-Length", "0")])
            return []
        environment["QUERY_STRING"] = signed_in(environment["QUERY_STRING"], users)
        if environment.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            form = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
            body = signed_in(form.decode(), users).encode()
            environment["wsgi.input"], environment["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return application(environment, start)

    return answer


def signed_in(query: str, users: dict[str, str]) -> str:
    """The query with a password where it had a token: the right one if the token is right."""
    fields = dict(parse_qsl(query, keep_blank_values=True))
    if "t" not in fields or "s" not in fields or "p" in fields:
        return query
    password = users.get(fields.get("u", ""), "")
    token = hashlib.md5((password + fields["s"]).encode(), usedforsecurity=False).hexdigest()
    right = bool(password) and token == fields["t"].lower()
    return query + "&" + urlencode({"p": password if right else password + "?"})


def end_with_standard_input() -> None:
    """The parent is gone, or wants us to be."""
    while sys.stdin.read(1):
        pass
    os._exit(0)


def main() -> None:
    """Set up, scan, serve."""
    users: dict[str, str] = json.loads(sys.stdin.readline())
    application = create_application(IniConfig([sys.argv[1]]))
    open_connection()
    for pragma, value in (("synchronous", "off"), ("journal_mode", "memory")):
        db.pragma(pragma, value, permanent=True)
    for name, password in users.items():
        UserManager.add(name, password, admin=True)
    FolderManager.add(FOLDER, sys.argv[2])
    scan()
    close_connection()
    server = make_server("127.0.0.1", 0, with_tokens(application, users), threaded=True, request_handler=Quiet)
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
