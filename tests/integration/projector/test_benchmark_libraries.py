"""The libraries that benchmarks put straight into the read models fit the tables of today."""

from __future__ import annotations

import asyncio

from services.projector.rebuild import ensure_current
from shared import postgres
from shared.settings import Settings
from tests import synthetic
from tests.benchmarks import analysed, bench_gateway, bench_similar

TRACKS = 40


async def test_the_descriptions_and_sounds_of_the_gateway_benchmark(settings: Settings) -> None:
    await ensure_current(settings, asyncio.Event())
    await bench_similar.fill(settings, bench_similar.sounds(TRACKS))
    await bench_gateway.fill_descriptions(settings, TRACKS)
    assert await _counts(settings, "tracks", "track_analysis", "track_vectors", "servers") == [TRACKS] * 3 + [1]


async def test_the_library_of_the_clustering_benchmark(settings: Settings) -> None:
    await ensure_current(settings, asyncio.Event())
    for _ in range(2):
        await analysed.fill(settings, synthetic.library(TRACKS))
    assert await _counts(settings, "tracks", "track_analysis", "track_vectors") == [TRACKS] * 3


async def _counts(settings: Settings, *tables: str) -> list[int]:
    connection = await postgres.open_connection(settings)
    try:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
    finally:
        await connection.close()
