"""What another program had found out: kept beside what Starling hears, never in its place."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from services.projector.compare import compare
from shared.embedding import AUDIOMUSE_SPACE, SPACE
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import added, analysed, described, discovered, gone, imported, removed, track


async def spaces(projector: Projecting, number: int = 1) -> dict[str, bool]:
    """The spaces in which a track has a vector, and whether it is removed there."""
    rows = await projector.all("SELECT space, removed FROM track_vectors WHERE track_id = $1", track(number))
    return {row["space"]: row["removed"] for row in rows}


async def test_an_import_is_kept_once_and_is_no_analysis_of_starlings(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1)), imported(1))
    before = await projector.one("SELECT * FROM track_imports")
    again = [replace(entry, position=entry.position + 1000) for entry in projector.log[-1:]]
    await projector.hand_over(again)

    row = await projector.one("SELECT * FROM track_imports")
    assert row | {"position": 0} == before | {"position": 0}
    assert (row["track_id"], row["source"], row["tempo_bpm"], row["key"]) == (track(1), "audiomuse", 117.5, "A#")
    assert json.loads(row["tags"]) == {"msd:rock": 0.24}
    assert (await projector.one("SELECT status FROM tracks"))["status"] == "discovered"
    assert await projector.count("track_analysis") == await projector.count("tag_stats") == 0
    assert await compare(projector.settings) == []


async def test_its_vector_stands_in_a_space_of_its_own_and_has_length_one(projector: Projecting) -> None:
    unusable = (b"short", bytes(800), np.full(200, np.nan, "<f4").tobytes())
    bad = [imported(number, blob=blob) for number, blob in enumerate(unusable, 2)]
    await projector.tell(added(), discovered(described(1), described(5)), imported(1, axis=3), analysed(1), *bad)
    assert await spaces(projector) == {AUDIOMUSE_SPACE: False, SPACE: False}
    row = await projector.one("SELECT vector FROM track_vectors WHERE space = $1", AUDIOMUSE_SPACE)
    vector = np.frombuffer(row["vector"], "<f2")
    assert vector.tolist() == [0.0] * 3 + [1.0] + [0.0] * 196
    assert await projector.count("track_imports") == 4, "what else was known of the others is kept"


async def test_removed_tracks_and_libraries_take_their_imports_out_of_every_search(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)), imported(1), imported(2), analysed(1))
    await projector.tell(gone(1))
    assert await spaces(projector) == {AUDIOMUSE_SPACE: True, SPACE: True}
    await projector.tell(removed())
    assert await spaces(projector, 2) == {AUDIOMUSE_SPACE: True}
