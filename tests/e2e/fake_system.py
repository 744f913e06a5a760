"""Small stand-ins for the services, and a `starling up` that runs them instead of the real ones.

python -m tests.e2e.fake_system up [--music FOLDER]     names in FAKE_SERVICES, seconds of grace in FAKE_GRACE_S
python -m tests.e2e.fake_system service NAME
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import asyncpg
from aiohttp import web
from redis.asyncio import Redis

from services.up.process import Launch, spawn
from services.up.service import Program
from services.up.supervisor import Supervisor
from shared.errors import StarlingError
from shared.settings import Settings, load


def up(music: Path | None) -> int:
    names = os.environ.get("FAKE_SERVICES", "gateway,worker").split(",")
    programs = [Program(name, (sys.executable, "-m", "tests.e2e.fake_system", "service", name)) for name in names]
    try:
        return asyncio.run(_run(programs, music))
    except StarlingError as error:
        print(f"starling: {error}", file=sys.stderr)
        return 1


async def _run(programs: list[Program], music: Path | None) -> int:
    grace_s = float(os.environ.get("FAKE_GRACE_S", "10"))
    return await Supervisor(load(), programs, music=music, grace_s=grace_s).run()


async def gateway(settings: Settings) -> None:
    """Answers what `starling up` asks, and keeps what it was told in the data directory."""
    kept = settings.data_dir / "fake-gateway.json"
    told: dict[str, list[dict[str, str]]] = json.loads(kept.read_text()) if kept.exists() else {"items": [], "runs": []}

    async def listed(_: web.Request) -> web.Response:
        return web.json_response({"items": told["items"]})

    async def added(request: web.Request) -> web.Response:
        server = {"id": f"server-{len(told['items']) + 1}", **await request.json()}
        told["items"].append(server)
        kept.write_text(json.dumps(told))
        return web.json_response(server, status=201)

    async def analysed(request: web.Request) -> web.Response:
        if settings.token.get_secret_value() not in request.headers.get("Authorization", ""):
            return web.json_response({"title": "Unauthorized", "detail": "the token is wrong"}, status=401)
        told["runs"].append(await request.json())
        kept.write_text(json.dumps(told))
        return web.json_response({"run_id": f"run-{len(told['runs'])}", "position": "1-0"}, status=202)

    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"status": "ready"})

    app = web.Application()
    app.add_routes([web.get("/readyz", ready), web.get("/api/v1/servers", listed)])
    app.add_routes([web.post("/api/v1/servers", added), web.post("/api/v1/analysis", analysed)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.port).start()
    await asyncio.Event().wait()


async def worker(settings: Settings) -> None:
    """Counts its lives in both servers, starts a child of its own, and says so in one record."""
    connection = await asyncpg.connect(
        host=settings.postgres_host,
        port=settings.postgres_port,
        user=settings.postgres_user,
        password=settings.postgres_password.get_secret_value(),
        database=settings.postgres_db,
    )
    await connection.execute("CREATE TABLE IF NOT EXISTS life (number serial)")
    await connection.execute("INSERT INTO life DEFAULT VALUES")
    in_postgres = await connection.fetchval("SELECT count(*) FROM life")
    await connection.close()
    client = Redis.from_url(settings.redis_url.get_secret_value())
    in_redis = await client.incr("life")
    await client.aclose()
    start_child()
    print(json.dumps({"event": "worker_lives", "postgres": in_postgres, "redis": in_redis}))
    await asyncio.Event().wait()


def start_child() -> None:
    with Path(os.devnull).open("wb") as nowhere:
        spawn(Launch(["/bin/sleep", "1000"], signal.SIGKILL, {}, output=nowhere))


async def stubborn(_: Settings) -> None:
    """Does not care for SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("stubborn lives")
    await asyncio.Event().wait()


async def crasher(_: Settings) -> None:
    """Fails, with half a line as its last words."""
    print("cannot go", end=" on", flush=True)
    sys.exit(3)


FAKES = {"gateway": gateway, "worker": worker, "stubborn": stubborn, "crasher": crasher}


if __name__ == "__main__":
    if sys.argv[1] == "service":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        asyncio.run(FAKES[sys.argv[2]](load()))
    else:
        sys.exit(up(Path(sys.argv[3]) if sys.argv[2:3] == ["--music"] else None))
