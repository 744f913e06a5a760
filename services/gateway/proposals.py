"""From rows to the playlists that a clustering proposes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.gateway.models.clusterings import ProposedPlaylist
from services.gateway.presenting import to_tracks
from services.gateway.queries import playlists, tracks
from services.gateway.tagging import LibraryTags
from shared.events import ClusterRecipe, PlaylistFacts
from shared.matching import recognise

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection


async def to_proposals(
    connection: Connection, clustering_id: UUID, rows: Sequence[Record], tags: LibraryTags | None
) -> list[ProposedPlaylist]:
    """Rows of ``queries.clusterings.proposals``; with their tracks if there are ``tags`` to describe them with."""
    known = recognised(clustering_id, rows, await playlists.of_clusterings(connection))
    shown = {}
    if tags is not None:
        wanted = list({track_id for row in rows for track_id in row["track_ids"]})
        found = await tracks.many(connection, wanted)
        described = await asyncio.to_thread(to_tracks, list(found.values()), await tags.stats(connection))
        shown = {track.id: track for track in described}
    return [
        ProposedPlaylist(
            number=row["number"],
            name=row["name"],
            named_by=row["named_by"],
            facts=PlaylistFacts.model_validate_json(row["facts"]),
            track_count=len(row["track_ids"]),
            duration_s=round(row["duration_s"], 1),
            recognised=known.get(row["number"]),
            tracks=[shown[track] for track in row["track_ids"] if track in shown] if tags is not None else None,
        )
        for row in rows
    ]


def recognised(clustering_id: UUID, proposals: Sequence[Any], held: Sequence[Any]) -> dict[int, UUID]:
    """Which playlist each proposal would refresh: the one it became, else one that shares most of its tracks. ``held``
    are rows of ``queries.playlists.of_clusterings``."""
    recipes = {row["playlist_id"]: ClusterRecipe.model_validate_json(row["recipe"]) for row in held}
    became = {recipe.number: key for key, recipe in recipes.items() if recipe.clustering_id == clustering_id}
    wanted = {row["number"]: row["track_ids"] for row in proposals}
    return recognise(became, wanted, {row["playlist_id"]: row["track_ids"] for row in held})
