"""Whatever the cut of the batches, whenever it is rebuilt: the rows are the same."""

from __future__ import annotations

import random

import pytest

from services.projector.compare import compare
from shared.settings import Settings
from tests.integration.projector.history import History
from tests.integration.projector.projecting import feed, projector_at_work, rows


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_rebuild_gives_the_rows_that_live_projecting_gave(settings: Settings, seed: int) -> None:
    history = History(seed).grow(2500)
    async with projector_at_work(settings) as (follower, connection):
        await feed(follower, connection, history, random.Random(seed))
        assert await compare(settings) == []
        assert await rows(connection, "tracks") > 100
