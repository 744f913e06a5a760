"""A Subsonic server that lies in every field, in a thread of its own, and a witness that notes who comes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from aiohttp import web

from tests.attacks.hostile import FAKE_LINES, MARKUP, TERMINAL, TURNED
from tests.subsonic.faulty_server import Album, Fault, FaultyServer, failed, make_song

S = TypeVar("S")


@contextmanager
def in_a_thread(server: AbstractAsyncContextManager[S]) -> Iterator[S]:
    """``server`` while the context lasts, on an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="server of a test")
    thread.start()

    def settle(step: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(step, loop).result(20)

    try:
        started: S = settle(server.__aenter__())
        try:
            yield started
        finally:
            settle(server.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def lying_albums() -> list[Album]:
    """Songs whose every field attacks somebody."""
    lie: dict[str, Any] = {
        "artist": MARKUP,
        "album": MARKUP,
        "genre": MARKUP,
        "path": "../../../../etc/passwd",
        "suffix": "/../../x",
        "contentType": "text/html",
        "coverArt": "http://169.254.169.254/latest/meta-data/",
        "streamUrl": "http://169.254.169.254/latest/meta-data/",
    }
    ids = ("../../../../etc/passwd", "/proc/self/environ", "a\nb", "x" * 900)
    titles = (MARKUP, TERMINAL, FAKE_LINES, TURNED)
    songs = [make_song(song_id, **lie, title=title) for song_id, title in zip(ids, titles, strict=True)]
    return [Album("al-lies", MARKUP, songs)]


def echoes_what_it_was_sent(code: int) -> Fault:
    """A Subsonic error that repeats the whole request, login and all, with markup and lines of a log around it."""

    async def fault(request: web.Request) -> web.StreamResponse:
        return failed(code, f"{MARKUP} {FAKE_LINES} {TERMINAL} {request.path_qs} {dict(request.query)}")

    return fault


def lying_server() -> FaultyServer:
    """Lists its lies, and sends no audio but an error that repeats the login."""
    server = FaultyServer(albums=lying_albums())
    server.faults["download"] = server.faults["stream"] = echoes_what_it_was_sent(0)
    return server
