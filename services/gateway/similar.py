"""Playlists of tracks that sound like some others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.gateway.problems import ProblemError
from services.gateway.queries import tracks
from services.gateway.state import Gateway
from shared.errors import InvalidInput
from shared.vectors import Neighbour

_SPARE = 2
"""How many more neighbours are looked at: some may be the same recording as another, from a second library."""


async def sounding_like(gateway: Gateway, seeds: Sequence[UUID], n: int) -> list[UUID]:
    """The ``seeds``, then the tracks nearest to any of them, ``n`` in all; no recording twice. Raises
    ``InvalidInput`` for a seed that no library has, ``ProblemError`` for one without analysis."""
    near = (await gateway.neighbours.of(seeds, _SPARE * n)).tracks
    candidates = by_distance(found or () for found in near)
    async with gateway.reading() as connection:
        rows = await tracks.many(connection, [*seeds, *candidates])
    for seed, found in zip(seeds, near, strict=True):
        if seed not in rows:
            raise InvalidInput("similar_to", f"no library has the track {seed}; leave it out")
        if found is None:
            raise ProblemError(409, f"{rows[seed]['title']!r} has not been analysed yet.", reason="not_analysed")
    recordings: dict[str, UUID] = {}
    for track_id in [*seeds, *candidates]:
        if track_id in rows:
            recordings.setdefault(rows[track_id]["audio_hash"] or str(track_id), track_id)
    return list(recordings.values())[: max(n, 1)]


def by_distance(lists: Iterable[Sequence[Neighbour]]) -> list[UUID]:
    """Tracks of several lists of neighbours, each at its shortest distance, nearest first."""
    nearest: dict[UUID, float] = {}
    for neighbour in (neighbour for found in lists for neighbour in found):
        nearest[neighbour.track_id] = min(neighbour.distance, nearest.get(neighbour.track_id, 9.0))
    return [track_id for track_id, _ in sorted(nearest.items(), key=lambda item: (item[1], item[0]))]
