"""Commands of the clusterer: group the library by sound and make playlists of the groups."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared import events
from shared.commands.base import CANCELLED, Command
from shared.events import ClusteringOptions, Configuration, Evaluation, Event
from shared.messages import Failure


class _ClusteringCommand(Command):
    service: ClassVar[str] = "clusterer"

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (events.ClusteringFailed(run_id=self.run_id, reason=failure.reason, detail=failure.detail),)

    def cancelled(self) -> tuple[Event, ...]:
        return self.death(CANCELLED)


class StartClustering(_ClusteringCommand):
    """Read and prepare the library as it is now."""

    wire_type: ClassVar[str] = "clustering.start"
    options: ClusteringOptions
    seed: int


class EvaluateClusterings(_ClusteringCommand):
    """Try some configurations on the prepared data. Any replica may get any batch, with the same result."""

    wire_type: ClassVar[str] = "clustering.evaluate"
    options: ClusteringOptions
    seed: int
    data_id: UUID
    generation: int
    batch: int
    rung: int = 0
    first_number: int
    """Number of the first configuration; the others count on."""
    configurations: tuple[Configuration, ...] = Field(max_length=100)

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.ClusteringBatchFailed(
                run_id=self.run_id,
                generation=self.generation,
                batch=self.batch,
                reason=failure.reason,
                detail=failure.detail,
            ),
        )


class ComposePlaylists(_ClusteringCommand):
    """Cluster the whole library as the winner says, and make playlists of it."""

    wire_type: ClassVar[str] = "clustering.compose"
    options: ClusteringOptions
    seed: int
    data_id: UUID
    winner: Evaluation | None = None
    """None: the library is too small to search; one simple answer is composed by rule."""


class KeepPlaylists(_ClusteringCommand):
    """Make the proposals of a clustering the listener's playlists: refresh those it recognises, add the others."""

    wire_type: ClassVar[str] = "clustering.keep"
    numbers: tuple[int, ...] = ()
    """Which proposals; none named is all."""
    sync: bool = False

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (events.KeepingFailed(run_id=self.run_id, reason=failure.reason, detail=failure.detail),)
