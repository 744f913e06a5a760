"""Events about the listener's playlists, as Starling keeps them."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event

MOST_TRACKS = 20_000


class _Recipe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ClusterRecipe(_Recipe):
    """Tracks that a clustering found to belong together."""

    kind: Literal["cluster"] = "cluster"
    clustering_id: UUID
    number: int


class SimilarRecipe(_Recipe):
    """Tracks that sound like these."""

    kind: Literal["similar"] = "similar"
    track_ids: tuple[UUID, ...] = Field(min_length=1, max_length=20)
    n: int = Field(50, ge=1, le=500)


class ManualRecipe(_Recipe):
    """Tracks chosen one by one."""

    kind: Literal["manual"] = "manual"


class ImportRecipe(_Recipe):
    """Tracks from a playlist file."""

    kind: Literal["import"] = "import"
    file_name: str = Field(max_length=300)
    missing: int = 0
    """Entries of the file that no known track matches."""


Recipe = Annotated[ClusterRecipe | SimilarRecipe | ManualRecipe | ImportRecipe, Field(discriminator="kind")]
PlaylistAction = Literal["created", "refreshed", "edited", "restored", "imported"]


class _PlaylistEvent(Event):
    playlist_id: UUID

    @property
    def subject(self) -> str:
        return f"playlist:{self.playlist_id}"


class _PlaylistVersion(_PlaylistEvent):
    """``version`` is the playlist's number after this event. Readers ignore one that does not follow theirs: it was
    decided on an older playlist, and somebody else was first."""

    number: int = Field(ge=1)


class PlaylistSaved(_PlaylistVersion):
    """The whole playlist as it is from now on; saving a deleted one brings it back."""

    wire_type: ClassVar[str] = "playlist.saved"
    name: str = Field(min_length=1, max_length=300)
    recipe: Recipe
    seed: int = 0
    track_ids: tuple[UUID, ...] = Field(max_length=MOST_TRACKS)
    pinned: tuple[UUID, ...] = ()
    """Tracks that a refresh keeps."""
    excluded: tuple[UUID, ...] = ()
    """Tracks that a refresh leaves out."""
    excluded_artists: tuple[str, ...] = ()
    locked: bool = False
    """A refresh leaves the playlist alone."""
    action: PlaylistAction
    restored: int | None = None
    """Number of the version that came back."""
    run_id: UUID | None = None
    """The clustering that made this version."""


class PlaylistRenamed(_PlaylistVersion):
    wire_type: ClassVar[str] = "playlist.renamed"
    name: str = Field(min_length=1, max_length=300)


class PlaylistLocked(_PlaylistVersion):
    """Locked or unlocked."""

    wire_type: ClassVar[str] = "playlist.locked"
    locked: bool


class PlaylistDeleted(_PlaylistVersion):
    """Gone from Starling. What stands on media servers stays there unless its removal was asked for, too."""

    wire_type: ClassVar[str] = "playlist.deleted"
