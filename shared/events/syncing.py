"""Events about playlists on media servers, and about what was listened to there."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event, RunEvent


class SyncTarget(BaseModel):
    """One playlist on one server."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    playlist_id: UUID
    server_id: UUID


class SyncRequested(RunEvent):
    """Nothing named is everything: all playlists, all servers."""

    wire_type: ClassVar[str] = "sync.requested"
    playlist_ids: tuple[UUID, ...] = ()
    server_ids: tuple[UUID, ...] = ()
    revive: bool = False
    """Also write playlists that their owner deleted on the server."""


class SyncStarted(RunEvent):
    """One terminal event (synced, skipped or failed) follows for each target."""

    wire_type: ClassVar[str] = "sync.started"
    targets: tuple[SyncTarget, ...]


class _TargetEvent(Event):
    run_id: UUID
    playlist_id: UUID
    server_id: UUID
    account: str = ""
    """Whose playlist it is on the server: the login's user name."""

    @property
    def subject(self) -> str:
        return f"playlist:{self.playlist_id}"


class PlaylistSynced(_TargetEvent):
    """The server has the playlist as it is in ``number``, except for ``missing`` tracks that it does not have."""

    wire_type: ClassVar[str] = "sync.playlist_synced"
    number: int
    remote_id: str
    remote_name: str
    action: Literal["created", "updated", "unchanged"]
    written: int
    missing: int = 0
    added: int = 0
    removed: int = 0


class PlaylistSyncSkipped(_TargetEvent):
    """Nothing was done. Reasons: deleted_on_server, server_removed, no_tracks, cancelled, playlist_deleted."""

    wire_type: ClassVar[str] = "sync.playlist_skipped"
    reason: str
    remote_id: str | None = None


class PlaylistSyncFailed(_TargetEvent):
    """``detail`` is in the server's own words. ``restored``: the server holds the playlist as before, as far as known
    (None when it was not touched)."""

    wire_type: ClassVar[str] = "sync.playlist_failed"
    reason: str
    detail: str
    restored: bool | None = None


class RemotePlaylistRemoved(_TargetEvent):
    """A playlist of ours was deleted on the server, because somebody asked Starling to."""

    wire_type: ClassVar[str] = "sync.remote_playlist_removed"
    remote_id: str


class SyncCompleted(RunEvent):
    """synced + skipped + failed = targets."""

    wire_type: ClassVar[str] = "sync.completed"
    state: Literal["completed", "cancelled", "failed"]
    synced: int
    skipped: int
    failed: int


class SyncFailed(RunEvent):
    """The sync could not even begin."""

    wire_type: ClassVar[str] = "sync.failed"
    reason: str
    detail: str


class SyncCancelled(RunEvent):
    """Somebody asked for the end of a sync."""

    wire_type: ClassVar[str] = "sync.cancelled"


class TrackPlays(BaseModel):
    """How often a track was played on its server, as the server counts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    track_id: UUID
    play_count: int = Field(0, ge=0)
    last_played_at: datetime | None = None
    rating: float | None = Field(None, ge=0, le=5)
    """Stars, 0..5."""
    favourite: bool = False


class PlaysImported(RunEvent):
    """Part of a server's listening history; ``last`` ends the import."""

    wire_type: ClassVar[str] = "listening.plays_imported"
    server_id: UUID
    plays: tuple[TrackPlays, ...] = Field(default=(), max_length=1000)
    last: bool = False


class PlaysImportFailed(RunEvent):
    wire_type: ClassVar[str] = "listening.import_failed"
    server_id: UUID
    reason: str
    detail: str
