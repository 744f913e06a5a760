"""Given analyses, then what is known of the sound, the sums over all tracks, and the vectors."""

from __future__ import annotations

import numpy as np

from shared.embedding import SPACE, TAG_COUNT
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import (
    added,
    analysed,
    described,
    discovered,
    gone,
    removed,
    sound,
    track,
)

VECTOR = "SELECT vector_id, position, removed, vector FROM track_vectors WHERE track_id = $1 AND space = $2"


async def test_the_newest_analysis_of_a_track_counts(projector: Projecting) -> None:
    await projector.tell(analysed(1, tempo_bpm=90.0, key="A", scale="minor"), analysed(2))
    last = await projector.tell(analysed(1, tempo_bpm=120.5, loudness_lufs=-9.25, energy=0.5, blob=sound(1, 0.25)))
    row = await projector.one("SELECT * FROM track_analysis WHERE track_id = $1", track(1))
    assert (row["tempo_bpm"], row["key"], row["loudness_lufs"], row["energy"]) == (120.5, None, -9.25, 0.5)
    assert (row["position"], row["analysed_at"]) == (last, projector.log[-1].raw.occurred_at)
    assert np.frombuffer(row["tags"], "<f2").tolist() == [0.25] * TAG_COUNT
    assert await projector.count("track_analysis") == 2


async def test_sums_of_tags_replace_what_is_analysed_anew(projector: Projecting) -> None:
    await projector.tell(analysed(1, blob=sound(1, 0.5)), analysed(2, blob=sound(2, 0.25)))
    assert await projector.all("SELECT DISTINCT n, total, squares FROM tag_stats") == [
        {"n": 2, "total": 0.75, "squares": 0.3125}
    ]
    await projector.tell(analysed(1, blob=sound(1, 0.0)), analysed(1, blob=sound(1, 1.0)))
    rows = await projector.all("SELECT tag, n, total, squares FROM tag_stats ORDER BY tag")
    assert [row["tag"] for row in rows] == list(range(TAG_COUNT))
    assert {(row["n"], row["total"], row["squares"]) for row in rows} == {(2, 1.25, 1.0625)}


async def test_an_analysis_without_a_proper_blob_has_neither_tags_nor_vector(projector: Projecting) -> None:
    odd = [b"", b"x" * 999, np.full(500, np.nan, "<f2").tobytes()]
    await projector.tell(
        *(analysed(number, tempo_bpm=100.0, blob=blob) for number, blob in enumerate(odd)), analysed(9)
    )
    rows = await projector.all("SELECT tempo_bpm, tags FROM track_analysis WHERE track_id <> $1", track(9))
    assert rows == [{"tempo_bpm": 100.0, "tags": None}] * 3
    assert [row["track_id"] for row in await projector.all("SELECT track_id FROM track_vectors")] == [track(9)]


async def test_a_vector_keeps_the_number_of_its_first_analysis(projector: Projecting) -> None:
    first = await projector.tell(analysed(1))
    second = await projector.tell(analysed(1, blob=sound(7)))
    row = await projector.one(VECTOR, track(1), SPACE)
    assert (row["vector_id"], row["position"], row["removed"]) == (first, second, False)
    assert row["vector"] == sound(7)[:800]
    other = await projector.tell(analysed(1, space="another-1"))
    assert (await projector.one(VECTOR, track(1), "another-1"))["vector_id"] == other


async def test_a_vector_goes_and_comes_back_with_its_track(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1)), analysed(1))
    left = await projector.tell(gone(1))
    row = await projector.one(VECTOR, track(1), SPACE)
    assert (row["removed"], row["position"]) == (True, left)
    await projector.tell(gone(1))
    assert await projector.one(VECTOR, track(1), SPACE) == row, "nothing new"
    back = await projector.tell(discovered(unchanged=(track(1),)))
    row = await projector.one(VECTOR, track(1), SPACE)
    assert (row["removed"], row["position"]) == (False, back)


async def test_a_vector_that_arrives_after_its_track_has_left_is_not_found(projector: Projecting) -> None:
    await projector.tell(added(), discovered(described(1), described(2)), gone(1), analysed(1))
    assert (await projector.one(VECTOR, track(1), SPACE))["removed"] is True
    await projector.tell(removed(), analysed(2), discovered(described(2)))
    assert (await projector.one(VECTOR, track(2), SPACE))["removed"] is True


async def test_all_in_one_batch(projector: Projecting) -> None:
    last = await projector.tell(
        added(),
        discovered(described(1)),
        analysed(1),
        gone(1),
        discovered(described(1)),
        analysed(1, blob=sound(3)),
        gone(1),
    )
    row = await projector.one(VECTOR, track(1), SPACE)
    assert (row["removed"], row["position"]) == (True, last)
    assert (row["vector_id"], row["vector"]) == (projector.log[2].position, sound(3)[:800])
    assert await projector.one("SELECT removed, status FROM tracks") == {"removed": True, "status": "analysed"}
