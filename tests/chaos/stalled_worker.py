"""A worker process of its own, to be stopped by a signal in the middle of its work.

usage: python -m tests.chaos.stalled_worker CONSUMER SECONDS_PER_COMMAND
"""

from __future__ import annotations

import asyncio
import sys

from shared import process
from shared.commands import AnalyzeTrack
from shared.events import TrackAnalysisSkipped
from shared.messages import Outcome, wrap
from shared.settings import Settings
from shared.streams import Streams
from shared.worker import Context, Worker

CONSUMER, SECONDS = sys.argv[1], float(sys.argv[2])


async def _handle(command: AnalyzeTrack, _: Context[None]) -> Outcome:
    print(f"begun {command.item_id}", flush=True)
    await asyncio.sleep(SECONDS)
    print(f"ending {command.item_id}", flush=True)
    skipped = TrackAnalysisSkipped(
        run_id=command.run_id, server_id=command.server_id, track_id=command.track_id, reason=CONSUMER
    )
    return Outcome(events=(wrap(skipped),))


async def main(settings: Settings, stop: asyncio.Event) -> None:
    streams = Streams(settings)
    worker: Worker[None] = Worker(
        "analyzer", {AnalyzeTrack: _handle}, None, streams, settings, slots=2, consumer=CONSUMER
    )
    try:
        await worker.run(stop)
    finally:
        await streams.close()


if __name__ == "__main__":
    process.run("analyzer", main)
