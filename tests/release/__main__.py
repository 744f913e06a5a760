"""``python -m tests.release``: does the image work? Not part of ``make test``: it takes a container engine and minutes.

Builds the image, compares what it holds with its lock, starts every service from it (two analyzers) against one Valkey
and one PostgreSQL of this machine, analyses a generated library, makes a playlist of similar songs and writes it beside
the music. Then an analyzer joins from a network of its own, with REDIS_URL alone, and the line to it is cut in the
middle of a run. Stops everything, and prints what it saw. The far analyzer takes podman, root, and ``ip``.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.fernet import Fernet
from packaging.utils import canonicalize_name

from services.up import ports
from services.up.client import GatewayClient
from tests import music
from tests.locks import RUN
from tests.locks.pins import read
from tests.release.engine import Engine
from tests.release.far import Far, far_away
from tests.servers import stores
from tests.waiting import until

SOURCE = Path(__file__).parent.parent.parent
CONTAINERS = {
    **{name: name for name in ("gateway", "fetcher", "clusterer", "syncer", "projector", "coordinator")},
    "analyzer-1": "analyzer",
    "analyzer-2": "analyzer",
}
FAR = "analyzer-far-away"
TRACKS = 24
SECONDS = 240.0
"""Of each song: long enough that there is time to see an analyzer at work before the line is cut."""
TOKEN = secrets.token_hex(16)


def main() -> int:
    """0 when all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.release", description=__doc__)
    found = next((name for name in ("docker", "podman") if shutil.which(name)), "docker")
    parser.add_argument("--engine", default=found, help="docker or podman, with options of its own")
    parser.add_argument("--build", default="", metavar="OPTIONS", help="more options for building")
    parser.add_argument("--run", default="", metavar="OPTIONS", help="more options for running")
    arguments = parser.parse_args()
    engine = Engine.of(arguments.engine, arguments.build, arguments.run)
    print(f"built in {engine.build_image(SOURCE):.0f} s, {engine.size_mb():.0f} MB")
    _only_what_is_locked(engine)
    with _library() as library, stores() as environment:
        try:
            asyncio.run(_try(engine, environment, library))
        except BaseException:
            for name in engine.names:
                print(f"--- {name}\n{engine.logs(name)}", file=sys.stderr)
            raise
        finally:
            engine.remove_all()
    return 0


def _only_what_is_locked(engine: Engine) -> None:
    """The image has the packages of its lock, in the same versions, and Starling; it is what ``make sbom`` lists."""
    held: dict[str, str] = {canonicalize_name(name): version for name, version in engine.packages().items()}
    del held["starling"]
    pins = read([RUN])
    locked = {pin.name: pin.version for pin in pins}
    assert held.items() <= locked.items(), f"not locked: {held.items() - locked.items()}"
    # What has a marker may not be for the Python of the image.
    missing = {pin.name for pin in pins if pin.requirement.marker is None} - held.keys()
    assert not missing, f"locked, but not in the image: {missing}"
    print(f"{len(held)} packages, all as they are locked")


@contextmanager
def _library() -> Iterator[Path]:
    """A folder with songs that the user of the image can read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        music.make_library(Path(folder), music.many_songs(TRACKS, suffix="flac", seconds=SECONDS))
        playlists = Path(folder, "Starling")
        playlists.mkdir()
        playlists.chmod(0o777)
        yield Path(folder)


async def _try(engine: Engine, stores_at: dict[str, str], library: Path) -> None:
    port = ports.choose()
    start = time.monotonic()
    _start_all(engine, _environment(stores_at, port), library)
    url = f"http://127.0.0.1:{port}"
    gateway = GatewayClient(url, TOKEN)
    async with asyncio.timeout(120):
        await gateway.wait_until_ready()
    for name in CONTAINERS:
        await until(partial(asyncio.to_thread, engine.is_healthy, name), f"{name} is healthy", seconds=60)
    print(f"{len(CONTAINERS)} containers, all healthy after {time.monotonic() - start:.1f} s")
    address = await gateway.analyse_folder(Path("/music"))
    async with _session(url) as session:
        await _analysed(session, address.removeprefix(url))
        await _playlist(session, library)
        async with far_away(stores_at["REDIS_URL"]) as far:
            await _cut_off(engine, session, far)
            await asyncio.to_thread(engine.remove, FAR)
    for name in CONTAINERS:
        taken, code = await asyncio.to_thread(engine.stop, name)
        print(f"{name} ended in {taken:.1f} s with {code}")
        assert code == 0, f"{name} did not end by itself"


def _environment(stores_at: dict[str, str], port: int) -> dict[str, str]:
    return {
        **{name: value for name, value in stores_at.items() if name != "STARLING_DATA_DIR"},
        "STARLING_PORT": str(port),
        "STARLING_TOKEN": TOKEN,
        "STARLING_SECRET_KEY": Fernet.generate_key().decode(),
        "STARLING_AUDIO_STORE": "redis://",
        "STARLING_ANALYZER_PROCESSES": "1",
    }


def _start_all(engine: Engine, environment: dict[str, str], library: Path) -> None:
    """Each with a health port of its own, since they share the network of this machine."""
    for name, service in CONTAINERS.items():
        health = "0" if service == "gateway" else str(ports.choose())
        own = {**environment, "STARLING_HEALTH_PORT": health}
        if service != "gateway":
            own["STARLING_PORT"] = "0"
        if service == "analyzer":
            own = {key: value for key, value in own.items() if not key.startswith("POSTGRES_")}
        volumes = [f"{library}:/music:ro"]
        if service == "syncer":
            volumes.append(f"{library}/Starling:/music/Starling")
        engine.start(name, service, own, volumes)


async def _analysed(session: aiohttp.ClientSession, address: str) -> None:
    start = time.monotonic()
    run = await _ended(session, address)
    print(f"run {run['state']} after {time.monotonic() - start:.1f} s: {run['totals']}")
    assert run["state"] == "completed"
    assert run["totals"]["analysed"] == TRACKS


async def _playlist(session: aiohttp.ClientSession, library: Path) -> None:
    """Of similar songs, and then as a file in the one folder that can be written to."""
    tracks = await _call(session, "GET", "/api/v1/tracks?limit=1")
    body = {"name": "From the image", "similar_to": [tracks["items"][0]["id"]], "n": 10}
    playlist = await _call(session, "POST", "/api/v1/playlists", body)
    sync = await _call(session, "POST", f"/api/v1/playlists/{playlist['id']}/sync", {})
    ended = await _ended(session, f"/api/v1/sync/{sync['sync_id']}?after={sync['position']}")
    files = {file.name: len(file.read_text().splitlines()) for file in (library / "Starling").glob("*.m3u8")}
    print(f"sync {ended['state']}: {files}")
    assert len(files) == 1


async def _cut_off(engine: Engine, session: aiohttp.ClientSession, far: Far) -> None:
    """An analyzer far away takes part in a run, is lost with what it has in hand, and comes back."""
    engine.start(FAR, "analyzer", {"REDIS_URL": far.redis_url}, network=f"ns:{far.network}")
    joined = await _far_worker(session, lambda worker: True)
    accepted = await _call(session, "POST", "/api/v1/analysis", {"scope": "all"})
    address, start = f"/api/v1/runs/{accepted['run_id']}", time.monotonic()
    lost = await _far_worker(session, lambda worker: worker["done"] >= 1 and worker["busy"] >= 1)
    far.cut()
    print(f"{lost['name']} was cut off after {lost['done']} tracks, with {lost['busy']} in hand")
    run = await _ended(session, address)
    print(f"run {run['state']} after {time.monotonic() - start:.1f} s: {run['totals']}")
    assert (run["totals"]["analysed"], run["totals"]["failed"]) == (TRACKS, 0), "something was lost, or done twice"
    far.mend()
    accepted = await _call(session, "POST", "/api/v1/analysis", {"scope": "all"})
    back = await _far_worker(session, lambda worker: worker["done"] > lost["done"])
    run = await _ended(session, f"/api/v1/runs/{accepted['run_id']}")
    print(f"it came back and has ended {back['done']} commands; run {run['state']}: {run['totals']}")
    assert joined["name"] == back["name"]
    assert (run["totals"]["analysed"], run["totals"]["failed"]) == (TRACKS, 0)
    dead = await _call(session, "GET", "/api/v1/dead")
    assert dead["items"] == []


async def _far_worker(session: aiohttp.ClientSession, condition: Callable[[Any], bool]) -> Any:
    """The analyzer that is not on this host, once the condition holds for it."""
    found: list[Any] = []

    async def there() -> bool:
        workers = (await _call(session, "GET", "/api/v1/workers"))["items"]
        found[:] = [one for one in workers if one["service"] == "analyzer" and one["host"] != socket.gethostname()]
        return bool(found) and condition(found[0])

    await until(there, "the analyzer far away is where it should be", seconds=120)
    return found[0]


async def _ended(session: aiohttp.ClientSession, address: str) -> Any:
    """What is there once it does not go on any more."""

    async def over() -> bool:
        async with session.get(address) as answer:  # 404 until the projector has come to it
            content = await answer.json()
            return answer.status == 200 and content["state"] in ("completed", "failed", "cancelled")

    await until(over, f"{address} ends", seconds=300)
    return await _call(session, "GET", address)


async def _call(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> Any:
    async with session.request(method, path, json=body) as answer:
        content = await answer.json()
        assert answer.status < 300, f"{method} {path}: {content}"
        return content


@asynccontextmanager
async def _session(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    headers, timeout = {"Authorization": f"Bearer {TOKEN}"}, aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(url, timeout=timeout, headers=headers) as session:
        yield session


if __name__ == "__main__":
    sys.exit(main())
