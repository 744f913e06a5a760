"""Playlists: list, make, change, bring back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.gateway.deciding import check_version, decide, saved
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.models.common import Accepted, Query, read_cursor, read_id, write_cursor
from services.gateway.models.playlists import (
    DeleteQuery,
    NewPlaylist,
    Playlist,
    PlaylistChange,
    PlaylistList,
    PlaylistQuery,
    PlaylistVersions,
    Restoration,
)
from services.gateway.playlist_rows import to_playlist, to_summaries, to_version
from services.gateway.problems import ProblemError
from services.gateway.queries import playlists
from services.gateway.similar import sounding_like
from services.gateway.state import Gateway
from shared import positions
from shared.commands import RemoveRemotePlaylist
from shared.errors import InvalidInput, NotFound
from shared.events import ManualRecipe, PlaylistDeleted, PlaylistSaved, SimilarRecipe
from shared.messages import uuid7

LARGEST_LIST = 4 * 1024 * 1024
"""Bytes of a body that may name 20,000 tracks, some of them several times."""


async def list_playlists(call: Call[PlaylistQuery, None]) -> PlaylistList:
    """All playlists, by name."""
    limit = call.query.limit
    values = read_cursor(call.query.cursor, str, str)
    behind = (values[0], read_id(values[1])) if values else None
    async with call.gateway.reading() as connection:
        rows = await playlists.page(connection, behind, limit + 1, deleted=call.query.deleted)
        items = await to_summaries(connection, rows[:limit], call.gateway.tags)
    last = rows[limit - 1] if len(rows) > limit else None
    return PlaylistList(items=items, next_cursor=write_cursor(last["shelf"], last["playlist_id"]) if last else None)


async def get_playlist(call: Call[Query, None]) -> Playlist:
    """A playlist with its tracks in order; one that was deleted, too."""
    return await shown(call.gateway, call.id("playlist_id"))


async def create_playlist(call: Call[None, NewPlaylist]) -> Reply:
    """Make a playlist of chosen tracks, or of tracks that sound like some."""
    gateway, new, playlist_id = call.gateway, call.body, uuid7()
    recipe: ManualRecipe | SimilarRecipe = ManualRecipe()
    if new.similar_to is not None:
        seeds = list(dict.fromkeys(new.similar_to))
        recipe = SimilarRecipe(track_ids=tuple(seeds), n=new.n)
        track_ids: Sequence[UUID] = await sounding_like(gateway, seeds, new.n)
    else:
        track_ids = new.track_ids or []
        await check_known(gateway, track_ids, "track_ids")
    event = PlaylistSaved(
        playlist_id=playlist_id, number=1, name=new.name, recipe=recipe, track_ids=tuple(track_ids), action="created"
    )
    position = await gateway.decisions.take(event)
    return created(await shown(gateway, playlist_id, position))


def created(playlist: Playlist) -> Reply:
    """The answer to what made a playlist."""
    return Reply(playlist, 201, {"Location": f"/api/v1/playlists/{playlist.id}"})


async def change_playlist(call: Call[None, PlaylistChange]) -> Playlist:
    """Rename, lock, reorder, pin, exclude. What is left out stays as it is."""
    gateway, wish = call.gateway, call.body
    row = await known(gateway, call.id("playlist_id"))
    check_version(row, wish.version)
    before = set(row["track_ids"])
    for name in ("track_ids", "pinned", "excluded"):
        new = [track_id for track_id in getattr(wish, name) or () if track_id not in before]
        await check_known(gateway, [track_id for track_id in new if track_id not in set(row["excluded"])], name)
    async with gateway.reading() as connection:
        affected = wish.track_ids or row["track_ids"]
        artists = await playlists.artists(connection, affected) if wish.excluded_artists else {}
    event = decide(row, wish, artists)
    position = await gateway.decisions.take(event) if event is not None else None
    return await shown(gateway, row["playlist_id"], position)


async def delete_playlist(call: Call[DeleteQuery, None]) -> Accepted:
    """Delete a playlist. Every version of it can be restored. On media servers it stays, unless `remote` is true."""
    gateway = call.gateway
    row = await known(gateway, call.id("playlist_id"))
    playlist_id = row["playlist_id"]
    async with gateway.reading() as connection:
        links = await playlists.links(connection, [playlist_id]) if call.query.remote else []
    there = {link["server_id"] for link in links if link["remote_id"] and link["state"] != "removed"}
    position = 0
    if not row["deleted"]:
        position = await gateway.decisions.take(PlaylistDeleted(playlist_id=playlist_id, number=row["version"] + 1))
    elif not there:
        raise ProblemError(409, "This playlist is deleted already.", reason="deleted")
    # Only once the decision counts; asked again for a deleted playlist, what was not sent is sent.
    for server_id in there:
        command = RemoveRemotePlaylist(run_id=uuid7(), playlist_id=playlist_id, server_id=server_id)
        position = (await gateway.intake.order(command, uuid7())).position
    return Accepted(position=positions.text(position))


async def restore_playlist(call: Call[None, Restoration]) -> Playlist:
    """Bring back an earlier version, as a new one; this also brings back a deleted playlist."""
    gateway, number = call.gateway, call.body.number
    row = await known(gateway, call.id("playlist_id"))
    playlist_id = row["playlist_id"]
    async with gateway.reading() as connection:
        old = await playlists.version(connection, playlist_id, number)
    if old is None:
        raise InvalidInput("number", f"there is no version {number}; GET {call.request.path[:-8]}/versions lists them")
    if number == row["version"] and not row["deleted"]:
        raise InvalidInput("number", "this is the version the playlist has now; name an earlier one")
    event = saved(
        {**dict(old), "playlist_id": playlist_id}, action="restored", number=row["version"] + 1, restored=number
    )
    return await shown(gateway, playlist_id, await gateway.decisions.take(event))


async def list_versions(call: Call[Query, None]) -> PlaylistVersions:
    """Everything that was done to a playlist, newest first."""
    playlist_id = call.id("playlist_id")
    async with call.gateway.reading() as connection:
        rows = await playlists.versions(connection, playlist_id)
    if not rows:
        raise NotFound(f"there is no playlist {playlist_id}")
    return PlaylistVersions(items=[to_version(row) for row in rows])


async def known(gateway: Gateway, playlist_id: UUID) -> Any:
    """The row of a playlist, a deleted one too. Raises ``NotFound``."""
    async with gateway.reading() as connection:
        row = await playlists.one(connection, playlist_id)
    if row is None:
        raise NotFound(f"there is no playlist {playlist_id}")
    return row


async def shown(gateway: Gateway, playlist_id: UUID, position: int | None = None) -> Playlist:
    """A playlist as the API shows it. Raises ``NotFound``."""
    async with gateway.reading() as connection:
        row = await playlists.one(connection, playlist_id)
        if row is None:
            raise NotFound(f"there is no playlist {playlist_id}")
        found = await to_playlist(connection, row, gateway.tags)
    return found if position is None else found.model_copy(update={"position": positions.text(position)})


async def check_known(gateway: Gateway, track_ids: Sequence[UUID], name: str) -> None:
    """Raises ``InvalidInput`` for tracks that no library has."""
    if not track_ids:
        return
    async with gateway.reading() as connection:
        unknown = await playlists.unknown(connection, track_ids)
    if unknown:
        raise InvalidInput(name, f"{len(unknown)} of these tracks are in no library, e.g. {unknown[0]}; leave them out")


_ONE = "/api/v1/playlists/{playlist_id}"

ENDPOINTS = (
    Endpoint(
        "GET", "/api/v1/playlists", list_playlists, "Playlists", "List the playlists", PlaylistList, query=PlaylistQuery
    ),
    Endpoint(
        "POST",
        "/api/v1/playlists",
        create_playlist,
        "Playlists",
        "Make a playlist",
        Playlist,
        201,
        body=NewPlaylist,
        largest_body=LARGEST_LIST,
        problems=(409,),
        headers={"Location": "The new playlist."},
    ),
    Endpoint("GET", _ONE, get_playlist, "Playlists", "Show a playlist", Playlist, query=Query),
    Endpoint(
        "PATCH",
        _ONE,
        change_playlist,
        "Playlists",
        "Change a playlist",
        Playlist,
        body=PlaylistChange,
        largest_body=LARGEST_LIST,
        problems=(409,),
    ),
    Endpoint(
        "DELETE",
        _ONE,
        delete_playlist,
        "Playlists",
        "Delete a playlist",
        Accepted,
        202,
        query=DeleteQuery,
        problems=(409,),
    ),
    Endpoint(
        "POST",
        f"{_ONE}/restore",
        restore_playlist,
        "Playlists",
        "Bring back a version",
        Playlist,
        body=Restoration,
        problems=(409,),
    ),
    Endpoint("GET", f"{_ONE}/versions", list_versions, "Playlists", "List the versions", PlaylistVersions, query=Query),
)
