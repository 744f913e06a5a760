"""Which of a playlist's tracks a server has, under its own ids.

A track of another server is this server's track with the same sound (equal hash of the decoded audio), else the one
with the same title, artist and album (case-folded) whose length differs by at most 1.5 s. The same rule finds a track
that its own server lists under a new id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from shared.postgres import Connection

LENGTH_TOLERANCE_S = 1.5

_OWN = """
SELECT track_id, item_id FROM tracks WHERE track_id = ANY($1::uuid[]) AND server_id = $2 AND NOT removed
"""
_SAME_SOUND = """
SELECT DISTINCT ON (w.track_id) w.track_id, t.item_id
  FROM track_analysis w
  JOIN track_analysis a ON a.audio_hash = w.audio_hash AND a.server_id = $2
  JOIN tracks t ON t.track_id = a.track_id AND NOT t.removed
 WHERE w.track_id = ANY($1::uuid[]) AND w.audio_hash <> ''
 ORDER BY w.track_id, t.track_id
"""
_SAME_WORDS = """
SELECT w.track_id, t.item_id, w.title, w.artist, w.album, t.title AS title_here, t.artist AS artist_here,
       t.album AS album_here
  FROM tracks w
  JOIN tracks t ON t.server_id = $2 AND NOT t.removed AND lower(t.title) = lower(w.title)
   AND abs(t.duration_s - w.duration_s) <= $3
 WHERE w.track_id = ANY($1::uuid[])
 ORDER BY w.track_id, abs(t.duration_s - w.duration_s), t.track_id
"""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A server's own ids in the playlist's order, and how many of its tracks the server does not have."""

    items: tuple[str, ...]
    missing: int


@dataclass(frozen=True, slots=True)
class Counterparts:
    """The items of one server that stand for tracks: its ``own``, and those found for tracks of ``others``."""

    own: Mapping[UUID, str]
    others: Mapping[UUID, str]

    def of(self, track_ids: Sequence[UUID]) -> Resolved:
        """Line up what was found. A track may be in a playlist twice, but two tracks that are one on this server come
        once."""
        items: list[str] = []
        owner: dict[str, UUID] = {}
        missing = 0
        for track_id in track_ids:
            item = self.own.get(track_id) or self.others.get(track_id)
            if item is None:
                missing += 1
            elif owner.setdefault(item, track_id) == track_id:
                items.append(item)
        return Resolved(tuple(items), missing)


async def resolve(connection: Connection, track_ids: Sequence[UUID], server_id: UUID) -> Resolved:
    """Find the tracks of a playlist on one server."""
    return (await counterparts(connection, track_ids, server_id)).of(track_ids)


async def counterparts(connection: Connection, track_ids: Iterable[UUID], server_id: UUID) -> Counterparts:
    """Find tracks on one server, for any number of playlists."""
    wanted = list(dict.fromkeys(track_ids))
    own = {row["track_id"]: row["item_id"] for row in await connection.fetch(_OWN, wanted, server_id)}
    others = {**await _by_sound(connection, _without(wanted, own), server_id)}
    others |= await _by_words(connection, _without(wanted, own | others), server_id)
    return Counterparts(own, others)


def _without(wanted: Sequence[UUID], found: Mapping[UUID, str]) -> list[UUID]:
    return [track_id for track_id in wanted if track_id not in found]


async def _by_sound(connection: Connection, wanted: list[UUID], server_id: UUID) -> dict[UUID, str]:
    rows = await connection.fetch(_SAME_SOUND, wanted, server_id) if wanted else []
    return {row["track_id"]: row["item_id"] for row in rows}


async def _by_words(connection: Connection, wanted: list[UUID], server_id: UUID) -> dict[UUID, str]:
    """The database compares titles roughly; what counts as the same is decided here."""
    rows = await connection.fetch(_SAME_WORDS, wanted, server_id, LENGTH_TOLERANCE_S) if wanted else []
    found: dict[UUID, str] = {}
    for row in rows:
        if _words(row, "") == _words(row, "_here"):
            found.setdefault(row["track_id"], row["item_id"])
    return found


def _words(row: Any, suffix: str) -> tuple[str, ...]:
    return tuple((row[f"{name}{suffix}"] or "").casefold().strip() for name in ("title", "artist", "album"))
