"""An analyzer that is asked for a GPU, on a machine that has none: it says so, and leaves the work to others."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from shared.messages import Send, uuid7, wrap
from shared.settings import Settings
from shared.streams import Streams, Unit
from tests import given


async def test_an_analyzer_without_the_gpu_it_is_asked_for_says_so_and_takes_no_work(redis_url: str) -> None:
    streams = Streams(Settings.model_validate({"REDIS_URL": redis_url}))
    await streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.analyze_track(1)))]))

    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.analyzer"],
        env={**os.environ, "REDIS_URL": redis_url, "STARLING_ANALYZER_DEVICE": "cuda"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith("starling analyzer: STARLING_ANALYZER_DEVICE asks for cuda, but onnxruntime 1.")
    assert "offers only" in sentence
    assert "CPUExecutionProvider" in sentence
    assert "install starling[gpu] " in sentence
    assert sentence.endswith(", or set STARLING_ANALYZER_DEVICE=cpu")
    stream = streams.keys.work_streams("analyzer")[-1]
    assert (await streams.client.xlen(stream), await streams.client.xinfo_groups(stream)) == (1, [])
    await streams.close()
