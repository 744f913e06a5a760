"""From rows to the playlists that a clustering proposes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.gateway.models.clusterings import ProposedPlaylist
from services.gateway.presenting import to_tracks
from services.gateway.queries import tracks
from services.gateway.tagging import LibraryTags
from shared.events import PlaylistFacts

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection


async def to_proposals(
    connection: Connection, rows: Sequence[Record], tags: LibraryTags | None
) -> list[ProposedPlaylist]:
    """Rows of ``queries.clusterings.proposals``; with their tracks if there are ``tags`` to describe them with."""
    shown = {}
    if tags is not None:
        wanted = list({track_id for row in rows for track_id in row["track_ids"]})
        found = await tracks.many(connection, wanted)
        shown = {track.id: track for track in to_tracks(list(found.values()), await tags.stats(connection))}
    return [
        ProposedPlaylist(
            number=row["number"],
            name=row["name"],
            named_by=row["named_by"],
            facts=PlaylistFacts.model_validate_json(row["facts"]),
            track_count=len(row["track_ids"]),
            duration_s=round(row["duration_s"], 1),
            recognised=None,
            tracks=[shown[track] for track in row["track_ids"] if track in shown] if tags is not None else None,
        )
        for row in rows
    ]
