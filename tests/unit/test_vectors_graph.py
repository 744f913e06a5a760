"""The graph of vectors, and what keeps its threads apart."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import numpy as np
import pytest

from shared.embedding import FloatArray
from shared.messages import derived_id
from shared.vectors.graph import Graph
from shared.vectors.members import Members
from shared.vectors.sharing import SharedLock

SIZE = 16


def points(count: int, seed: int = 0) -> FloatArray:
    vectors = np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)
    unit: FloatArray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def filled(count: int) -> tuple[Graph, FloatArray]:
    graph, vectors = Graph(SIZE), points(count)
    graph.add(range(1000, 1000 + count), vectors)
    return graph, vectors


def test_every_vector_finds_itself_first() -> None:
    graph, vectors = filled(700)
    assert len(graph) == 700
    for number in range(0, 700, 50):
        labels, distances = graph.nearest(vectors[number], 3)
        assert labels[0] == 1000 + number
        assert distances[0] < 1e-6
        assert (np.diff(distances) >= 0).all()


def test_asking_for_more_than_there_is_gives_all() -> None:
    graph, vectors = filled(30)
    assert len(graph.nearest(vectors[0], 500)[0]) == 30
    assert len(Graph(SIZE).nearest(vectors[0], 5)[0]) == 0


def test_removed_vectors_are_in_no_answer_and_can_come_back() -> None:
    graph, vectors = filled(100)
    for label in (*range(1000, 1095), 1000, 5):
        graph.remove(label)
    assert len(graph) == 5
    assert graph.hidden == pytest.approx(0.95)
    assert set(graph.nearest(vectors[0], 50)[0].tolist()) == set(range(1095, 1100))
    with pytest.raises(KeyError):
        graph.get(1000)
    graph.add([1000], vectors[:1])
    assert graph.nearest(vectors[0], 1)[0].tolist() == [1000]
    assert np.abs(graph.get(1000) - vectors[0]).max() < 1e-6


def test_a_part_of_the_vectors_can_be_asked_alone() -> None:
    graph, vectors = filled(200)
    some = list(range(1000, 1200, 7))
    labels, distances = graph.nearest_of([*some, 77], vectors[3], 5)
    order = np.argsort(-(vectors[::7] @ vectors[3]))[:5]
    assert labels.tolist() == [some[number] for number in order]
    assert distances == pytest.approx(1 - (vectors[::7] @ vectors[3])[order], abs=1e-5)
    assert len(graph.nearest_of([], vectors[3], 5)[0]) == 0


def test_a_graph_comes_back_from_its_file(tmp_path: Path) -> None:
    graph, vectors = filled(50)
    graph.remove(1001)
    graph.save(tmp_path / "graph")
    live = [label for label in range(1000, 1050) if label != 1001]
    loaded = Graph.load(tmp_path / "graph", SIZE, live)
    assert loaded.nearest(vectors[1], 49)[0].tolist() == graph.nearest(vectors[1], 49)[0].tolist()
    assert loaded.hidden == pytest.approx(0.02)
    loaded.add([1001], vectors[1:2])
    assert loaded.nearest(vectors[1], 1)[0].tolist() == [1001]
    with pytest.raises(ValueError, match="another graph"):
        Graph.load(tmp_path / "graph", SIZE, [*live, 7])
    (tmp_path / "half").write_bytes((tmp_path / "graph").read_bytes()[:100])
    with pytest.raises(ValueError, match="stream"):
        Graph.load(tmp_path / "half", SIZE, live)
    with pytest.raises(OSError, match="open"):
        graph.save(tmp_path / "no folder" / "graph")


def test_asking_beside_adding_and_removing() -> None:
    graph, vectors = filled(200)
    more = points(1500, seed=1)
    problems: list[BaseException] = []
    done = threading.Event()

    def ask() -> None:
        chosen = random.Random(1)
        try:
            while not done.is_set():
                number = chosen.randrange(100)
                assert graph.nearest(vectors[number], 5)[0][0] == 1000 + number
                assert np.abs(graph.get(1000 + number) - vectors[number]).max() < 1e-5
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 1500, 30):
        graph.add(range(5000 + start, 5030 + start), more[start : start + 30])
        graph.remove(1100 + start // 30)
    done.set()
    for thread in threads:
        thread.join(10)
    assert problems == []
    assert len(graph) == 200 + 1500 - 50


def test_members_know_tracks_and_libraries_both_ways() -> None:
    tracks = [derived_id("track", number) for number in range(4)]
    home, away = derived_id("home"), derived_id("away")
    members = Members()
    for label, track in enumerate(tracks):
        members.put(label, track.bytes + (home if label < 3 else away).bytes)
    assert len(members) == 4
    assert (members.track(2), members.label(tracks[2])) == (tracks[2], 2)
    assert members.size_of(home.bytes) == 3
    assert members.mask(away.bytes, np.array([3, 0, 3])).tolist() == [True, False, True]

    members.put(0, tracks[0].bytes + away.bytes)
    members.drop(1)
    members.drop(1)
    assert sorted(members.labels_of(away.bytes)) == [0, 3]
    assert (members.track(1), members.label(tracks[1])) == (None, None)

    again = Members.from_table(members.to_table())
    assert {label: again.ids(label) for label in again.labels()} == {
        label: members.ids(label) for label in members.labels()
    }
    assert again.size_of(away.bytes) == 2


def test_a_lock_lets_many_read_or_one_write_and_starves_nobody() -> None:
    lock = SharedLock()
    inside = {"readers": 0, "writers": 0}
    turns = {"reading": 0, "writing": 0}
    guard = threading.Lock()
    problems: list[str] = []
    enough = threading.Event()

    def read() -> None:
        while not enough.is_set():
            with lock.reading():
                with guard:
                    inside["readers"] += 1
                    turns["reading"] += 1
                if inside["writers"]:
                    problems.append("a reader beside a writer")
                with guard:
                    inside["readers"] -= 1

    def write() -> None:
        while not enough.is_set():
            with lock.writing():
                inside["writers"] += 1
                turns["writing"] += 1
                if inside["readers"] or inside["writers"] > 1:
                    problems.append("a writer beside somebody")
                inside["writers"] -= 1
            if min(turns.values()) > 300:
                enough.set()

    threads = [threading.Thread(target=work) for work in (read, read, read, write, write)]
    for thread in threads:
        thread.start()
    assert enough.wait(20), turns
    for thread in threads:
        thread.join(10)
    assert problems == []
