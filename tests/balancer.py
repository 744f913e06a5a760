"""A plain TCP balancer: each new connection goes to the next server, and what is in it is nobody's business."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle


@asynccontextmanager
async def balanced(ports: Sequence[int], *, host: str = "127.0.0.1") -> AsyncIterator[str]:
    """``async with balanced([8001, 8002]) as url``: the address in front of those ports of this machine. It listens on
    ``host``."""
    turns = cycle(ports)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", next(turns))
        with suppress(ConnectionError, asyncio.CancelledError):  # a line that was cut never says so
            await asyncio.gather(_pass_on(reader, back), _pass_on(there, writer))

    server = await asyncio.start_server(connected, host, 0)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()
