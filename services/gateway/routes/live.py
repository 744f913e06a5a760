"""The stream of server-sent events."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from aiohttp import web

from services.gateway.accounts.door import DOOR
from services.gateway.endpoints import Call, Endpoint
from services.gateway.live import Mailbox
from services.gateway.models.common import Query
from services.gateway.problems import ProblemError
from shared import positions
from shared.errors import InvalidInput

HEARTBEAT_S = 10.0
SLOWEST_S = 20.0
"""A listener that takes nothing for so long is let go; it comes back with Last-Event-ID."""
KNOWN_S = 30.0
"""So often it is looked whether somebody who listens may still: a session can end, a token be revoked."""


async def follow(call: Call[Query, None]) -> web.StreamResponse:
    """What happens, as it happens.

    Events: `hello` (position, version), `run` (a run as it stands), `tracks` (the newest analysed tracks and how many
    there were), `servers` (all libraries), `clustering` and `sync` (as they stand), `playlist` (one that changed).
    Send Last-Event-ID to get what was missed.
    """
    since = _since(call.request)
    async with call.gateway.live.listen(since) as (hello, mailbox):
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        with suppress(ConnectionError, TimeoutError, ProblemError):
            await response.prepare(call.request)
            await _send(call.request, response, _format("hello", hello.model_dump_json(), hello.position))
            if call.request.method != "HEAD":
                await _pass_on(call.request, response, mailbox)
            await response.write_eof()
        return response


def _since(request: web.Request) -> int | None:
    """A place that we cannot read is as good as none: the listener then gets the present."""
    try:
        return positions.pack(request.headers["Last-Event-ID"])
    except (KeyError, InvalidInput, ValueError):
        return None


async def _pass_on(request: web.Request, response: web.StreamResponse, mailbox: Mailbox) -> None:
    looked = time.monotonic()
    while not mailbox.closed:
        if time.monotonic() - looked > KNOWN_S:
            await request.app[DOOR].identify(request)
            looked = time.monotonic()
        try:
            await asyncio.wait_for(mailbox.filled.wait(), HEARTBEAT_S)
        except TimeoutError:
            await _send(request, response, ": still here\n\n")
            continue
        place = positions.text(mailbox.position)
        text = "".join(_format(event, data, place) for event, data in mailbox.take())
        await _send(request, response, text)


async def _send(request: web.Request, response: web.StreamResponse, text: str) -> None:
    """Raises ``ConnectionError`` or ``TimeoutError`` when the listener is gone or takes nothing."""
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError
    try:
        await asyncio.wait_for(response.write(text.encode()), SLOWEST_S)
    except TimeoutError:
        request.transport.abort()
        raise


def _format(event: str, data: str, place: str) -> str:
    return f"id: {place}\nevent: {event}\ndata: {data}\n\n"


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/live",
        follow,
        "Live",
        "Follow what happens",
        query=Query,
        media={200: ("text/event-stream", "Server-sent events, until one side closes.")},
        request_headers={"Last-Event-ID": "The position of the last event that was received."},
    ),
)
