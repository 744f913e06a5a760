"""Commands of the syncer: write playlists to media servers, read what was listened to."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared import events
from shared.commands.base import CANCELLED, Command
from shared.events import Event
from shared.messages import Failure


class StartSync(Command):
    """Find out which playlists go to which servers, and send one command for each. Nothing named is everything."""

    wire_type: ClassVar[str] = "sync.start"
    service: ClassVar[str] = "syncer"
    playlist_ids: tuple[UUID, ...] = ()
    server_ids: tuple[UUID, ...] = ()
    revive: bool = False

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (events.SyncFailed(run_id=self.run_id, reason=failure.reason, detail=failure.detail),)

    def cancelled(self) -> tuple[Event, ...]:
        return self.death(CANCELLED)


class _TargetCommand(Command):
    service: ClassVar[str] = "syncer"
    playlist_id: UUID
    server_id: UUID

    @property
    def subject(self) -> str:
        return f"playlist:{self.playlist_id}"

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.PlaylistSyncFailed(
                run_id=self.run_id,
                playlist_id=self.playlist_id,
                server_id=self.server_id,
                reason=failure.reason,
                detail=failure.detail,
            ),
        )

    def cancelled(self) -> tuple[Event, ...]:
        return (
            events.PlaylistSyncSkipped(
                run_id=self.run_id, playlist_id=self.playlist_id, server_id=self.server_id, reason="cancelled"
            ),
        )


class SyncPlaylist(_TargetCommand):
    """Make one server's copy of a playlist what it is in Starling, at least as of version ``number``."""

    wire_type: ClassVar[str] = "sync.playlist"
    number: int
    revive: bool = False


class RemoveRemotePlaylist(_TargetCommand):
    """Delete one server's copy of a playlist, if it is ours."""

    wire_type: ClassVar[str] = "sync.remove_remote"


class ImportPlays(Command):
    """Read a server's play counts, ratings and last plays."""

    wire_type: ClassVar[str] = "listening.import"
    service: ClassVar[str] = "syncer"
    server_id: UUID

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.PlaysImportFailed(
                run_id=self.run_id, server_id=self.server_id, reason=failure.reason, detail=failure.detail
            ),
        )

    def cancelled(self) -> tuple[Event, ...]:
        return self.death(CANCELLED)
