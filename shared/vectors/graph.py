"""The only importer of ``voyager``: one graph of vectors under integer labels, with that library's habits absorbed.

    asking for more than can be reached raises ``RecallError``   -> look harder, then compare with every vector
    ``len()`` and ``in`` count what was deleted                  -> we keep the live labels ourselves
    deleting a second time raises                                -> asked before
    deleted vectors are only hidden and slow down queries        -> ``hidden`` tells when to make a new graph
    adding beyond the capacity resizes to the exact need         -> grown by half, ahead of time
    looking up a label takes no lock against adding, and a query
    may meet the entry point of one level with the links of
    another                                                      -> a lock of our own; additions in short steps
    ``get_vectors`` keeps the interpreter lock                   -> asked in slices
    ``save`` while something is added can write rubbish          -> the same lock

Storage is float32: 8 bits would cap recall@50 near 0.92. With M 16 and ef 200 it is above 0.99. All methods block, for
milliseconds at most save for ``add`` of much, ``save`` and ``load``; they may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import voyager  # type: ignore[import-untyped]

from shared.embedding import FloatArray
from shared.vectors.sharing import SharedLock

Labels = npt.NDArray[np.int64]

_M = 16
_EF_CONSTRUCTION = 200
_EF_QUERY = 200
_EF_HARDER = 2000
_FIRST_CAPACITY = 256
_READ_STEP = 512
"""Vectors copied out at once: some two milliseconds of interpreter lock."""
_ADD_STEP = 16
"""Vectors added at once by one thread: some ten milliseconds in which queries wait."""


class Graph:
    """Vectors of ``dimensions`` values, compared by cosine distance (0 is the same direction, 2 the opposite)."""

    def __init__(self, dimensions: int, capacity: int = _FIRST_CAPACITY) -> None:
        self.dimensions = dimensions
        self._index = voyager.Index(
            voyager.Space.Cosine,
            dimensions,
            M=_M,
            ef_construction=_EF_CONSTRUCTION,
            max_elements=max(capacity, _FIRST_CAPACITY),
            storage_data_type=voyager.StorageDataType.Float32,
        )
        self._live: set[int] = set()
        self._lock = SharedLock()

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, label: int) -> bool:
        return label in self._live

    @property
    def hidden(self) -> float:
        """Which part of what the graph holds is deleted, 0 to 1."""
        held = self._index.num_elements
        return 1 - len(self._live) / held if held else 0.0

    def add(self, labels: Sequence[int], vectors: FloatArray, threads: int = 1) -> None:
        """Add or replace ``vectors`` [n, dimensions]. They can be found as soon as this returns."""
        step = _ADD_STEP * threads
        for start in range(0, len(labels), step):
            some = list(labels[start : start + step])
            with self._lock.writing():
                self._make_room(len(some))
                self._index.add_items(vectors[start : start + step], some, num_threads=threads)
                self._live.update(some)

    def _make_room(self, more: int) -> None:
        need = self._index.num_elements + more
        if need > self._index.max_elements:
            self._index.resize(max(need, self._index.max_elements * 3 // 2))

    def remove(self, label: int) -> None:
        """Take a vector out of all answers; no error if it is not there."""
        with self._lock.writing():
            if label in self._live:
                self._live.discard(label)
                self._index.mark_deleted(label)

    def get(self, label: int) -> FloatArray:
        """The vector [dimensions], of length one. Raises ``KeyError``."""
        with self._lock.reading():
            if label not in self._live:
                raise KeyError(label)
            vector: FloatArray = self._index.get_vector(label)
            return vector

    def read(self, labels: Collection[int]) -> Iterator[tuple[list[int], FloatArray]]:
        """The vectors of those ``labels`` that are live, in slices."""
        waiting = iter(list(labels))
        while some := list(islice(waiting, _READ_STEP)):
            with self._lock.reading():
                live = [label for label in some if label in self._live]
                vectors: FloatArray = self._index.get_vectors(live)
            yield live, vectors.reshape(-1, self.dimensions)

    def nearest(self, vector: FloatArray, k: int) -> tuple[Labels, FloatArray]:
        """Up to ``k`` nearest live vectors: labels and distances, nearest first."""
        k = min(k, len(self._live))
        if k <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        for ef in (max(_EF_QUERY, 2 * k), max(_EF_HARDER, 8 * k)):
            try:
                with self._lock.reading():
                    labels, distances = self._index.query(vector, k, num_threads=1, query_ef=ef)
            except (voyager.RecallError, RuntimeError):
                # Too few can be reached, or a distance fell below zero by more than voyager puts up with.
                continue
            return labels.astype(np.int64), np.clip(distances, 0.0, 2.0)
        return self.nearest_of(self._live, vector, k)

    def nearest_of(self, labels: Collection[int], vector: FloatArray, k: int) -> tuple[Labels, FloatArray]:
        """The same among ``labels`` alone, by comparing with each."""
        wanted = vector / np.linalg.norm(vector)
        found: list[int] = []
        distances: list[FloatArray] = [np.empty(0, np.float32)]
        for some, vectors in self.read(labels):
            found += some
            distances.append(1.0 - vectors @ wanted)
        every = np.concatenate(distances)
        order = np.argsort(every, kind="stable")[:k]
        return np.array(found, np.int64)[order], np.clip(every[order], 0.0, 2.0)

    def save(self, path: Path) -> None:
        """Write the graph to a file; additions wait. Raises ``OSError``."""
        try:
            with self._lock.reading():
                self._index.save(str(path))
        except RuntimeError as error:
            raise OSError(str(error)) from error

    @classmethod
    def load(cls, path: Path, dimensions: int, live: Collection[int]) -> Self:
        """Read a file written by ``save``, in which ``live`` are the labels not deleted. Raises ``ValueError`` on a
        file that is something else."""
        try:
            index = voyager.Index.load(str(path))
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        graph = cls(dimensions)
        graph._index, graph._live = index, set(live)
        if index.num_dimensions != dimensions or not graph._live <= set(index.ids):
            raise ValueError("the file holds another graph")
        return graph
