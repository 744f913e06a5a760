"""The index of vectors follows the table, survives restarts, and answers as comparing with every track would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pytest

from services.projector.rebuild import rebuild
from shared import embedding, events, postgres
from shared.embedding import EMBEDDING_SIZE, SPACE, TAG_COUNT, FloatArray
from shared.errors import NotFound
from shared.events import Event, LibraryTrack
from shared.messages import derived_id
from shared.settings import Settings
from shared.vectors import VectorIndex
from tests.integration.projector.projecting import Projecting, projector_at_work
from tests.waiting import until

if TYPE_CHECKING:
    from shared.postgres import Pool

RUN = derived_id("vectors", "run")
NOTHING = np.zeros(TAG_COUNT, np.float32)


def server(number: int) -> UUID:
    return derived_id("vectors", "server", number)


def track(number: int) -> UUID:
    return derived_id("vectors", "track", number)


def sounds(count: int, seed: int = 0) -> FloatArray:
    """Unit vectors [count, 400] in a few loose groups, like music."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(12, EMBEDDING_SIZE))
    vectors = centres[rng.integers(0, 12, count)] + 1.5 * rng.normal(size=(count, EMBEDDING_SIZE))
    unit: FloatArray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def analysed(number: int, library: int = 0, space: str = SPACE) -> Event:
    return events.TrackAnalyzed(
        run_id=RUN,
        server_id=server(library),
        track_id=track(number),
        content_version="1",
        profile="fast",
        feature_version=1,
        space=space,
        audio_hash="00",
        duration_s=1.0,
    )


class Library:
    """A database with a projector at work, to which a test tells what happens."""

    def __init__(self, pool: Pool, projector: Projecting) -> None:
        self.pool = pool
        self._projector = projector
        self._untold: list[Event | tuple[Event, bytes | None]] = []

    def analyse(self, numbers: Sequence[int], vectors: FloatArray, library: int = 0) -> None:
        """Analyse tracks with these vectors [n, 400]."""
        for number, vector in zip(numbers, vectors, strict=True):
            self._untold.append((analysed(number, library), embedding.pack(vector, NOTHING)))

    def say(self, event: Event) -> None:
        """Anything else."""
        self._untold.append(event)

    async def project(self) -> None:
        """Let the projector do what was said so far."""
        await self._projector.tell(*self._untold)
        self._untold = []

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings) -> AsyncIterator[Library]:
        pool = await postgres.open_pool(settings)
        try:
            async with projector_at_work(settings) as projector:
                yield cls(pool, projector)
        finally:
            pool.terminate()


@pytest.fixture
async def library(settings: Settings) -> AsyncIterator[Library]:
    async with Library.opened(settings) as opened:
        yield opened


@pytest.fixture
async def index() -> AsyncIterator[VectorIndex]:
    made = VectorIndex()
    yield made
    await made.close()


async def found(index: VectorIndex, near: int, n: int, library: int | None = None) -> list[UUID]:
    server_id = None if library is None else server(library)
    return [item.track_id for item in await index.neighbours(track(near), n, server_id=server_id)]


def nearest(vectors: FloatArray, near: int, n: int) -> list[UUID]:
    """What comparing with every vector gives."""
    order = np.argsort(-(vectors @ vectors[near]), kind="stable")
    return [track(number) for number in order.tolist() if number != near][:n]


async def test_a_track_is_found_as_soon_as_its_row_is_there(library: Library, index: VectorIndex) -> None:
    vectors = sounds(40)
    library.analyse(range(39), vectors[:39])
    await library.project()
    await index.load(library.pool)
    assert index.ready and len(index) == 39
    assert track(39) not in index
    with pytest.raises(NotFound):
        await index.neighbours(track(39), 5)

    library.analyse([39], vectors[39:])
    await library.project()
    assert await index.refresh(library.pool) == 1
    assert track(39) in index
    (nearest_one,) = await index.neighbours(vectors[39], 1)
    assert nearest_one.track_id == track(39)
    assert nearest_one.distance < 1e-3
    assert await library.pool.fetchval("SELECT position FROM follower_positions") == index.position


async def test_neighbours_are_those_of_comparing_with_every_track(library: Library, index: VectorIndex) -> None:
    vectors = sounds(600)
    library.analyse(range(600), vectors)
    await library.project()
    await index.load(library.pool)
    hits = [len(set(await found(index, near, 20)) & set(nearest(vectors, near, 20))) for near in range(0, 600, 20)]
    assert sum(hits) / len(hits) > 19.8
    answer = await index.neighbours(track(7), 20)
    assert track(7) not in [item.track_id for item in answer]
    assert [item.distance for item in answer] == sorted(item.distance for item in answer)
    assert len(await index.neighbours(track(7), 5000)) == 599
    assert np.abs(await index.vector(track(7)) - vectors[7]).max() < 1e-3


async def test_a_vector_that_cannot_be_compared_is_refused(library: Library, index: VectorIndex) -> None:
    await index.load(library.pool)
    assert await index.neighbours(sounds(1)[0], 3) == []
    for wrong in (np.zeros(EMBEDDING_SIZE, np.float32), np.ones(3, np.float32)):
        with pytest.raises(ValueError, match="400"):
            await index.neighbours(wrong, 3)


async def test_a_removed_track_is_in_no_answer_until_it_comes_back(library: Library, index: VectorIndex) -> None:
    library.analyse(range(10), sounds(10))
    await library.project()
    await index.load(library.pool)
    library.say(events.TracksRemoved(run_id=RUN, server_id=server(0), track_ids=(track(3), track(4))))
    await library.project()
    assert await index.refresh(library.pool) == 2
    assert len(index) == 8
    assert not {track(3), track(4)} & set(await found(index, 0, 20))

    back = LibraryTrack(track_id=track(3), item_id="3", content_version="1", meta_version="1", title="Three")
    library.say(events.TracksDiscovered(run_id=RUN, server_id=server(0), tracks=(back,)))
    await library.project()
    await index.refresh(library.pool)
    assert track(3) in await found(index, 0, 20)
    assert track(4) not in index

    library.say(events.ServerRemoved(server_id=server(0)))
    library.analyse([11], sounds(1))
    await library.project()
    await index.refresh(library.pool)
    assert len(index) == 0


async def test_a_track_analysed_anew_is_found_at_its_new_place(library: Library, index: VectorIndex) -> None:
    vectors = sounds(60)
    library.analyse(range(60), vectors)
    await library.project()
    await index.load(library.pool)
    library.analyse([5], -vectors[5:6])
    await library.project()
    await index.refresh(library.pool)
    assert len(index) == 60
    assert (await index.neighbours(-vectors[5], 1))[0].track_id == track(5)


async def test_another_space_is_another_index(library: Library, index: VectorIndex) -> None:
    library.say(analysed(1, space="another-1"))
    library.analyse([2], sounds(1))
    await library.project()
    await index.load(library.pool)
    assert track(2) in index
    assert track(1) not in index


async def test_neighbours_within_one_library(library: Library, index: VectorIndex) -> None:
    vectors = sounds(400)
    library.analyse(range(390), vectors[:390], library=0)
    library.analyse(range(390, 400), vectors[390:], library=1)
    await library.project()
    await index.load(library.pool)
    small = set(map(track, range(390, 400)))
    assert await found(index, 0, 5, library=1) == [one for one in nearest(vectors, 0, 400) if one in small][:5]
    assert set(await found(index, 395, 50, library=1)) == small - {track(395)}
    assert not small & set(await found(index, 0, 100, library=0))
    assert await found(index, 0, 5, library=2) == []


async def test_a_restart_reads_the_snapshot_and_only_what_came_after(
    library: Library, index: VectorIndex, tmp_path: Path
) -> None:
    vectors = sounds(120)
    library.analyse(range(100), vectors[:100])
    library.say(events.TracksRemoved(run_id=RUN, server_id=server(0), track_ids=(track(1),)))
    await library.project()
    await index.load(library.pool, tmp_path)
    library.say(events.TracksRemoved(run_id=RUN, server_id=server(0), track_ids=(track(2),)))
    await library.project()
    await index.refresh(library.pool)
    assert index.unsaved == 100
    saved = await index.save(tmp_path)
    assert saved is not None and saved.parent == tmp_path / SPACE
    assert index.unsaved == 0
    library.analyse(range(100, 120), vectors[100:])
    await library.project()

    second = VectorIndex()
    await second.load(library.pool, tmp_path)
    try:
        assert second.unsaved == 20
        assert len(second) == 118
        await index.refresh(library.pool)
        for near in (0, 50, 119):
            assert await second.neighbours(track(near), 30) == await index.neighbours(track(near), 30)
        assert track(2) not in second
    finally:
        await second.close()


@pytest.mark.parametrize("damage", ["half a graph", "a flipped bit", "no description", "another format"])
async def test_a_damaged_snapshot_is_passed_over(
    library: Library, index: VectorIndex, tmp_path: Path, damage: str
) -> None:
    vectors = sounds(50)
    library.analyse(range(40), vectors[:40])
    await library.project()
    await index.load(library.pool)
    await index.save(tmp_path)
    library.analyse(range(40, 50), vectors[40:])
    await library.project()
    await index.refresh(library.pool)
    newest = await index.save(tmp_path)
    assert newest is not None
    graph, about = newest / "graph.voyager", newest / "about.json"
    match damage:
        case "half a graph":
            graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
        case "a flipped bit":
            content = bytearray(graph.read_bytes())
            content[len(content) // 2] ^= 1
            graph.write_bytes(content)
        case "no description":
            about.unlink()
        case _:
            about.write_text(json.dumps({**json.loads(about.read_text()), "format": 0}))

    second = VectorIndex()
    await second.load(library.pool, tmp_path)
    try:
        assert second.unsaved == 10, "the older snapshot and the ten rows behind it"
        assert await second.neighbours(track(0), 49) == await index.neighbours(track(0), 49)
    finally:
        await second.close()


async def test_two_snapshots_are_kept(library: Library, index: VectorIndex, tmp_path: Path) -> None:
    for number in range(4):
        library.analyse([number], sounds(1, seed=number))
        await library.project()
        await index.load(library.pool)
        await index.save(tmp_path)
    names = sorted(path.name for path in (tmp_path / SPACE).iterdir())
    assert len(names) == 2
    assert names[-1] == (await index.save(tmp_path) or tmp_path).name


async def test_a_rebuild_of_the_table_costs_no_work_on_the_graph(
    library: Library, index: VectorIndex, settings: Settings, tmp_path: Path
) -> None:
    library.analyse(range(30), sounds(30))
    await library.project()
    await index.load(library.pool)
    await index.save(tmp_path)
    await rebuild(settings)
    assert await index.refresh(library.pool) == 0
    second = VectorIndex()
    await second.load(library.pool, tmp_path)
    assert (second.unsaved, len(second)) == (0, 30)
    await second.close()


async def test_a_snapshot_of_another_database_is_checked_row_by_row(
    library: Library, index: VectorIndex, tmp_path: Path
) -> None:
    library.analyse(range(30), sounds(30))
    await library.project()
    await index.load(library.pool)
    await index.save(tmp_path)
    await library.pool.execute("UPDATE event_log SET id = gen_random_uuid()")
    await library.pool.execute("DELETE FROM track_vectors WHERE track_id = $1", track(4))
    second = VectorIndex()
    await second.load(library.pool, tmp_path)
    assert len(second) == 29
    assert track(4) not in second
    await second.close()


async def test_a_graph_with_many_hidden_vectors_is_made_anew(library: Library, index: VectorIndex) -> None:
    vectors = sounds(400)
    library.analyse(range(400), vectors)
    await library.project()
    await index.load(library.pool)
    assert index.hidden == 0
    library.say(events.TracksRemoved(run_id=RUN, server_id=server(0), track_ids=tuple(map(track, range(250, 400)))))
    await library.project()
    await index.refresh(library.pool)
    assert len(index) == 250

    async def compacted() -> bool:
        return index.hidden < 0.02

    library.analyse([400], sounds(1, seed=9))
    library.say(events.TracksRemoved(run_id=RUN, server_id=server(0), track_ids=(track(249),)))
    await library.project()
    await index.refresh(library.pool)
    await until(compacted, "the hidden vectors are gone")
    assert len(index) == 250
    assert track(400) in index and track(249) not in index
    assert await found(index, 0, 20) == nearest(vectors[:249], 0, 20)


async def test_saving_and_asking_while_tracks_arrive(library: Library, index: VectorIndex, tmp_path: Path) -> None:
    vectors = sounds(220)
    library.analyse(range(100), vectors[:100])
    await library.project()
    await index.load(library.pool)
    done = asyncio.Event()

    async def ask() -> int:
        answers = 0
        while not done.is_set():
            assert len(await found(index, answers % 100, 10)) == 10
            answers += 1
        return answers

    async def save() -> None:
        while not done.is_set():
            assert await index.save(tmp_path)

    others = [asyncio.create_task(ask()), asyncio.create_task(ask()), asyncio.create_task(save())]
    for start in range(100, 220, 40):
        library.analyse(range(start, start + 40), vectors[start : start + 40])
        await library.project()
        await index.refresh(library.pool)
    done.set()
    await asyncio.gather(*others)
    second = VectorIndex()
    await second.load(library.pool, tmp_path)
    assert len(second) == 220
    await second.close()
