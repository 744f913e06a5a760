"""Commands to a Lyrion Music Server, and what its silence means.

The server closes the connection without an answer to whatever it does not like: an unknown playlist, a bad parameter,
a command it does not know. That looks like a broken connection. So something that only reads is asked once more, and if
the server then still answers everything else, the silence was its answer. Every request has a connection of its own,
so that a pooled one which has just been closed is not taken for a refusal.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp

from shared.errors import ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.http import Content, HttpServer
from shared.mediaservers.json_answers import Json
from shared.mediaservers.lyrion_answers import parse_count, parse_result, parse_songs

COUNT = 1000
"""How many rows are asked for at a time."""


class NoAnswer(ServerUnavailable):
    """The server has closed the connection instead of answering."""


class LyrionHttp(HttpServer):
    """Tells a connection that was closed without an answer from other failures."""

    def translate(self, error: Exception) -> StarlingError:
        """Raises nothing; see ``HttpServer``."""
        connecting = isinstance(error, aiohttp.ClientConnectorError)
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError) and not connecting:
            return NoAnswer(f"{self.name} closed the connection without an answer")
        return super().translate(error)


class LyrionCalls:
    """``ask`` for what changes nothing, ``order`` for what does. ``headers`` hold the login and close connections."""

    def __init__(self, http: LyrionHttp, headers: dict[str, str]) -> None:
        self._http = http
        self._headers = headers

    async def order(self, *command: str | int) -> Json:
        """One command -> its result. Raises ``NoAnswer`` when it was refused or broken off; it may have been obeyed."""
        content = Content(json={"id": 1, "method": "slim.request", "params": ["", list(command)]})
        return parse_result(await self._http.send("POST", "jsonrpc.js", {}, self._headers, content), self._http.name)

    async def ask(self, *command: str | int) -> Json:
        """One query -> its result. Raises ``ServerRefused`` when the server stays silent on this, but not otherwise."""
        for _ in range(2):
            try:
                return await self.order(*command)
            except NoAnswer:
                continue
        await self.order("version", "?")
        words = " ".join(str(part) for part in command[:2])
        raise ServerRefused("refused", f"{self._http.name} closes the connection instead of answering '{words}'")

    async def songs(self, *filters: str) -> AsyncIterator[list[Json]]:
        """All rows of ``titles``, 1,000 at a time. Raises ``ServerUnavailable`` when they change meanwhile."""
        start, total = 0, None
        while total is None or start < total:
            result = await self.ask("titles", start, COUNT, *filters)
            rows, count = parse_songs(result), parse_count(result)
            if (total is not None and count != total) or (not rows and start < count):
                raise ServerUnavailable(f"the list of {self._http.name} changed while it was read")
            yield rows
            start, total = start + len(rows), count
