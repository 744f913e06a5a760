"""What a child process of the clusterer computes. It reads its own data; what goes over the pipe is small."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import numpy as np

from services.clusterer import library, store
from services.clusterer.algorithms import NothingFound
from services.clusterer.answers import Composed
from services.clusterer.composition import compose
from services.clusterer.dataset import Prepared, prepare
from services.clusterer.evaluation import Bench, assign_whole
from services.clusterer.ground import IntArray
from services.clusterer.library import Library, Reading
from services.clusterer.store import Facts
from shared import postgres
from shared.clustering import search
from shared.commands import ComposePlaylists, EvaluateClusterings, StartClustering
from shared.errors import LibraryUnusable
from shared.events import ClusteringOptions, Configuration, Evaluation, Score
from shared.settings import Settings

if TYPE_CHECKING:
    from shared.postgres import Connection

T = TypeVar("T")
_BENCHES = 3
"""So many runs may go on side by side before the data of one is loaded again."""
_LEAST = 10
"""With fewer tracks there is nothing to search."""


class Jobs:
    """The jobs of one child, and the data it keeps between them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._benches: OrderedDict[tuple[UUID, str], Bench] = OrderedDict()

    def do(self, command: Any) -> Any:
        """Work one command off; see the methods below."""
        return JOBS[type(command)](self, command)

    def start(self, command: StartClustering) -> Facts:
        """Read and prepare the library as it is now, and pin it. A repetition answers what was pinned first.

        Raises ``LibraryUnusable`` (no_tracks).
        """
        data_id = search.data_id(command.run_id)
        found = self._with_connection(lambda connection: store.facts(connection, data_id))
        if found is not None:
            return found
        reading = asyncio.run(library.read(self._settings, command.options.server_ids))
        _refuse_nothing(reading)
        prepared = prepare(reading.library, command.options, command.seed)
        told = _facts(reading, prepared, command.options)
        return self._with_connection(lambda connection: store.keep(connection, data_id, told, prepared))

    def evaluate(self, command: EvaluateClusterings) -> tuple[Evaluation, ...]:
        """Try the configurations of a batch. Raises ``LibraryUnusable`` (data_gone)."""
        bench = self._bench(command.data_id, command.options)
        return tuple(bench.evaluate_all(command.first_number, command.rung, command.configurations))

    def _bench(self, data_id: UUID, options: ClusteringOptions) -> Bench:
        key = (data_id, options.model_dump_json())
        if key not in self._benches:
            sample = self._with_connection(lambda connection: store.load_sample(connection, data_id))
            self._benches[key] = Bench(sample, options)
        self._benches.move_to_end(key)
        while len(self._benches) > _BENCHES:
            self._benches.popitem(last=False)
        return self._benches[key]

    def compose(self, command: ComposePlaylists) -> Composed:
        """Cluster the whole library as the winner says and make playlists of it. Raises ``LibraryUnusable``
        (data_gone, no_tracks)."""
        prepared = self._with_connection(lambda connection: store.load(connection, command.data_id))
        reading = asyncio.run(library.read(self._settings, command.options.server_ids))
        prepared, tracks = aligned(prepared, reading.library)
        if not len(tracks):
            raise LibraryUnusable("no_tracks", "All tracks that were to be clustered have been removed since.")
        labels, winner, notes = _labelled(prepared, tracks, command)
        made = compose(tracks, labels, command.options, command.seed)
        composition = replace(made, notes=(*notes, *made.notes))
        return Composed(composition, winner, len(tracks))

    def _with_connection(self, work: Callable[[Connection], Coroutine[Any, Any, T]]) -> T:
        async def doing() -> T:
            connection = await postgres.open_connection(self._settings)
            try:
                async with postgres.translated():
                    return await work(connection)
            finally:
                connection.terminate()

        return asyncio.run(doing())


JOBS: Mapping[type[Any], Callable[[Jobs, Any], Any]] = {
    StartClustering: Jobs.start,
    EvaluateClusterings: Jobs.evaluate,
    ComposePlaylists: Jobs.compose,
}


def _refuse_nothing(reading: Reading) -> None:
    if len(reading.library):
        return
    if reading.without_embedding:
        detail = f"None of the {reading.without_embedding} tracks has been analysed yet. Analyse the library first."
    else:
        detail = "There are no tracks to group. Add a library and analyse it first."
    raise LibraryUnusable("no_tracks", detail)


def _facts(reading: Reading, prepared: Prepared, options: ClusteringOptions) -> Facts:
    count = len(reading.library)
    distinct = len(np.unique(reading.library.vectors.round(4), axis=0)) if count < 1000 else count
    warnings = []
    if reading.without_embedding > reading.unusable:
        missing = reading.without_embedding - reading.unusable
        warnings.append(f"{missing} of {count + reading.without_embedding} tracks take no part: not analysed yet.")
    if reading.unusable:
        warnings.append(f"{reading.unusable} tracks take no part: their analysis has no usable sound vector.")
    searchable = distinct >= max(_LEAST, options.tracks_min + 1)
    if count >= _LEAST and distinct < _LEAST:
        warnings.append("The tracks sound all alike; there is nothing to tell them apart by.")
    elif not searchable:
        warnings.append(f"With {count} tracks there is nothing to search; everything goes into one playlist.")
    return Facts(count, reading.without_embedding, len(prepared.sample), searchable, tuple(warnings))


def aligned(prepared: Prepared, tracks: Library) -> tuple[Prepared, Library]:
    """Both reduced to the tracks that were prepared and are still there, in the order of their ids."""
    wanted = prepared.ids.view("S16").ravel()
    found = np.frombuffer(b"".join(track.bytes for track in tracks.track_ids), "S16")
    if np.array_equal(wanted, found):
        return prepared, tracks
    return prepared.only(np.isin(wanted, found)), tracks.take(np.isin(found, wanted))


def _labelled(
    prepared: Prepared, tracks: Library, command: ComposePlaylists
) -> tuple[IntArray, Evaluation | None, tuple[str, ...]]:
    """(labels, winner with its score on the whole library, notes). What fails is replaced by rule."""
    if command.winner is None:
        return np.zeros(len(tracks), np.int64), None, ()
    plan = search.Plan(command.options, command.seed, len(tracks), len(prepared.sample), ())
    by_rule = search.fallback(plan)
    notes: tuple[str, ...] = ()
    if command.winner.score is None:
        notes = ("No configuration gave clusters; k-means was used by rule.",)
    for configuration in (command.winner.configuration, by_rule):
        try:
            labels, score = assign_whole(prepared, tracks.tags, command.options, configuration)
        except NothingFound as error:
            notes = (f"{error}; k-means was used by rule.",)
            continue
        return labels, _won(command.winner, configuration, score), notes
    return np.zeros(len(tracks), np.int64), None, ("No way of clustering worked; all tracks are one group.",)


def _won(winner: Evaluation, configuration: Configuration, score: Score) -> Evaluation:
    return winner.model_copy(update={"configuration": configuration, "score": score, "problem": None})
