"""Which tracks of a library another program means: by the server's own id, by path, by names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from services.gateway.models.imports import ForeignTrack
from services.gateway.queries import imports
from shared.messages import track_id

if TYPE_CHECKING:
    from shared.postgres import Connection

_DEEPEST = 12
"""Folders of a path that are compared, from its end."""


@dataclass(frozen=True, slots=True)
class Match:
    track_id: UUID
    by: Literal["id", "path", "names"]


async def match(
    connection: Connection, server_id: UUID, wanted: Sequence[ForeignTrack], *, paths: bool
) -> list[Match | None]:
    """The track of each of ``wanted``, None where the library has none or it cannot be told which.

    The server's own id decides. Then, with ``paths`` (ids of this library are paths inside it), the only end of the
    other program's path that is a track here. Then title and artist, with album and length where both know them, if
    exactly one track fits.
    """
    found = await _by_id(connection, server_id, wanted)
    if paths:
        found |= await _by_path(connection, server_id, _others(wanted, found))
    found |= await _by_names(connection, server_id, _others(wanted, found))
    return [found.get(place) for place in range(len(wanted))]


Found = dict[int, Match]
Places = dict[int, ForeignTrack]


def _others(wanted: Sequence[ForeignTrack], found: Found) -> Places:
    return {place: track for place, track in enumerate(wanted) if place not in found}


async def _by_id(connection: Connection, server_id: UUID, wanted: Sequence[ForeignTrack]) -> Found:
    ids = [track_id(server_id, track.item_id) for track in wanted]
    here = await imports.present(connection, server_id, ids)
    return {place: Match(found, "id") for place, found in enumerate(ids) if found in here}


async def _by_path(connection: Connection, server_id: UUID, others: Places) -> Found:
    """A track's id is made from its path, so every end of the path is one look at a key."""
    ends = {place: [track_id(server_id, end) for end in _ends(track.path or "")] for place, track in others.items()}
    here = await imports.present(connection, server_id, [end for some in ends.values() for end in some])
    candidates = {place: [end for end in some if end in here] for place, some in ends.items()}
    return {place: Match(some[0], "path") for place, some in candidates.items() if len(some) == 1}


def _ends(path: str) -> list[str]:
    """``a/b/c.mp3``, ``b/c.mp3`` and ``c.mp3`` for ``/a/b/c.mp3``."""
    parts = [part for part in path.replace("\\", "/").split("/") if part]
    return ["/".join(parts[start:]) for start in range(max(0, len(parts) - _DEEPEST), len(parts))]


async def _by_names(connection: Connection, server_id: UUID, others: Places) -> Found:
    named = [
        (place, track.title, track.artist, track.album or None, track.duration_s or None)
        for place, track in others.items()
        if track.title and track.artist
    ]
    if not named:
        return {}
    return {
        place: Match(found, "names") for place, found in (await imports.by_names(connection, server_id, named)).items()
    }
