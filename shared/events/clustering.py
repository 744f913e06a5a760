"""Events about grouping a library by sound, and what they are made of."""

from __future__ import annotations

from typing import ClassVar, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.events.base import RunEvent

Algorithm = Literal["kmeans", "minibatch_kmeans", "dbscan", "hdbscan", "gmm", "spectral"]
ClusterSpace = Literal["embedding", "features"]
ALGORITHMS: tuple[Algorithm, ...] = ("kmeans", "minibatch_kmeans", "dbscan", "hdbscan", "gmm", "spectral")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ScoreWeights(_Part):
    """How much each part of the score counts; they are divided by their sum."""

    separation: float = Field(0.3, ge=0, le=1)
    purity: float = Field(0.25, ge=0, le=1)
    diversity: float = Field(0.15, ge=0, le=1)
    coverage: float = Field(0.15, ge=0, le=1)
    sizes: float = Field(0.15, ge=0, le=1)

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any((self.separation, self.purity, self.diversity, self.coverage, self.sizes)):
            raise ValueError("at least one weight must be greater than 0")
        return self


class ClusteringOptions(_Part):
    """What may be asked of a clustering. Everything has a default that suits a library of ordinary size."""

    server_ids: tuple[UUID, ...] = ()
    """The libraries to use; none named is all."""
    algorithms: tuple[Algorithm, ...] = ()
    """None named is all that suit the size of the library."""
    spaces: tuple[ClusterSpace, ...] = ("embedding", "features")
    clusters_min: int = Field(4, ge=2, le=400)
    clusters_max: int = Field(60, ge=2, le=400)
    playlists_max: int = Field(40, ge=1, le=400)
    tracks_min: int = Field(15, ge=2, le=500)
    tracks_max: int = Field(80, ge=2, le=2000)
    per_artist: int = Field(4, ge=1, le=1000)
    """Tracks of one artist in a playlist; loosened by rule where a library has few artists."""
    per_album: int = Field(3, ge=1, le=1000)
    evaluations: int = Field(240, ge=1, le=20000)
    """Most configurations to try."""
    patience: int = Field(4, ge=1, le=100)
    """Generations without improvement before the search stops."""
    sample: int = Field(4000, ge=100, le=50000)
    """Tracks that configurations are compared on."""
    weights: ScoreWeights = ScoreWeights()
    language_model: bool = False
    """Let the configured language model name the playlists."""
    save: bool = False
    """Keep the playlists when the clustering is complete, without asking."""
    sync: bool = False
    """And write them to the media servers; only together with ``save``."""

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        if self.clusters_min > self.clusters_max:
            raise ValueError("clusters_min is greater than clusters_max")
        if self.tracks_min > self.tracks_max:
            raise ValueError("tracks_min is greater than tracks_max")
        if self.sync and not self.save:
            raise ValueError("sync needs save: only kept playlists are written to servers")
        return self


class Configuration(_Part):
    """One way of clustering. Fields that an algorithm does not know are None."""

    algorithm: Algorithm
    space: ClusterSpace
    dimensions: int
    """Principal components used; 0 is no reduction."""
    clusters: int | None = None
    """kmeans, minibatch_kmeans, gmm, spectral."""
    reach: float | None = None
    """dbscan: eps, hdbscan: how far from a cluster a track may join it; as a quantile (0..1) of the distances to the
    ``neighbours``-th neighbour."""
    neighbours: int | None = None
    """dbscan and hdbscan: min_samples; spectral: neighbours of the graph."""
    smallest: int | None = None
    """hdbscan: min_cluster_size."""
    covariance: Literal["diag", "tied", "spherical"] | None = None
    """gmm."""
    seed: int


class Score(_Part):
    """How good a clustering is, every part 0..1; formulas beside the code that makes it (``services.clusterer``)."""

    total: float
    separation: float
    purity: float
    diversity: float
    coverage: float
    sizes: float
    silhouette: float
    """Mean silhouette coefficient on the fixed sample, -1..1, before it became ``separation``."""
    clusters: int
    unassigned: float
    """Share of tracks in no cluster."""


class Evaluation(_Part):
    """One configuration tried. ``rung`` is how much of the sample it was tried on (0 is the smallest part)."""

    number: int
    rung: int = 0
    configuration: Configuration
    score: Score | None = None
    problem: str | None = None
    seconds: float = 0.0


class PlaylistFacts(_Part):
    """What a proposed playlist is like, for its name and for people."""

    tags: tuple[tuple[str, float], ...] = ()
    """Label and z-score within the library, the most telling first."""
    tempo_bpm: float | None = None
    energy: float | None = None
    brightness: float | None = None
    key: str | None = None
    years: tuple[int, int] | None = None
    artists: int = 0
    albums: int = 0
    duration_s: float = 0.0
    cohesion: float = 0.0
    """Mean cosine of the tracks to the middle of the playlist."""


class Proposal(_Part):
    """A playlist that a clustering would make. ``track_ids`` are in listening order."""

    number: int
    name: str
    named_by: Literal["tags", "language_model"] = "tags"
    track_ids: tuple[UUID, ...]
    facts: PlaylistFacts = PlaylistFacts()


class ClusteringRequested(RunEvent):
    wire_type: ClassVar[str] = "clustering.requested"
    options: ClusteringOptions
    seed: int = Field(ge=0, lt=2**63)


class ClusteringStarted(RunEvent):
    """The library as it is now was read and prepared; everything of the run rests on that."""

    wire_type: ClassVar[str] = "clustering.started"
    tracks: int
    """Tracks that take part."""
    without_embedding: int
    """Tracks of the chosen libraries that cannot take part, because they have not been analysed."""
    sampled: int
    warnings: tuple[str, ...] = ()
    data_id: UUID | None = None
    """Which prepared data; None when there is nothing to search, and one simple answer follows."""
    generation_size: int = 0
    algorithms: tuple[Algorithm, ...] = ()
    """Those that suit the library and were asked for."""


class ClusteringProgressed(RunEvent):
    """A batch of configurations was tried."""

    wire_type: ClassVar[str] = "clustering.progressed"
    generation: int
    batch: int
    evaluations: tuple[Evaluation, ...]


class ClusteringBatchFailed(RunEvent):
    """A batch could not be tried; the search goes on without it."""

    wire_type: ClassVar[str] = "clustering.batch_failed"
    generation: int
    batch: int
    reason: str
    detail: str


class PlaylistsProposed(RunEvent):
    """Some of the playlists of a clustering; a large clustering needs several of these."""

    wire_type: ClassVar[str] = "clustering.playlists_proposed"
    proposals: tuple[Proposal, ...] = Field(max_length=50)


class ClusteringCompleted(RunEvent):
    wire_type: ClassVar[str] = "clustering.completed"
    winner: Evaluation | None = None
    """The best configuration; its score is that of the whole library. None when there was nothing to search."""
    playlists: int
    tracks: int
    tracks_used: int
    """Distinct tracks in the playlists."""
    notes: tuple[str, ...] = ()
    """What was done by rule, e.g. a limit loosened."""


class ClusteringFailed(RunEvent):
    """The clustering ended without a result (reason ``cancelled`` when somebody asked for it)."""

    wire_type: ClassVar[str] = "clustering.failed"
    reason: str
    detail: str


class ClusteringCancelled(RunEvent):
    """Somebody asked for the end of a clustering."""

    wire_type: ClassVar[str] = "clustering.cancelled"


class PlaylistsKept(RunEvent):
    """The proposals of a clustering became playlists of the listener."""

    wire_type: ClassVar[str] = "clustering.playlists_kept"
    created: tuple[UUID, ...] = ()
    refreshed: tuple[UUID, ...] = ()
    unchanged: tuple[UUID, ...] = ()
    locked: tuple[UUID, ...] = ()
    """Recognised, but locked: left as they are."""
    sync: bool = False


class KeepingFailed(RunEvent):
    """The proposals of a clustering could not be kept."""

    wire_type: ClassVar[str] = "clustering.keeping_failed"
    reason: str
    detail: str
