"""From rows to playlists and their links."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter

from services.gateway.models.playlists import (
    Link,
    Playlist,
    PlaylistSummary,
    PlaylistTile,
    PlaylistTrack,
    PlaylistVersion,
)
from services.gateway.models.tracks import Track
from services.gateway.presenting import to_tracks
from services.gateway.queries import playlists, tracks
from services.gateway.tagging import LibraryTags, TagStats
from shared.events import Recipe

if TYPE_CHECKING:
    from asyncpg import Record

    from shared.postgres import Connection

T = TypeVar("T")
_TILES = 4
RECIPE: TypeAdapter[Recipe] = TypeAdapter(Recipe)


async def to_summaries(connection: Connection, rows: Sequence[Record], tags: LibraryTags) -> list[PlaylistSummary]:
    """Rows of ``queries.playlists`` with their links and tiles."""
    found = to_links(await playlists.links(connection, [row["playlist_id"] for row in rows]))
    chosen = {row["playlist_id"]: _spread(row["track_ids"]) for row in rows}
    known = await tracks.many(connection, list({track for some in chosen.values() for track in some}), gone=True)
    by_id = {track.id: track for track in to_tracks(list(known.values()), await tags.stats(connection))}
    return [
        PlaylistSummary(
            **_summary(row, found.get(row["playlist_id"], [])),
            tiles=_tiles([by_id[track] for track in chosen[row["playlist_id"]] if track in by_id]),
        )
        for row in rows
    ]


def _spread(items: Sequence[T]) -> list[T]:
    """Four of the items, from all over the list; the first where there are fewer."""
    if len(items) < _TILES:
        return list(items[:1])
    return [items[(2 * place + 1) * len(items) // (2 * _TILES)] for place in range(_TILES)]


def _tiles(found: Iterable[Track]) -> list[PlaylistTile]:
    return [PlaylistTile(id=track.id, mood_strip=track.mood_strip) for track in found]


async def to_playlist(connection: Connection, row: Record, tags: LibraryTags) -> Playlist:
    """A playlist with its tracks. One that was never known to us, or whose row went, is left out."""
    links = to_links(await playlists.links(connection, [row["playlist_id"]]))
    known = await tracks.many(connection, list(set(row["track_ids"])), gone=True)
    stats = await tags.stats(connection)
    # Thousands of tracks take a second to describe; meanwhile others are answered.
    by_id = await asyncio.to_thread(_tracks, known, stats)
    in_order = [by_id[track_id] for track_id in row["track_ids"] if track_id in by_id]
    return Playlist(
        **_summary(row, links.get(row["playlist_id"], [])),
        tiles=_tiles(_spread(in_order)),
        recipe=RECIPE.validate_json(row["recipe"]),
        seed=row["seed"],
        created_at=row["created_at"],
        action=row["action"],
        clustering_id=row["run_id"],
        pinned=row["pinned"],
        excluded=row["excluded"],
        excluded_artists=row["excluded_artists"],
        tracks=in_order,
    )


def _tracks(known: Mapping[UUID, Record], stats: TagStats) -> dict[UUID, PlaylistTrack]:
    shown = to_tracks(list(known.values()), stats)
    return {track.id: PlaylistTrack.model_construct(**dict(track), gone=known[track.id]["removed"]) for track in shown}


def _summary(row: Any, links: list[Link]) -> dict[str, Any]:
    return {
        "id": row["playlist_id"],
        "name": row["name"],
        "version": row["version"],
        "locked": row["locked"],
        "deleted": row["deleted"],
        "kind": RECIPE.validate_json(row["recipe"]).kind,
        "track_count": len(row["track_ids"]),
        "duration_s": round(row["duration_s"], 1),
        "changed_at": row["changed_at"],
        "links": links,
    }


_LINK = tuple(Link.model_fields)


def to_links(rows: Iterable[Any]) -> dict[UUID, list[Link]]:
    """The links of each playlist."""
    found: dict[UUID, list[Link]] = {}
    for row in rows:
        found.setdefault(row["playlist_id"], []).append(Link(**{name: row[name] for name in _LINK}))
    return found


def to_version(row: Any) -> PlaylistVersion:
    """A row of ``queries.playlists.versions``."""
    names = ("action", "name", "at", "track_count", "added", "removed", "locked", "restored")
    return PlaylistVersion(number=row["version"], clustering_id=row["run_id"], **{name: row[name] for name in names})
