"""A few made-up requests for every operation."""

from __future__ import annotations

import asyncio
from pathlib import Path

from shared.settings import Settings
from tests.fuzzing.making_up import as_described, fuzz
from tests.fuzzing.target import inhabited
from tests.integration.gateway.api import DOCUMENT

OPERATIONS = sum(len(item) for item in DOCUMENT["paths"].values()) - 1
OPEN = sum(one.get("security") == [] for item in DOCUMENT["paths"].values() for one in item.values())


async def test_whatever_is_asked_the_answer_is_as_described(settings: Settings, music: Path) -> None:
    async with inhabited(settings, music) as (owner, _):
        seen = await asyncio.to_thread(fuzz, owner, 2, 1, as_described)
    assert len(seen.operations) == OPERATIONS
    assert seen.cases >= OPERATIONS
