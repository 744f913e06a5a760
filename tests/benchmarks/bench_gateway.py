"""Similar songs over HTTP among 100,000: requests a second and how long the slowest take, from a gateway of its own
process, against comparing with every vector for each request in plain numpy. And what browsing and searching cost.

``python -m tests.benchmarks.bench_gateway [--quick]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import numpy as np

from services.projector.rebuild import ensure_current
from services.up.ports import choose
from shared import postgres
from shared.embedding import SPACE, TAG_COUNT, FloatArray
from shared.messages import derived_id
from shared.settings import Settings
from tests import servers
from tests.benchmarks.bench_similar import fill, sounds, track

_NEIGHBOURS = 20
_SIDE_BY_SIDE = 8
_SERVER = derived_id("bench", "server")
_LONGEST_LOAD_S = 300.0
_WORDS = ("river", "night", "golden", "paper", "north", "velvet", "thunder", "quiet", "summer", "glass")


def description(number: int) -> dict[str, Any]:
    """A row of ``tracks``."""
    chosen = random.Random(number)
    title = f"{chosen.choice(_WORDS)} {chosen.choice(_WORDS)} {number}"
    artist, album = f"Artist {number % 4000}", f"{chosen.choice(_WORDS)} {number // 12}"
    return {
        "track_id": track(number),
        "server_id": _SERVER,
        "item_id": f"{number}.flac",
        "content_version": "1",
        "meta_version": "1",
        "title": title,
        "artist": artist,
        "album": album,
        "year": 1960 + number % 60,
        "track_number": number % 12,
        "duration_s": 200.0,
        "suffix": "flac",
        "discovered_at": datetime.now(UTC),
        "status": "analysed",
        "search": f"{title} {artist} {album}".lower(),
    }


def analysis(number: int, tags: bytes) -> dict[str, Any]:
    """A row of ``track_analysis``."""
    return {
        "track_id": track(number),
        "server_id": _SERVER,
        "content_version": "1",
        "profile": "fast",
        "feature_version": 1,
        "space": SPACE,
        "audio_hash": "0",
        "duration_s": 200.0,
        "tempo_bpm": 60.0 + number % 120,
        "tempo_confidence": 0.8,
        "key": "A",
        "scale": "minor",
        "key_confidence": 0.7,
        "tuning_cents": 0.0,
        "loudness_lufs": -12.0,
        "energy": 0.5,
        "brightness": 0.5,
        "silence_s": 0.0,
        "silent": False,
        "patches": 12,
        "decoder": "bench",
        "tags": tags,
        "analysed_at": datetime.now(UTC),
        "run_id": _SERVER,
        "position": number + 1,
    }


async def copy(connection: postgres.Connection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Put rows into a table."""
    records = [tuple(row.values()) for row in rows]
    await connection.copy_records_to_table(table, records=records, columns=list(rows[0]))
    await connection.execute(f"ANALYZE {table}")


async def fill_descriptions(settings: Settings, count: int) -> None:
    """Names and analyses for the tracks that ``fill`` gave vectors, as if the projector had done so long ago."""
    tags = np.random.default_rng(5).beta(0.4, 4.0, (count, TAG_COUNT)).astype("<f2")
    connection = await postgres.open_connection(settings)
    try:
        await copy(connection, "tracks", [description(number) for number in range(count)])
        await copy(connection, "track_analysis", [analysis(number, tags[number].tobytes()) for number in range(count)])
        await connection.execute(_SERVER_ROW, _SERVER)
        sums, squares = tags.astype(np.float64).sum(axis=0), np.square(tags.astype(np.float64)).sum(axis=0)
        stats = [
            {"tag": tag, "n": count, "total": float(sums[tag]), "squares": float(squares[tag])}
            for tag in range(TAG_COUNT)
        ]
        await copy(connection, "tag_stats", stats)
    finally:
        await connection.close()


_SERVER_ROW = (
    "INSERT INTO servers (server_id, server_type, name, path, login, added_at, version)"
    " VALUES ($1, 'folder', 'Bench', '/music', 'password', now(), 1)"
)


@asynccontextmanager
async def gateway(environment: dict[str, str]) -> AsyncIterator[str]:
    """A gateway process; gives its address."""
    port = choose()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.gateway",
        env={**os.environ, **environment, "STARLING_PORT": str(port), "STARLING_LOG_LEVEL": "error"},
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def loaded(session: aiohttp.ClientSession, url: str, vectors: int) -> float:
    """Seconds until the index holds every vector."""
    started = time.perf_counter()
    while time.perf_counter() - started < _LONGEST_LOAD_S:
        try:
            async with session.get(f"{url}/api/v1/status") as response:
                index = (await response.json()).get("index", {})
                if index.get("ready") and index["vectors"] == vectors:
                    return time.perf_counter() - started
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(f"the index was not loaded within {_LONGEST_LOAD_S} s")


async def load_test(ask: Callable[[], Awaitable[None]], seconds: float, side_by_side: int) -> dict[str, float]:
    """Requests a second and percentiles, ``side_by_side`` at a time."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def listener() -> None:
        while (started := time.perf_counter()) < end:
            await ask()
            times.append(time.perf_counter() - started)

    began = time.perf_counter()
    await asyncio.gather(*(listener() for _ in range(side_by_side)))
    whole = time.perf_counter() - began
    times.sort()
    return {
        "per_s": len(times) / whole,
        "p50_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
    }


def brute_force(vectors: FloatArray, seconds: float) -> dict[str, float]:
    """The plain way: compare with every vector for each request; no HTTP, no names, no reasons."""
    chosen, times = random.Random(1), list[float]()
    end = time.perf_counter() + seconds
    while (started := time.perf_counter()) < end:
        distances = 1.0 - vectors @ vectors[chosen.randrange(len(vectors))]
        nearest = np.argpartition(distances, _NEIGHBOURS + 1)[: _NEIGHBOURS + 1]
        nearest[np.argsort(distances[nearest])]
        times.append(time.perf_counter() - started)
    times.sort()
    return {"per_s": len(times) / seconds, "p99_ms": times[int(len(times) * 0.99)] * 1e3}


async def over_http(url: str, vectors: int, seconds: float) -> dict[str, float]:
    """All that is measured through the door."""
    chosen = random.Random(2)
    result: dict[str, float] = {}
    async with aiohttp.ClientSession() as session:

        async def get(path: str) -> None:
            async with session.get(url + path) as response:
                body = await response.json()
                if response.status != 200 or not body["items"]:
                    raise RuntimeError(f"{path} answered {response.status}: {body}")

        async def similar() -> None:
            await get(f"/api/v1/tracks/{track(chosen.randrange(vectors))}/similar?n={_NEIGHBOURS}")

        async def search() -> None:
            await get(f"/api/v1/tracks?query={chosen.choice(_WORDS)}+{chosen.choice(_WORDS)}")

        result["load_s"] = await loaded(session, url, vectors)
        await load_test(similar, seconds / 5, _SIDE_BY_SIDE)
        for name, ask, side_by_side in (
            ("similar", similar, _SIDE_BY_SIDE),
            ("similar_alone", similar, 1),
            ("first_page", lambda: get("/api/v1/tracks"), 1),
            ("search", search, 1),
        ):
            figures = await load_test(ask, seconds, side_by_side)
            result |= {f"{name}_{figure}": value for figure, value in figures.items()}
    return result


async def measure(environment: dict[str, str], count: int, seconds: float) -> dict[str, float]:
    """All figures, by name."""
    settings = Settings.model_validate(environment)
    await ensure_current(settings, asyncio.Event())
    vectors = sounds(count)
    await fill(settings, vectors)
    await fill_descriptions(settings, count)
    result: dict[str, float] = {"vectors": count}
    async with gateway(environment) as url:
        result |= await over_http(url, count, seconds)
    plain = await asyncio.to_thread(brute_force, vectors, seconds)
    result |= {f"brute_force_{name}": value for name, value in plain.items()}
    result["times_brute_force"] = result["similar_per_s"] / result["brute_force_per_s"]
    return result


def run(*, quick: bool = False) -> dict[str, float]:
    """Measure on servers of our own, with the durability of ``starling up``."""
    with servers.stores() as environment:
        return asyncio.run(measure(environment, 10_000 if quick else 100_000, 2.0 if quick else 6.0))


def main(arguments: Sequence[str]) -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10,000 vectors, two seconds each")
    result = run(quick=parser.parse_args(arguments).quick)
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


if __name__ == "__main__":
    main(sys.argv[1:])
