"""Small stand-ins for the services: `start_NAME` is each one's entry. Each imports only what it needs itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

MEMORY = "fake-gateway.json"
Told = dict[str, list[dict[str, str]]]


def remembered() -> Told:
    path = Path(os.environ["STARLING_DATA_DIR"], MEMORY)
    told: Told = json.loads(path.read_text()) if path.exists() else {"items": [], "runs": []}
    return told


def remember(told: Told) -> None:
    Path(os.environ["STARLING_DATA_DIR"], MEMORY).write_text(json.dumps(told))


async def gateway() -> None:
    """Answers what `starling up` asks, and keeps what it was told in the data directory."""
    from aiohttp import web

    told = remembered()

    async def listed(_: web.Request) -> web.Response:
        return web.json_response({"items": told["items"]})

    async def added(request: web.Request) -> web.Response:
        server = {"id": f"server-{len(told['items']) + 1}", **await request.json()}
        told["items"].append(server)
        remember(told)
        return web.json_response(server, status=201)

    async def analysed(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {os.environ['STARLING_LOCAL_TOKEN']}":
            return web.json_response({"title": "Unauthorized", "detail": "the token is wrong"}, status=401)
        told["runs"].append(await request.json())
        remember(told)
        return web.json_response({"run_id": f"run-{len(told['runs'])}", "position": "1-0"}, status=202)

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app = web.Application()
    app.add_routes([web.get("/readyz", ready), web.get("/api/v1/servers", listed)])
    app.add_routes([web.post("/api/v1/servers", added), web.post("/api/v1/analysis", analysed)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, os.environ["STARLING_HOST"], int(os.environ["STARLING_PORT"])).start()
    await asyncio.Event().wait()


async def worker() -> None:
    """Counts its lives in both servers, starts a child of its own, and says so in one record."""
    import asyncpg
    from redis.asyncio import Redis

    connection = await asyncpg.connect(
        host=os.environ["POSTGRES_HOST"],
        port=int(os.environ["POSTGRES_PORT"]),
        user=os.environ["POSTGRES_USER"],
        password=os.environ["POSTGRES_PASSWORD"],
        database=os.environ["POSTGRES_DB"],
    )
    await connection.execute("CREATE TABLE IF NOT EXISTS life (number serial)")
    await connection.execute("INSERT INTO life DEFAULT VALUES")
    in_postgres = await connection.fetchval("SELECT count(*) FROM life")
    await connection.close()
    client = Redis.from_url(os.environ["REDIS_URL"])
    in_redis = await client.incr("life")
    await client.aclose()
    start_child()
    print(json.dumps({"event": "worker_lives", "postgres": in_postgres, "redis": in_redis}))
    await asyncio.Event().wait()


def start_child() -> None:
    """A child that would stay for long, tied to this process as the analyzer ties its own."""
    from services.up.tether import command

    subprocess.Popen([*command(signal.SIGKILL), "/bin/sleep", "1000"])


async def stubborn() -> None:
    """Does not care for SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("stubborn lives")
    await asyncio.Event().wait()


async def crasher() -> None:
    """Fails, with half a line as its last words."""
    print("cannot go", end=" on", flush=True)
    sys.exit(3)


def _start(life: Callable[[], Coroutine[Any, Any, None]]) -> None:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    asyncio.run(life())


start_gateway = partial(_start, gateway)
start_worker = partial(_start, worker)
start_stubborn = partial(_start, stubborn)
start_crasher = partial(_start, crasher)
