"""The search for a good clustering of 10,000 tracks, next to what it would be without one: independent random
configurations tried one by one with scikit-learn's defaults, on the same sample, judged by the same score. Both in this
run; our side reads from PostgreSQL and prepares in its time, the other finds its points ready. Then 100,000 tracks.

``python -m tests.benchmarks.bench_clustering [--quick] [--music FOLDER] [--seconds N] [--tracks N] [--large N]``
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import DBSCAN, HDBSCAN, KMeans, MiniBatchKMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from services.clusterer import library, store
from services.clusterer.dataset import Prepared, prepare
from services.clusterer.jobs import Jobs
from services.clusterer.library import FloatArray, Library
from services.clusterer.score import Yardstick
from services.projector.rebuild import ensure_current
from shared.clustering import search
from shared.clustering.configurations import Room
from shared.commands import ComposePlaylists, EvaluateClusterings, StartClustering
from shared.events import Algorithm, ClusteringOptions, Configuration
from shared.messages import uuid7
from shared.settings import Settings
from tests import servers, synthetic
from tests.benchmarks.analysed import fill, heard

_MOMENTS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_SEED = 20261122
_OURS: tuple[Algorithm, ...] = ("kmeans", "dbscan", "hdbscan", "gmm", "spectral")


@dataclass(frozen=True, slots=True)
class Course:
    """How a search went: (seconds since the start, score) whenever the best got better, and what it took in all."""

    steps: tuple[tuple[float, float], ...]
    tried: int
    seconds: float
    peak_mb: float = 0.0
    playlists: int = 0
    stages: tuple[tuple[str, float], ...] = ()

    @property
    def best(self) -> float:
        return self.steps[-1][1] if self.steps else 0.0

    def at(self, seconds: float) -> float:
        """The best score after so many seconds; 0 while there is none."""
        return max((score for when, score in self.steps if when <= seconds), default=0.0)

    def reached(self, score: float) -> float | None:
        """When the best score was at least this; None: never."""
        return next((when for when, best in self.steps if best >= score), None)


def improvements(scores: Iterator[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    best, steps = 0.0, []
    for when, score in scores:
        if score > best:
            best = score
            steps.append((when, score))
    return tuple(steps)


def ours(settings: Settings, options: ClusteringOptions, pipe: Any) -> None:
    """A whole clustering in this process, as one clusterer does it; sends its ``Course``."""
    started = time.perf_counter()
    with threadpool_limits(1):
        pipe.send(_search(Jobs(settings), options, started))


def _search(jobs: Jobs, options: ClusteringOptions, started: float) -> Course:
    run_id = uuid7()
    facts = jobs.do(StartClustering(run_id=run_id, options=options, seed=_SEED))
    prepared_s = time.perf_counter() - started
    algorithms = search.suitable(options, facts.tracks)
    plan = search.Plan(options, _SEED, facts.tracks, facts.sampled, algorithms)
    results: list[search.Result] = []
    scores: list[tuple[float, float]] = []
    generation = issued = 0
    while trials := search.next_generation(plan, generation, issued, results):
        issued += len(trials)
        for number, batch in enumerate(search.batches(plan, trials)):
            for one in jobs.do(_batch(run_id, options, generation, number, batch)):
                results.append(search.Result(generation, one))
                if one.score and one.rung == plan.top:
                    scores.append((time.perf_counter() - started, one.score.total))
        generation += 1
    searched_s = time.perf_counter() - started
    winner = search.winner(plan, results)
    data_id = search.data_id(run_id)
    composed = jobs.do(ComposePlaylists(run_id=run_id, options=options, seed=_SEED, data_id=data_id, winner=winner))
    seconds = time.perf_counter() - started
    stages = (("prepare", prepared_s), ("search", searched_s - prepared_s), ("compose", seconds - searched_s))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Course(
        improvements(iter(scores)), len(results), searched_s, peak_mb, len(composed.composition.proposals), stages
    )


def _batch(
    run_id: Any, options: ClusteringOptions, generation: int, number: int, trials: Sequence[search.Trial]
) -> EvaluateClusterings:
    return EvaluateClusterings(
        run_id=run_id,
        options=options,
        seed=_SEED,
        data_id=search.data_id(run_id),
        generation=generation,
        batch=number,
        rung=trials[0].rung,
        first_number=trials[0].number,
        configurations=tuple(trial.configuration for trial in trials),
    )


def apart(settings: Settings, options: ClusteringOptions) -> Course:
    """``ours`` in a fresh process, so that its memory is its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=ours, args=(settings, options, there))
    process.start()
    there.close()
    course: Course = here.recv()
    process.join()
    return course


def one_by_one(tracks: Library, prepared: Prepared, options: ClusteringOptions, seconds: float) -> Course:
    """Random configurations with scikit-learn's defaults until the time is up; nothing is shared between them."""
    rng = np.random.default_rng(_SEED)
    room = Room(options, len(tracks), len(prepared.sample), _OURS)
    yardstick = Yardstick(prepared.sample, options)
    vectors = tracks.vectors[prepared.rows]
    scores: list[tuple[float, float]] = []
    tried = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        configuration = room.anywhere(rng, str(rng.choice(_OURS)))
        raw = vectors if configuration.space == "embedding" else prepared.sample.features
        labels = by_defaults(raw, configuration, tried)
        tried += 1
        if labels is not None:
            score = yardstick.measure(labels.astype(np.int64)).total
            scores.append((time.perf_counter() - started, score))
    within = (step for step in scores if step[0] <= seconds)
    return Course(improvements(within), tried, time.perf_counter() - started)


def by_defaults(raw: FloatArray, one: Configuration, seed: int) -> np.ndarray[Any, Any] | None:
    """Labels, as scikit-learn gives them when one sets only what the configuration says; None when it fails."""
    points = StandardScaler().fit_transform(raw)
    if one.dimensions and one.dimensions < points.shape[1]:
        points = PCA(one.dimensions, random_state=seed).fit_transform(points)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return np.asarray(_model(points, one, seed).fit_predict(points))
        except (ValueError, np.linalg.LinAlgError):
            return None


def _model(points: FloatArray, one: Configuration, seed: int) -> Any:
    match one.algorithm:
        case "kmeans":
            return KMeans(one.clusters, random_state=seed)
        case "minibatch_kmeans":
            return MiniBatchKMeans(one.clusters, random_state=seed)
        case "gmm":
            return GaussianMixture(one.clusters, covariance_type=one.covariance, random_state=seed)
        case "spectral":
            return SpectralClustering(
                one.clusters, affinity="nearest_neighbors", n_neighbors=one.neighbours, random_state=seed
            )
        case "hdbscan":
            return HDBSCAN(min_cluster_size=one.smallest, min_samples=one.neighbours, copy=True)
        case "dbscan":
            distances = NearestNeighbors(n_neighbors=one.neighbours).fit(points).kneighbors()[0][:, -1]
            return DBSCAN(eps=float(np.quantile(distances, one.reach or 0.5)), min_samples=one.neighbours)


def table(searched: Course, random: Course) -> Iterator[str]:
    """Best score by time, side by side."""
    yield f"{'seconds':>8} {'Starling':>10} {'one by one':>11}"
    for moment in _MOMENTS:
        if moment <= max(random.seconds, 1):
            yield f"{moment:>8} {searched.at(moment):>10.4f} {random.at(moment):>11.4f}"
    yield f"{'tried':>8} {searched.tried:>10} {random.tried:>11}"
    yield f"{'best':>8} {searched.best:>10.4f} {random.best:>11.4f}"


def verdict(searched: Course, random: Course) -> str:
    """How much sooner the search is where the other ends."""
    when = searched.reached(random.best)
    if when is None:
        return f"The search never reached the {random.best:.4f} that the other has after {random.seconds:.0f} s."
    first = random.reached(random.best) or random.seconds
    return (
        f"The search reached {random.best:.4f} after {when:.1f} s: {random.seconds / when:.0f} times sooner than the"
        f" {random.seconds:.0f} s that the other had (it got there after {first:.0f} s)."
    )


def _told(name: str, tracks: int, course: Course) -> str:
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in course.stages)
    return (
        f"{name}, {tracks} tracks: {stages}; {course.tried} tried, best {course.best:.4f},"
        f" {course.playlists} playlists, peak memory {course.peak_mb:.0f} MB"
    )


async def measure(arguments: argparse.Namespace, settings: Settings) -> None:
    await ensure_current(settings, asyncio.Event())
    await store.create_tables(settings)
    options = ClusteringOptions()
    if arguments.music:
        real = await heard(arguments.music)
        print(f"{len(real)} tracks of {arguments.music} resampled with noise")
        tracks = synthetic.resampled(real, arguments.tracks)
    else:
        tracks = synthetic.library(arguments.tracks, styles=60)
    await fill(settings, tracks)
    searched = await asyncio.to_thread(apart, settings, options)
    print(_told("search", arguments.tracks, searched), flush=True)
    known = (await library.read(settings, ())).library
    random = one_by_one(known, prepare(known, options, _SEED), options, arguments.seconds)
    print("\n".join(table(searched, random)))
    print(verdict(searched, random), flush=True)
    if arguments.large:
        await fill(settings, synthetic.library(arguments.large, styles=200))
        print(_told("large", arguments.large, await asyncio.to_thread(apart, settings, options)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute for the other side, and no large library")
    parser.add_argument("--music", type=Path, help="a folder of real music to resample")
    parser.add_argument("--seconds", type=float, help="how long the other side may try")
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--large", type=int, help="tracks of the large library; 0 leaves it out")
    arguments = parser.parse_args()
    arguments.seconds = arguments.seconds or (60 if arguments.quick else 600)
    if arguments.large is None:
        arguments.large = 0 if arguments.quick else 100_000
    with servers.stores() as environment:
        asyncio.run(measure(arguments, Settings.model_validate(environment)))


if __name__ == "__main__":
    main()
