"""Events about what a library lists."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import RunEvent


class LibraryTrack(BaseModel):
    """A track as its server describes it.

    ``item_id`` is the server's own id, ``content_version`` changes when the bytes change, ``meta_version`` when the
    description does.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    track_id: UUID
    item_id: str
    content_version: str
    meta_version: str
    title: str
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None
    disc_number: int | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    suffix: str | None = None


class LibraryScanStarted(RunEvent):
    wire_type: ClassVar[str] = "library.scan_started"
    server_id: UUID


class TracksDiscovered(RunEvent):
    """One page of a library: ``tracks`` are new or changed, ``unchanged`` are known as they are.

    Within one run a track appears in at most one such event.
    """

    wire_type: ClassVar[str] = "library.tracks_discovered"
    server_id: UUID
    tracks: tuple[LibraryTrack, ...] = Field(default=(), max_length=1000)
    unchanged: tuple[UUID, ...] = Field(default=(), max_length=1000)
    problems: tuple[str, ...] = ()
    """Items that were seen and left out, each with its reason, e.g. a link that leads out of the library."""


class TracksRemoved(RunEvent):
    """Tracks that a complete listing no longer contains."""

    wire_type: ClassVar[str] = "library.tracks_removed"
    server_id: UUID
    track_ids: tuple[UUID, ...] = Field(max_length=1000)


class LibraryScanCompleted(RunEvent):
    """The listing reached its end. ``total`` counts distinct tracks."""

    wire_type: ClassVar[str] = "library.scan_completed"
    server_id: UUID
    total: int = Field(ge=0)
    incomplete: bool = False
    """A part of the library could not be listed; nothing was removed."""


class LibraryScanFailed(RunEvent):
    """The listing broke off (reason ``cancelled`` when somebody asked for it). Nothing is removed on its account."""

    wire_type: ClassVar[str] = "library.scan_failed"
    server_id: UUID
    reason: str
    detail: str
