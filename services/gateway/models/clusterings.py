"""Clusterings: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from services.gateway.models.common import Answer, Body, Position, Query, Time
from services.gateway.models.tracks import Track
from shared.events import Algorithm, ClusteringOptions, Evaluation, PlaylistFacts, ScoreWeights

ClusteringState = Literal["requested", "running", "composing", "completed", "failed", "cancelled"]
GREATEST_SEED = 2**53
"""What a number in JSON keeps exactly, everywhere."""


class Weights(ScoreWeights):
    """The same; a misspelt name is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Options(ClusteringOptions):
    """The same."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    weights: Weights = Weights()


class NewClustering(Options):
    """How to group the library. Everything may be left out."""

    seed: int | None = Field(None, ge=0, lt=GREATEST_SEED, description="The same seed gives the same playlists.")

    @property
    def options(self) -> ClusteringOptions:
        return ClusteringOptions.model_validate(self.model_dump(exclude={"seed"}))


class ClusteringAccepted(Answer):
    """The clustering is on its way."""

    clustering_id: UUID
    position: Position


class AlgorithmProgress(Answer):
    algorithm: Algorithm
    evaluated: int
    best: Evaluation | None


class GenerationProgress(Answer):
    generation: int
    evaluated: int
    best: float | None = Field(description="Highest score, on the largest part of the sample that was used.")


class Kept(Answer):
    """What became of the playlists; each is in one list."""

    at: Time
    created: list[UUID]
    refreshed: list[UUID]
    unchanged: list[UUID]
    locked: list[UUID]


class Clustering(Answer):
    """A clustering as it stands."""

    id: UUID
    state: ClusteringState
    options: ClusteringOptions
    seed: int
    requested_at: Time
    started_at: Time | None
    ended_at: Time | None
    tracks: int | None
    without_embedding: int | None = Field(description="Tracks that were left out, because they are not analysed.")
    sampled: int | None
    evaluated: int
    planned: int = Field(description="Most configurations that will be tried; the search may end earlier.")
    generation: int | None
    best: Evaluation | None
    winner: Evaluation | None = Field(description="The best configuration, with the score of the whole library.")
    algorithms: list[AlgorithmProgress]
    generations: list[GenerationProgress]
    eta_s: float | None = Field(description="At most: the search ends when it no longer gets better.")
    reason: str | None
    detail: str | None
    warnings: list[str]
    notes: list[str]
    playlists: int | None
    tracks_used: int | None
    kept: Kept | None
    keeping_problem: str | None


class ClusteringList(Answer):
    """Newest first."""

    items: list[Clustering]
    next_cursor: str | None


class ProposalsQuery(Query):
    tracks: bool = Field(True, description="false leaves the tracks out.")


class ProposedPlaylist(Answer):
    """A playlist that a clustering would make."""

    number: int
    name: str
    named_by: Literal["tags", "language_model"]
    facts: PlaylistFacts
    track_count: int
    duration_s: float
    recognised: UUID | None = Field(description="The playlist that this one would refresh.")
    tracks: list[Track] | None


class Proposals(Answer):
    items: list[ProposedPlaylist]


class KeepRequest(Body):
    """Which of the proposed playlists to keep."""

    numbers: list[int] = Field(default=[], max_length=400, description="None named is all.")
    sync: bool = Field(False, description="Write them to the media servers, too.")
