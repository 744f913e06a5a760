"""Three gateways behind a plain TCP balancer, while a library is analysed: whichever answers, it is one Starling."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.up import ports
from tests import music
from tests.balancer import balanced
from tests.environment import clean_environment
from tests.instance import Instance
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

TOKEN = "a long random word"
TRACKS = 18
OWNER = {"name": "Anna", "password": "correct horse battery"}
OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}


@contextmanager
def more_gateways(first: Instance, count: int) -> Iterator[list[int]]:
    """The ports of so many more gateways on the stores of an instance, each with a data directory of its own."""
    with ExitStack() as stack:
        chosen = []
        for number in range(count):
            port = ports.choose()
            own = {"STARLING_PORT": str(port), "STARLING_DATA_DIR": str(first.data_dir.with_suffix(f".{number}"))}
            process = subprocess.Popen(
                [sys.executable, "-m", "services.gateway"],
                env={**clean_environment(), **first.environment, **first.state().environment, **own},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait, 10)
            stack.callback(process.kill)
            chosen.append(port)
        yield chosen


class Client:
    """Asks through the balancer, each time over a new connection, so each time another gateway."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self.headers = headers

    async def ask(self, method: str, path: str, body: Any = None, *, at: int | None = None) -> tuple[int, Any, Any]:
        """Status, JSON and headers; ``at`` is the port of one gateway instead of the balancer."""
        url = f"http://127.0.0.1:{at}" if at else self._url
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(method, url + path, json=body, headers=self.headers) as answer,
        ):
            content = await answer.json() if answer.content_length else None
            return answer.status, content, answer.headers

    async def get(self, path: str, *, at: int | None = None) -> Any:
        status, body, _ = await self.ask("GET", path, at=at)
        assert status == 200, (status, body)
        return body


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many gateways")
    music.make_library(folder, music.many_songs(TRACKS, seconds=6.0))
    return folder


@pytest.fixture
async def gateways(library: Path, tmp_path: Path) -> AsyncIterator[tuple[str, list[int]]]:
    """The balancer's address, and the ports of the three behind it."""
    environment = {"STARLING_TOKEN": TOKEN, "STARLING_RATE_LIMIT": "60"}
    first = Instance(tmp_path / "data", library, environment)
    try:
        await asyncio.to_thread(first.start)
        with more_gateways(first, 2) as others:
            behind = [int(first.url.rpartition(":")[2]), *others]
            async with balanced(behind) as url:
                nobody = Client(url, {})
                for port in behind:
                    await until(partial(_ready, nobody, port), "the gateway is ready")
                yield url, behind
    finally:
        first.kill()


async def _ready(client: Client, port: int) -> bool:
    try:
        return (await client.ask("GET", "/readyz", at=port))[0] == 200
    except aiohttp.ClientError:
        return False


async def test_whichever_gateway_answers_it_is_one_starling(gateways: tuple[str, list[int]], library: Path) -> None:
    url, behind = gateways
    operator = Client(url, {"Authorization": f"Bearer {TOKEN}"})
    owner = await _signed_in(Client(url, {}))
    run = await _started(operator, library)

    seen = [0]
    while True:
        state = await owner.get(f"/api/v1/runs/{run}")
        analysed = state["totals"]["analysed"]
        if analysed > seen[-1]:
            await _everywhere(operator, behind, at_least=analysed)
        seen.append(analysed)
        if state["ended_at"]:
            break
    assert seen == sorted(seen), "a gateway has told less than another one before it"
    assert seen[-1] == TRACKS
    assert len(set(seen)) > 2, "the run was over before anybody could look at it"

    track = (await owner.get("/api/v1/tracks?limit=1"))["items"][0]["id"]
    found = [await operator.get(f"/api/v1/tracks/{track}/similar?n=20", at=port) for port in behind]
    assert [[item["track"]["id"] for item in answer["items"]] for answer in found[1:]] == [
        [item["track"]["id"] for item in found[0]["items"]]
    ] * 2

    await _counts_once(url, behind)
    assert (await owner.ask("DELETE", "/api/v1/session"))[0] == 204
    assert [(await owner.ask("GET", "/api/v1/tracks", at=port))[0] for port in behind] == [401] * 3


async def _signed_in(client: Client) -> Client:
    """The owner, made at one gateway, with a session that was begun at another."""
    status, body, _ = await client.ask("POST", "/api/v1/set-up", {**OWNER, "code": TOKEN})
    assert status == 201, body
    assert (await client.ask("POST", "/api/v1/set-up", {**OWNER, "code": TOKEN}))[0] == 409
    status, _, headers = await client.ask("POST", "/api/v1/session", OWNER)
    assert status == 204
    client.headers = {"Cookie": headers["Set-Cookie"].partition(";")[0], **OUR_PAGE}
    for _ in range(3):
        assert (await client.get("/api/v1/session"))["state"] == "signed_in"
    return client


async def _started(client: Client, library: Path) -> str:
    body = {"type": "folder", "name": "Music", "path": str(library)}
    status, server, _ = await client.ask("POST", "/api/v1/servers", body)
    assert status == 201, server
    status, run, _ = await client.ask("POST", f"/api/v1/analysis?after={server['position']}", {})
    assert status == 202, run
    await client.get(f"/api/v1/runs/{run['run_id']}?after={run['position']}")
    return str(run["run_id"])


async def _everywhere(client: Client, behind: list[int], *, at_least: int) -> None:
    """Wait until every gateway can find so many tracks by their sound, a second at most after one tells of them."""
    deadline = time.monotonic() + 1.5
    while True:
        held = [(await client.get("/api/v1/status", at=port))["index"]["vectors"] for port in behind]
        if min(held) >= at_least:
            return
        assert time.monotonic() < deadline, f"{at_least} tracks are analysed, the gateways find {held}"
        await asyncio.sleep(0.02)


async def _counts_once(url: str, behind: list[int]) -> None:
    """Wrong passwords are counted together, whoever is asked."""
    stranger, wrong = Client(url, {}), {"name": "Anna", "password": "wrong wrong wrong"}
    seen = [(await stranger.ask("POST", "/api/v1/session", wrong))[0] for _ in range(2 * len(behind))]
    assert seen == [401] * 5 + [429]
