"""Playlists: what a client sends, and what it gets."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from services.gateway.models.common import Answer, Body, PageQuery, Position, Query, Time
from services.gateway.models.tracks import MoodStrip, Track
from shared.events import MOST_TRACKS, Recipe, ServerType

MOST_SEEDS = 20
MOST_PREVIEWED = 5000
"""Pairs of playlist and server in one preview."""
GREATEST_VERSION = 2**31 - 1
"""What the column of version numbers holds."""


def _speakable(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise ValueError("must not contain control characters")
    return text


PlaylistName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300), AfterValidator(_speakable)
]
TrackIds = Annotated[list[UUID], Field(max_length=MOST_TRACKS, fail_fast=True)]
PlaylistKind = Literal["cluster", "similar", "manual", "import"]
LinkState = Literal["synced", "failed", "deleted_on_server", "removed", "skipped"]


class Link(Answer):
    """A playlist on a media server."""

    server_id: UUID
    server_name: str
    server_type: ServerType
    account: str
    remote_id: str | None
    remote_name: str | None
    state: LinkState
    number: int | None = Field(description="The version that the server holds.")
    written: int
    missing: int = Field(description="Tracks that the server does not have.")
    reason: str | None
    detail: str | None
    restored: bool | None = Field(description="After a failure: the server holds the playlist as before.")
    synced_at: Time | None
    at: Time


class PlaylistTile(Answer):
    """One of a few songs spread over a playlist, for its picture."""

    id: UUID
    mood_strip: MoodStrip | None


class PlaylistSummary(Answer):
    id: UUID
    name: str
    version: int
    locked: bool
    deleted: bool
    kind: PlaylistKind
    track_count: int
    duration_s: float
    changed_at: Time
    links: list[Link]
    tiles: list[PlaylistTile]


class PlaylistList(Answer):
    """By name."""

    items: list[PlaylistSummary]
    next_cursor: str | None


class PlaylistQuery(PageQuery):
    deleted: bool = Field(False, description="true lists the deleted ones instead.")


class PlaylistTrack(Track):
    gone: bool = Field(description="No library has it any more.")


class Playlist(PlaylistSummary):
    """A playlist with its tracks in order."""

    recipe: Recipe
    seed: int
    created_at: Time
    action: str = Field(description="What was done to it last.")
    clustering_id: UUID | None
    pinned: list[UUID]
    excluded: list[UUID]
    excluded_artists: list[str]
    tracks: list[PlaylistTrack]
    position: Position | None = Field(None, description="After a change: what to give as `after`.")


class NewPlaylist(Body):
    """Either `track_ids`, or `similar_to` with `n`."""

    name: PlaylistName
    track_ids: TrackIds | None = None
    similar_to: list[UUID] | None = Field(None, min_length=1, max_length=MOST_SEEDS)
    n: int = Field(50, ge=1, le=500, description="How many tracks, those of `similar_to` included.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.track_ids is None) == (self.similar_to is None):
            raise ValueError("give either track_ids or similar_to")
        return self


class PlaylistChange(Body):
    """What to change; what is left out stays."""

    version: int = Field(ge=1, le=GREATEST_VERSION, description="The version that you have seen.")
    name: PlaylistName | None = None
    track_ids: TrackIds | None = None
    locked: bool | None = None
    pinned: TrackIds | None = None
    excluded: TrackIds | None = None
    excluded_artists: list[Annotated[str, Field(min_length=1, max_length=300)]] | None = Field(None, max_length=500)


class DeleteQuery(Query):
    remote: bool = Field(False, description="Delete it on the media servers, too.")


class Restoration(Body):
    number: int = Field(ge=1, le=GREATEST_VERSION, description="The version to bring back.")


class PlaylistVersion(Answer):
    number: int
    action: str
    name: str
    at: Time
    track_count: int
    added: int
    removed: int
    locked: bool
    restored: int | None = Field(description="Number of the version that came back.")
    clustering_id: UUID | None


class PlaylistVersions(Answer):
    """Newest first."""

    items: list[PlaylistVersion]


class ExportQuery(Query):
    format: Literal["m3u8", "jspf"] = "m3u8"


class ImportQuery(Query):
    name: PlaylistName | None = Field(None, description="Left out: the name in the file, or that of the file.")
    format: Literal["m3u8", "jspf"] | None = Field(None, description="Left out: told by the content.")


class MissingEntry(Answer):
    """An entry of the file that no track matches. ``line`` counts entries from 1."""

    line: int
    text: str


class ImportedPlaylist(Playlist):
    matched: int
    missing: list[MissingEntry] = Field(description="The first 500 entries that were not found.")
    missing_count: int


class PreviewQuery(Query):
    server_id: UUID | None = Field(None, description="Left out: every server.")


class PreviewRequest(Body):
    """Playlists, or the proposals of a clustering, on servers. Nothing named is everything."""

    playlist_ids: list[UUID] = Field(default=[], max_length=1000)
    server_ids: list[UUID] = Field(default=[], max_length=100)
    clustering_id: UUID | None = Field(None, description="Its proposals, instead of playlists.")
    numbers: list[int] = Field(default=[], max_length=400)
    revive: bool = Field(False, description="Also those that were deleted on the server.")


class PreviewItem(Answer):
    """What writing one playlist to one server would change."""

    playlist_id: UUID | None
    number: int | None = Field(description="Of the proposal.")
    name: str
    server_id: UUID
    server_name: str
    change: Literal["create", "update", "none", "skip"]
    reason: str | None
    to_add: int
    to_remove: int
    missing: int = Field(description="Tracks that the server does not have.")
    remote_id: str | None


class Preview(Answer):
    items: list[PreviewItem]
