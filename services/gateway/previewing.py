"""What writing playlists to servers would change, from what is known: nothing is asked of a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from services.gateway.models.playlists import PreviewItem
from services.gateway.queries import playlists
from shared.counterparts import Counterparts, counterparts

if TYPE_CHECKING:
    from shared.postgres import Connection

Change = Literal["create", "update", "none", "skip"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A playlist as it would be written: one that there is, or one that a clustering proposes (``number``)."""

    playlist_id: UUID | None
    name: str
    track_ids: Sequence[UUID]
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """What a server holds of a playlist, as far as known."""

    state: str
    remote_id: str | None
    name: str | None
    items: tuple[str, ...]


async def preview(
    connection: Connection, candidates: Sequence[Candidate], servers: Mapping[UUID, str], *, revive: bool
) -> list[PreviewItem]:
    """One item for each playlist and server; ``servers`` are ids and names."""
    links = await playlists.links(connection, [item.playlist_id for item in candidates if item.playlist_id])
    links = [link for link in links if link["server_id"] in servers]
    held = await playlists.held(connection, [(link["playlist_id"], link["number"]) for link in links if link["number"]])
    items: dict[tuple[int, UUID], PreviewItem] = {}
    for server_id, server_name in servers.items():
        here = [link for link in links if link["server_id"] == server_id]
        before = {link["playlist_id"]: held.get((link["playlist_id"], link["number"]), []) for link in here}
        wanted = [track_id for item in candidates for track_id in item.track_ids]
        found = await counterparts(connection, [*wanted, *(one for ids in before.values() for one in ids)], server_id)
        holdings = {link["playlist_id"]: _holding(link, before[link["playlist_id"]], found) for link in here}
        for place, item in enumerate(candidates):
            holding = holdings.get(item.playlist_id) if item.playlist_id else None
            items[place, server_id] = compare(item, server_id, server_name, found, holding, revive=revive)
    return [items[place, server_id] for place in range(len(candidates)) for server_id in servers]


def _holding(link: Any, track_ids: Sequence[UUID], found: Counterparts) -> Holding:
    return Holding(link["state"], link["remote_id"], link["remote_name"], found.of(track_ids).items)


def compare(
    item: Candidate,
    server_id: UUID,
    server_name: str,
    found: Counterparts,
    holding: Holding | None,
    *,
    revive: bool,
) -> PreviewItem:
    """What writing ``item`` would do to ``holding``. Pure."""
    resolved = found.of(item.track_ids)
    old = holding.items if holding is not None and holding.remote_id is not None else ()
    change, reason = _change(item, resolved.items, holding, revive=revive)
    writes = change in ("create", "update")
    if change == "create":
        old = ()
    return PreviewItem(
        playlist_id=item.playlist_id,
        number=item.number,
        name=item.name,
        server_id=server_id,
        server_name=server_name,
        change=change,
        reason=reason,
        to_add=len(set(resolved.items) - set(old)) if writes else 0,
        to_remove=len(set(old) - set(resolved.items)) if writes else 0,
        missing=resolved.missing,
        remote_id=holding.remote_id if holding is not None else None,
    )


def _change(
    item: Candidate, wanted: Sequence[str], holding: Holding | None, *, revive: bool
) -> tuple[Change, str | None]:
    if holding is not None and holding.state == "deleted_on_server" and not revive:
        return "skip", "deleted_on_server"
    if not wanted:
        return "skip", "no_tracks"
    if holding is None or holding.remote_id is None or holding.state == "deleted_on_server":
        return "create", None
    same = tuple(wanted) == holding.items and holding.state != "failed"
    if same and (holding.name is None or _alike(item.name, holding.name)):
        return "none", None
    return "update", "failed_before" if holding.state == "failed" else None


def _alike(name: str, remote: str) -> bool:
    """Servers shorten names, and number those that are taken."""
    stem = remote.rsplit(" (", 1)[0] if remote.endswith(")") else remote
    return name == remote or " ".join(name.split()).startswith(" ".join(stem.split()))
