"""Taking over what another program had found out."""

from __future__ import annotations

from uuid import UUID

from services.gateway.endpoints import Call, Endpoint
from services.gateway.importing import matched, take_analyses
from services.gateway.models.imports import (
    AnalysisImport,
    AnalysisImportResult,
    PlaylistImport,
    PlaylistImportResult,
)
from services.gateway.queries import playlists
from shared import positions
from shared.events import ImportRecipe, PlaylistSaved
from shared.messages import derived_id

_PROGRAMS = {"audiomuse": "AudioMuse-AI"}
_LARGEST_ANALYSES = 4 * 1024 * 1024
_LARGEST_PLAYLIST = 16 * 1024 * 1024


async def take_over_analyses(call: Call[None, AnalysisImport]) -> AnalysisImportResult:
    """Keep another program's analyses until Starling has listened itself. Repeated, it changes nothing."""
    return await take_analyses(call.gateway, call.body)


async def take_over_playlist(call: Call[None, PlaylistImport]) -> PlaylistImportResult:
    """Make another program's playlist one of ours. Repeated, it leaves alone what has become of that."""
    gateway, wish = call.gateway, call.body
    playlist_id = derived_id("imported-playlist", wish.source, wish.server_id, wish.source_name)
    async with gateway.reading() as connection:
        known = await playlists.one(connection, playlist_id)
        matches = await matched(connection, wish.server_id, wish.items)
    track_ids = tuple(dict.fromkeys(found.track_id for found in matches if found is not None))
    state = "known" if known is not None else "taken" if track_ids else "empty"
    missing = sum(found is None for found in matches)
    position = 0
    if state == "taken" and not wish.dry_run:
        position = await gateway.decisions.take(_saved(wish, playlist_id, track_ids, missing))
    return PlaylistImportResult(
        state=state,
        playlist_id=playlist_id,
        matched=len(matches) - missing,
        missing=missing,
        position=positions.text(position),
    )


def _saved(wish: PlaylistImport, playlist_id: UUID, track_ids: tuple[UUID, ...], missing: int) -> PlaylistSaved:
    return PlaylistSaved(
        playlist_id=playlist_id,
        number=1,
        name=wish.name,
        recipe=ImportRecipe(file_name=_PROGRAMS[wish.source], missing=missing),
        track_ids=track_ids,
        action="imported",
    )


ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/imports/analyses",
        take_over_analyses,
        "Imports",
        "Take over analyses",
        AnalysisImportResult,
        body=AnalysisImport,
        largest_body=_LARGEST_ANALYSES,
        problems=(404, 409),
    ),
    Endpoint(
        "POST",
        "/api/v1/imports/playlists",
        take_over_playlist,
        "Imports",
        "Take over a playlist",
        PlaylistImportResult,
        body=PlaylistImport,
        largest_body=_LARGEST_PLAYLIST,
        problems=(404, 409),
    ),
)
