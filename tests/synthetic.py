"""Libraries for tests and benchmarks of clustering: made up, or real ones resampled with noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from services.clusterer.library import FloatArray, Library
from shared.embedding import EMBEDDING_SIZE, TAG_COUNT
from tests import given


def library(tracks: int, *, styles: int = 12, seed: int = 1, per_artist: int = 8) -> Library:
    """A mixture of ``styles``. Directions within a style fall off like those of real embeddings (variance of component
    i about 1 / i), and styles overlap."""
    rng = np.random.default_rng(seed)
    style = np.sort(rng.choice(styles, size=tracks, p=_uneven(styles)))
    spectrum = 1 / np.sqrt(1 + np.arange(EMBEDDING_SIZE))
    axes = np.linalg.qr(rng.normal(size=(EMBEDDING_SIZE, EMBEDDING_SIZE)))[0]
    middles = rng.normal(size=(styles, EMBEDDING_SIZE)) * spectrum
    vectors = (middles[style] + 0.75 * rng.normal(size=(tracks, EMBEDDING_SIZE)) * spectrum + 0.3 * spectrum) @ axes
    to_tags = rng.normal(size=(EMBEDDING_SIZE, TAG_COUNT)) * 1.5
    log_odds = (vectors @ axes.T) @ to_tags - 3.5 + 0.5 * rng.normal(size=(tracks, TAG_COUNT))
    artist = rng.integers(max(1, tracks // per_artist), size=tracks)
    return _described(rng, style, artist, vectors.astype(np.float32), (1 / (1 + np.exp(-log_odds))).astype(np.float32))


def _uneven(styles: int) -> npt.NDArray[np.float64]:
    """The largest style has about a quarter of the tracks."""
    shares = 1 / (1 + np.arange(styles))
    return np.asarray(shares / shares.sum())


def _described(
    rng: np.random.Generator,
    style: npt.NDArray[np.int64],
    artist: npt.NDArray[np.int64],
    vectors: FloatArray,
    tags: FloatArray,
) -> Library:
    tracks = len(style)
    lean = np.asarray(style / (style.max() + 1), np.float64)
    energy = np.asarray(np.clip(lean + 0.15 * rng.normal(size=tracks), 0, 1), np.float32)
    return Library(
        track_ids=_objects([given.track(number) for number in range(tracks)]),
        server_id=_objects([given.SERVER] * tracks),
        audio_hash=_objects([f"{number:064x}" for number in range(tracks)]),
        title=_objects([f"Song {number}" for number in range(tracks)]),
        artist=_objects([f"Artist {number}" for number in artist]),
        album=_objects([f"Album {number}-{rng.integers(3)}" for number in artist]),
        genre=_objects([f"Style {number}" for number in style]),
        year=(1960 + 60 * lean).astype(np.int32),
        duration_s=rng.uniform(120, 360, tracks).astype(np.float32),
        tempo_bpm=(70 + 90 * lean + 12 * rng.normal(size=tracks)).astype(np.float32),
        energy=energy,
        brightness=np.clip(energy + 0.2 * rng.normal(size=tracks), 0, 1).astype(np.float32),
        loudness=(-24 + 14 * energy + 2 * rng.normal(size=tracks)).astype(np.float32),
        key=rng.integers(12, size=tracks).astype(np.int32),
        scale=rng.integers(2, size=tracks).astype(np.int32),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        tags=tags,
    )


def _objects(values: list[object]) -> npt.NDArray[np.object_]:
    made = np.empty(len(values), np.object_)
    made[:] = values
    return made


def resampled(real: Library, tracks: int, *, noise: float = 0.25, seed: int = 1) -> Library:
    """``tracks`` tracks, each a real one and part of another of the same kind (a near one by sound), with noise."""
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.integers(len(real), size=tracks))
    likeness = real.vectors @ real.vectors.T
    near = np.argsort(-likeness, axis=1)[:, : max(2, min(8, len(real)))]
    other = near[rows, rng.integers(near.shape[1], size=tracks)]
    share = rng.uniform(0, 0.6, size=(tracks, 1)).astype(np.float32)
    spread = np.asarray(real.vectors.std(axis=0), np.float32)
    vectors = (1 - share) * real.vectors[rows] + share * real.vectors[other]
    vectors += noise * 2 * spread * np.asarray(rng.normal(size=(tracks, EMBEDDING_SIZE)), np.float32)
    tags = np.clip((1 - share) * real.tags[rows] + share * real.tags[other], 1e-4, 1 - 1e-4)
    log_odds = np.log(tags / (1 - tags)) + 2 * noise * rng.normal(size=tags.shape)
    style = np.unique(real.genre.astype(str), return_inverse=True)[1][rows]
    made = _described(rng, style, rows, vectors.astype(np.float32), (1 / (1 + np.exp(-log_odds))).astype(np.float32))
    for name in ("tempo_bpm", "energy", "brightness", "loudness"):
        values = getattr(real, name)
        getattr(made, name)[:] = values[rows] + noise * np.nanstd(values) * rng.normal(size=tracks)
    return made
