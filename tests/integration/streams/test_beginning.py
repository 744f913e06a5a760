"""A log that begins behind a position: what is appended next stands behind it, whatever the clock says."""

from __future__ import annotations

import time

import pytest

from shared import positions
from shared.errors import Conflict
from shared.events import RunPaused
from shared.messages import uuid7, wrap
from shared.streams import Streams, Unit
from tests import given

HOUR_MS = 3_600_000


def _pause() -> Unit:
    return Unit(uuid7(), events=[wrap(RunPaused(run_id=given.RUN))])


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, HOUR_MS])
async def test_the_next_event_stands_behind_it(streams: Streams, ahead_ms: int) -> None:
    position = positions.pack(f"{round(time.time() * 1000) + ahead_ms}-3")
    await streams.log.begin_behind(position)
    assert (await streams.log.first(), await streams.log.last(), await streams.unused()) == (None, 0, True)
    first = (await streams.log.append(_pause())).position
    second = (await streams.log.append(_pause())).position
    assert position < first < second
    assert [entry.position for entry in await streams.log.read(position, 10)] == [first, second]


async def test_it_may_be_said_again_and_never_goes_back(streams: Streams) -> None:
    position = positions.pack(f"{round(time.time() * 1000) + HOUR_MS}-0")
    for begin in (0, position, position, position - 5):
        await streams.log.begin_behind(begin)
    assert (await streams.log.append(_pause())).position == position + 1


async def test_nothing_can_be_put_in_front_of_events(streams: Streams) -> None:
    appended = await streams.log.append(_pause())
    assert not await streams.unused()
    with pytest.raises(Conflict, match="holds events already"):
        await streams.log.begin_behind(appended.position + 1)
