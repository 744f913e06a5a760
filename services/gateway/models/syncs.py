"""Writing playlists to media servers: what a client sends, and what it gets."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from services.gateway.models.common import Answer, Body, Position, Time


class PlaylistSyncRequest(Body):
    server_ids: list[UUID] = Field(default=[], max_length=100, description="None named is every server.")
    revive: bool = Field(False, description="Also write where the playlist was deleted on the server.")


class SyncRequest(PlaylistSyncRequest):
    playlist_ids: list[UUID] = Field(default=[], max_length=1000, description="None named is every playlist.")


class SyncAccepted(Answer):
    sync_id: UUID
    position: Position


class SyncProblem(Answer):
    """A playlist that did not reach a server."""

    playlist_id: UUID
    name: str | None
    server_id: UUID
    server_name: str | None
    outcome: Literal["skipped", "failed"]
    reason: str
    detail: str | None
    restored: bool | None = Field(description="The server holds the playlist as before; null when it was not touched.")


class Sync(Answer):
    """targets = synced + skipped + failed + those under way."""

    id: UUID
    state: Literal["requested", "running", "completed", "cancelled", "failed"]
    requested_at: Time
    started_at: Time | None
    ended_at: Time | None
    targets: int
    synced: int
    skipped: int
    failed: int
    reason: str | None
    detail: str | None
    problems: list[SyncProblem] = Field(description="The first 200.")


class SyncList(Answer):
    """Newest first."""

    items: list[Sync]
    next_cursor: str | None


class ListeningAccepted(Answer):
    """The import is on its way."""

    run_id: UUID
    position: Position
