"""Decisions about playlists: what a listener's wish makes of a playlist. Pure but for ``Decisions``.

Each decision is an event with the number that follows the playlist's version. Of two gateways that decide about the
same version, one gets ``Conflict``; a clusterer that refreshes the playlist in the same moment is ordered by the log,
and the read model tells who was first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.gateway.intake import Intake
from services.gateway.models.playlists import PlaylistChange
from services.gateway.playlist_rows import RECIPE
from services.gateway.problems import ProblemError
from services.gateway.queries import playlists
from shared import postgres
from shared.errors import Conflict, InvalidInput
from shared.events import PlaylistDeleted, PlaylistLocked, PlaylistRenamed, PlaylistSaved
from shared.messages import uuid7, wrap
from shared.streams import Unit

if TYPE_CHECKING:
    from shared.postgres import Pool

Decision = PlaylistSaved | PlaylistRenamed | PlaylistLocked | PlaylistDeleted


class Decisions:
    """Appends decisions and tells whether they counted."""

    def __init__(self, intake: Intake, pool: Pool) -> None:
        self._intake = intake
        self._pool = pool

    async def take(self, event: Decision) -> int:
        """Append; the position, once it can be read. Raises ``ProblemError`` (409) when somebody else was first."""
        unit = Unit(
            id=uuid7(),
            events=[wrap(event)],
            expect={f"playlist:{event.playlist_id}:{event.number - 1}": 0},
        )
        try:
            appended = await self._intake.append(unit)
        except Conflict:
            raise changed(None) from None
        await self._intake.arrived(appended.position)
        async with postgres.reading(self._pool) as connection:
            row = await playlists.version(connection, event.playlist_id, event.number)
        if row is None or row["position"] != appended.position:
            raise changed(None)
        return appended.position


def changed(version: int | None) -> ProblemError:
    """Somebody else was first."""
    return ProblemError(
        409,
        "This playlist has changed in the meantime; look at it again and repeat.",
        reason="changed",
        extra={"version": version} if version is not None else {},
    )


def check_version(row: Any, seen: int) -> None:
    """Raises ``ProblemError`` for a deleted playlist, or when the listener has not seen its newest version."""
    if row["deleted"]:
        raise ProblemError(409, "This playlist was deleted; restore one of its versions first.", reason="deleted")
    if row["version"] != seen:
        raise changed(row["version"])


def decide(row: Any, wish: PlaylistChange, artists: Mapping[UUID, str]) -> Decision | None:
    """The event for a change, None when it changes nothing. ``artists`` of the tracks, where artists are excluded.
    Raises ``InvalidInput``."""
    content = _content(row)
    after = content | _wished(content, wish, artists)
    different = [name for name in content if content[name] != after[name]]
    number, playlist_id = row["version"] + 1, row["playlist_id"]
    if not different:
        return None
    if different == ["name"]:
        return PlaylistRenamed(playlist_id=playlist_id, number=number, name=after["name"])
    if different == ["locked"]:
        return PlaylistLocked(playlist_id=playlist_id, number=number, locked=after["locked"])
    return saved(row, action="edited", **after)


def saved(row: Any, *, action: str, number: int | None = None, **content: Any) -> PlaylistSaved:
    """The whole playlist anew: as in ``row``, except for ``content``."""
    fields = _content(row) | content
    return PlaylistSaved.model_validate(
        {
            "playlist_id": row["playlist_id"],
            "number": row["version"] + 1 if number is None else number,
            "recipe": RECIPE.validate_json(row["recipe"]),
            "seed": row["seed"],
            "action": action,
            "run_id": row["run_id"],
            **fields,
        }
    )


def _content(row: Any) -> dict[str, Any]:
    names = ("name", "track_ids", "locked", "pinned", "excluded", "excluded_artists")
    return {name: row[name] for name in names}


def _wished(content: Mapping[str, Any], wish: PlaylistChange, artists: Mapping[UUID, str]) -> dict[str, Any]:
    found = wish.model_dump(exclude={"version"}, exclude_none=True)
    for name in ("pinned", "excluded", "excluded_artists"):
        if name in found:
            found[name] = list(dict.fromkeys(found[name]))
    if not found.keys() - {"name", "locked"}:
        return found
    track_ids = found.get("track_ids", content["track_ids"])
    pinned = found.get("pinned", [track for track in content["pinned"] if track in set(track_ids)])
    excluded = found.get("excluded", [track for track in content["excluded"] if track not in set(pinned)])
    _check_pins(pinned, excluded, track_ids, wish)
    shunned = {name.casefold() for name in wish.excluded_artists or ()}
    out = set(excluded) if wish.excluded is not None else set()
    out |= {track for track in track_ids if artists.get(track, "").casefold() in shunned and shunned}
    kept = [track for track in track_ids if track not in out or track in set(pinned)]
    return {**found, "track_ids": kept, "pinned": pinned, "excluded": excluded}


def _check_pins(
    pinned: Sequence[UUID], excluded: Sequence[UUID], track_ids: Sequence[UUID], wish: PlaylistChange
) -> None:
    if wish.pinned is not None and not set(pinned) <= set(track_ids):
        raise InvalidInput("pinned", "only tracks of the playlist can be pinned; add the others to track_ids first")
    if set(pinned) & set(excluded):
        raise InvalidInput("excluded", "a track cannot be pinned and excluded; take it out of one of the two")
