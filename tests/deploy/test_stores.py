"""The Valkey that is deployed is one that Starling works with: the very command is run, and its durability checked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.up import binaries, ports
from shared.errors import StoreUnavailable
from shared.settings import Settings
from shared.streams import Streams
from tests.deploy import compose
from tests.deploy.kustomize import render
from tests.deploy.test_compose import FILLED
from tests.waiting import until


def _compose(durability: str) -> tuple[str, str]:
    valkey = compose.read(compose.MAIN, {**FILLED, "STARLING_DURABILITY": durability})["services"]["valkey"]
    assert valkey["environment"]["DURABILITY"] == durability
    return valkey["command"][2], durability


def _kubernetes() -> tuple[str, str]:
    (spec,) = [
        thing["spec"]["template"]["spec"]["containers"][0]
        for thing in render("small")
        if (thing["kind"], thing["metadata"]["name"]) == ("StatefulSet", "valkey")
    ]
    return spec["command"][2], "always"


@contextmanager
def _running(script: str, durability: str, folder: Path) -> Iterator[str]:
    """The command of the container, but for port and folder: its URL."""
    port = ports.choose()
    script = script.replace("dir /data", f"dir {folder}\nbind 127.0.0.1\nport {port}")
    path = f"{binaries.valkey_server().parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "VALKEY_PASSWORD": "secret", "DURABILITY": durability}
    process = subprocess.Popen(["sh", "-c", script], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://:secret@127.0.0.1:{port}/0"
    finally:
        process.terminate()
        assert process.wait(10) == 0


async def _answers(streams: Streams) -> bool:
    try:
        return await streams.ping()
    except StoreUnavailable:
        return False


@pytest.mark.parametrize(
    "deployed",
    [lambda: _compose("always"), lambda: _compose("everysec"), _kubernetes],
    ids=["compose", "compose with everysec", "kubernetes"],
)
async def test_the_valkey_that_is_deployed_keeps_what_starling_wants_kept(
    deployed: Callable[[], tuple[str, str]], tmp_path: Path
) -> None:
    script, durability = deployed()
    with _running(script, durability, tmp_path) as url:
        streams = Streams(Settings.model_validate({"REDIS_URL": url, "STARLING_DURABILITY": durability}))
        stranger = Streams(Settings.model_validate({"REDIS_URL": url.replace("secret", "wrong")}))
        try:
            await until(lambda: _answers(streams), "Valkey answers")
            await streams.check()
            assert not await _answers(stranger)
        finally:
            await streams.close()
            await stranger.close()
