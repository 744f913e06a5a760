"""Every stream test runs against Valkey and against Redis 7.0."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.settings import Settings
from shared.streams import Streams


@pytest.fixture
def stream_settings(any_redis_url: str) -> Settings:
    """Settings that know a Redis-protocol server and nothing else; leases are short so that reclaiming shows."""
    return Settings.model_validate({"REDIS_URL": any_redis_url, "STARLING_LEASE_S": 0.6, "STARLING_RETRY_BASE_S": 0.02})


@pytest.fixture
async def streams(stream_settings: Settings) -> AsyncIterator[Streams]:
    """An empty deployment."""
    opened = Streams(stream_settings)
    yield opened
    await opened.close()
