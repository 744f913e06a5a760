"""Analysed libraries for benchmarks: heard from a folder of music, and put into the read models."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from services.analyzer.analysis import Analysis
from services.analyzer.pool import AnalyzerPool
from services.clusterer.library import KEYS, FloatArray, Library, ObjectArray
from shared import embedding, postgres
from shared.settings import Settings
from tests import given
from tests.benchmarks.bench_analysis import find_music

_MOST = 200
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_TABLES = ("tracks", "track_analysis", "track_vectors")


async def heard(folder: Path) -> Library:
    """Up to 200 tracks of ``folder``, analysed now."""
    paths = find_music(folder, _MOST)
    pool = AnalyzerPool(os.cpu_count() or 1, timeout_s=600, memory_mb=1500)
    try:
        await pool.start()
        done = await asyncio.gather(*(pool.analyze(path, "full") for path in paths), return_exceptions=True)
    finally:
        await pool.close()
    pairs = [(path, one) for path, one in zip(paths, done, strict=True) if isinstance(one, Analysis)]
    return _library([path for path, _ in pairs], [one for _, one in pairs])


def _library(paths: list[Path], analyses: list[Analysis]) -> Library:
    def objects(values: list[Any]) -> ObjectArray:
        made = np.empty(len(values), np.object_)
        made[:] = values
        return made

    def floats(name: str) -> FloatArray:
        values = [getattr(one, name) for one in analyses]
        return np.array([np.nan if value is None else value for value in values], np.float32)

    return Library(
        track_ids=objects([given.track(number) for number in range(len(paths))]),
        server_id=objects([given.SERVER] * len(paths)),
        audio_hash=objects([one.audio_hash for one in analyses]),
        title=objects([path.stem for path in paths]),
        artist=objects([path.parent.name for path in paths]),
        album=objects([path.parent.name for path in paths]),
        genre=objects([path.parent.name for path in paths]),
        year=np.zeros(len(paths), np.int32),
        duration_s=floats("duration_s"),
        tempo_bpm=floats("tempo_bpm"),
        energy=floats("energy"),
        brightness=floats("brightness"),
        loudness=floats("loudness_lufs"),
        key=np.array([KEYS.index(one.key) if one.key else -1 for one in analyses], np.int32),
        scale=np.array([{None: -1, "minor": 0, "major": 1}[one.scale] for one in analyses], np.int32),
        vectors=np.array([one.embedding for one in analyses], np.float32),
        tags=np.array([one.tags for one in analyses], np.float32),
    )


async def fill(settings: Settings, tracks: Library) -> None:
    """Replace what the read models hold by these tracks, as if the projector had done so long ago."""
    connection = await postgres.open_connection(settings)
    try:
        await connection.execute(f"TRUNCATE {', '.join(_TABLES)}")
        for start in range(0, len(tracks), 5000):
            part = tracks.take(np.arange(start, min(start + 5000, len(tracks))))
            for table, row in _rows(part, start).items():
                records = [tuple(one.values()) for one in row]
                await connection.copy_records_to_table(table, records=records, columns=list(row[0]))
        for table in _TABLES:
            await connection.execute(f"ANALYZE {table}")
    finally:
        await connection.close()


def _rows(part: Library, first: int) -> dict[str, list[dict[str, Any]]]:
    return {
        "tracks": [_track(part, row, first + row) for row in range(len(part))],
        "track_analysis": [_analysis(part, row, first + row) for row in range(len(part))],
        "track_vectors": [_vector(part, row, first + row) for row in range(len(part))],
    }


def _track(part: Library, row: int, number: int) -> dict[str, Any]:
    return {
        "track_id": part.track_ids[row],
        "server_id": given.SERVER,
        "item_id": str(number),
        "content_version": "1",
        "meta_version": "1",
        "title": part.title[row],
        "artist": part.artist[row],
        "album": part.album[row],
        "genre": part.genre[row],
        "year": int(part.year[row]),
        "discovered_at": _NOW,
        "status": "analysed",
        "search": "",
    }


def _analysis(part: Library, row: int, number: int) -> dict[str, Any]:
    return {
        "track_id": part.track_ids[row],
        "server_id": given.SERVER,
        "content_version": "1",
        "profile": "full",
        "feature_version": embedding.FEATURE_VERSION,
        "space": embedding.SPACE,
        "audio_hash": part.audio_hash[row],
        "duration_s": float(part.duration_s[row]),
        "tempo_bpm": _number(part.tempo_bpm[row]),
        "key": KEYS[part.key[row]],
        "scale": "major" if part.scale[row] else "minor",
        "loudness_lufs": _number(part.loudness[row]),
        "energy": float(part.energy[row]),
        "brightness": float(part.brightness[row]),
        "silent": False,
        "decoder": "",
        "tags": part.tags[row].astype("<f2").tobytes(),
        "analysed_at": _NOW,
        "run_id": given.RUN,
        "position": number,
    }


def _vector(part: Library, row: int, number: int) -> dict[str, Any]:
    return {
        "vector_id": number,
        "track_id": part.track_ids[row],
        "server_id": given.SERVER,
        "space": embedding.SPACE,
        "vector": part.vectors[row].astype("<f2").tobytes(),
        "position": number,
    }


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
