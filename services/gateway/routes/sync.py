"""Writing playlists to media servers: preview, start, watch, cancel; and reading what was listened to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.gateway import idempotency
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.intake import run_id_of
from services.gateway.models.common import Accepted, PageQuery, Query, read_place, write_cursor
from services.gateway.models.playlists import MOST_PREVIEWED, Preview, PreviewQuery, PreviewRequest
from services.gateway.models.syncs import (
    ListeningAccepted,
    PlaylistSyncRequest,
    Sync,
    SyncAccepted,
    SyncList,
    SyncRequest,
)
from services.gateway.previewing import Candidate, preview
from services.gateway.problems import ProblemError
from services.gateway.proposals import recognised
from services.gateway.queries import clusterings, playlists, servers, syncs
from services.gateway.routes.clusterings import check_servers
from services.gateway.routes.playlists import known
from services.gateway.state import Gateway
from services.gateway.sync_progress import to_syncs
from shared import positions
from shared.commands import ImportPlays, StartSync
from shared.errors import InvalidInput, NotFound
from shared.events import SyncCancelled, SyncRequested


async def preview_playlist(call: Call[PreviewQuery, None]) -> Preview:
    """What writing a playlist would change, per server. Nothing is written."""
    row = await known(call.gateway, call.id("playlist_id"))
    server_ids = [call.query.server_id] if call.query.server_id is not None else []
    candidate = Candidate(row["playlist_id"], row["name"], row["track_ids"])
    return await _preview(call.gateway, [candidate], server_ids, revive=False)


async def preview_playlists(call: Call[None, PreviewRequest]) -> Preview:
    """The same for many playlists, or for the proposals of a clustering as if they were kept."""
    gateway, wish = call.gateway, call.body
    if wish.clustering_id is None:
        candidates = await _playlists(gateway, wish.playlist_ids)
    else:
        candidates = await _proposals(gateway, wish.clustering_id, wish.numbers)
    return await _preview(gateway, candidates, wish.server_ids, revive=wish.revive)


async def _playlists(gateway: Gateway, playlist_ids: Sequence[UUID]) -> list[Candidate]:
    async with gateway.reading() as connection:
        rows = await playlists.some(connection, playlist_ids or None)
    unknown = set(playlist_ids) - {row["playlist_id"] for row in rows}
    if unknown:
        raise InvalidInput("playlist_ids", f"there is no playlist {min(unknown)}; GET /api/v1/playlists lists them")
    return [Candidate(row["playlist_id"], row["name"], row["track_ids"]) for row in rows]


async def _proposals(gateway: Gateway, clustering_id: UUID, numbers: Sequence[int]) -> list[Candidate]:
    async with gateway.reading() as connection:
        rows = await clusterings.proposals(connection, clustering_id)
        held = recognised(clustering_id, rows, await playlists.of_clusterings(connection))
        found = await clusterings.one(connection, clustering_id)
    if found is None:
        raise InvalidInput("clustering_id", f"there is no clustering {clustering_id}")
    unknown = set(numbers) - {row["number"] for row in rows}
    if unknown:
        raise InvalidInput("numbers", f"this clustering proposes no playlist {min(unknown)}")
    return [
        Candidate(held.get(row["number"]), row["name"], row["track_ids"], row["number"])
        for row in rows
        if not numbers or row["number"] in numbers
    ]


async def _preview(
    gateway: Gateway, candidates: Sequence[Candidate], server_ids: Sequence[UUID], *, revive: bool
) -> Preview:
    async with gateway.reading() as connection:
        names = {row["server_id"]: row["name"] for row in await servers.names(connection)}
        chosen = {server_id: name for server_id, name in names.items() if not server_ids or server_id in server_ids}
        unknown = set(server_ids) - set(names)
        if unknown:
            raise InvalidInput("server_ids", f"there is no library {min(unknown)}; GET /api/v1/servers lists them")
        if len(chosen) * len(candidates) > MOST_PREVIEWED:
            raise InvalidInput("playlist_ids", f"at most {MOST_PREVIEWED} pairs of playlist and server; name fewer")
        return Preview(items=await preview(connection, candidates, chosen, revive=revive))


async def sync_playlist(call: Call[None, PlaylistSyncRequest]) -> Reply:
    """Write one playlist to servers."""
    row = await known(call.gateway, call.id("playlist_id"))
    if row["deleted"]:
        raise ProblemError(409, "This playlist was deleted; restore one of its versions first.", reason="deleted")
    return await _start(call, [row["playlist_id"]], call.body)


async def sync_playlists(call: Call[None, SyncRequest]) -> Reply:
    """Write playlists to servers. The same Idempotency-Key gives the same sync."""
    found = await _playlists(call.gateway, call.body.playlist_ids)
    if not found:
        raise ProblemError(409, "There is no playlist yet; make one, or keep those of a clustering.", "no_playlist")
    return await _start(call, call.body.playlist_ids, call.body)


async def _start(call: Call[Any, Any], playlist_ids: Sequence[UUID], wish: PlaylistSyncRequest) -> Reply:
    gateway = call.gateway
    await check_servers(gateway, wish.server_ids)
    async with gateway.reading() as connection:
        if not await servers.ids(connection):
            raise ProblemError(409, "There is no server to write to yet; connect one first.", reason="no_server")
    unit_id = idempotency.unit_id(call.request)
    run_id = run_id_of(unit_id)
    wanted = {"playlist_ids": tuple(playlist_ids), "server_ids": tuple(wish.server_ids), "revive": wish.revive}
    appended = await gateway.intake.begin(
        unit_id, SyncRequested(run_id=run_id, **wanted), StartSync(run_id=run_id, **wanted)
    )
    accepted = SyncAccepted(sync_id=run_id, position=positions.text(appended.position))
    return Reply(accepted, 202, {"Location": f"/api/v1/sync/{run_id}"})


async def list_syncs(call: Call[PageQuery, None]) -> SyncList:
    """All syncs, newest first."""
    limit = call.query.limit
    behind = read_place(call.query.cursor)
    async with call.gateway.reading() as connection:
        rows = await syncs.page(connection, behind, limit + 1)
        items = await to_syncs(connection, rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = write_cursor(last["requested_at"].isoformat(), last["run_id"]) if last else None
    return SyncList(items=items, next_cursor=cursor)


async def get_sync(call: Call[Query, None]) -> Sync:
    """How far a sync is, and what did not reach its server."""
    sync_id = call.id("sync_id")
    async with call.gateway.reading() as connection:
        row = await syncs.one(connection, sync_id)
        if row is None:
            raise NotFound(f"there is no sync {sync_id}")
        return (await to_syncs(connection, [row]))[0]


async def cancel_sync(call: Call[None, None]) -> Accepted:
    """End a sync. What was written stays; what is under way is finished first."""
    gateway, sync_id = call.gateway, call.id("sync_id")
    version = await gateway.streams.log.version(f"run:{sync_id}")
    state = await _state(gateway, sync_id)
    flag = (await gateway.streams.run_states([sync_id])).get(sync_id)
    if state not in syncs.ACTIVE or flag == "cancelled":
        ended = "cancelled" if flag == "cancelled" else state
        raise ProblemError(409, f"This sync has ended ({ended}).", reason="wrong_state")
    appended = await gateway.intake.call_off(SyncCancelled(run_id=sync_id), version)
    return Accepted(position=positions.text(appended.position))


async def _state(gateway: Gateway, sync_id: UUID) -> str:
    """A sync that was requested a moment ago may not be visible yet. Raises ``NotFound``."""
    for attempt in (1, 2):
        async with gateway.reading() as connection:
            row = await syncs.one(connection, sync_id)
        if row is not None:
            return str(row["state"])
        if attempt == 1:
            await gateway.intake.catch_up()
    raise NotFound(f"there is no sync {sync_id}")


async def read_listening(call: Call[None, None]) -> Reply:
    """Read play counts, ratings and last plays of a server."""
    gateway, server_id = call.gateway, call.id("server_id")
    async with gateway.reading() as connection:
        if server_id not in await servers.ids(connection):
            raise NotFound(f"there is no library {server_id}")
    unit_id = idempotency.unit_id(call.request)
    run_id = run_id_of(unit_id)
    appended = await gateway.intake.order(ImportPlays(run_id=run_id, server_id=server_id), unit_id)
    return Reply(ListeningAccepted(run_id=run_id, position=positions.text(appended.position)), 202)


_SYNC = "/api/v1/sync/{sync_id}"
_PLAYLIST = "/api/v1/playlists/{playlist_id}"
_LARGEST = 256 * 1024

ENDPOINTS = (
    Endpoint(
        "GET",
        f"{_PLAYLIST}/preview",
        preview_playlist,
        "Syncing",
        "Preview writing a playlist",
        Preview,
        query=PreviewQuery,
    ),
    Endpoint(
        "POST",
        "/api/v1/preview",
        preview_playlists,
        "Syncing",
        "Preview writing playlists",
        Preview,
        body=PreviewRequest,
        largest_body=_LARGEST,
    ),
    Endpoint(
        "POST",
        f"{_PLAYLIST}/sync",
        sync_playlist,
        "Syncing",
        "Write a playlist to servers",
        SyncAccepted,
        202,
        body=PlaylistSyncRequest,
        problems=(409,),
        headers={"Location": "The sync."},
        request_headers=idempotency.HEADER,
    ),
    Endpoint(
        "POST",
        "/api/v1/sync",
        sync_playlists,
        "Syncing",
        "Write playlists to servers",
        SyncAccepted,
        202,
        body=SyncRequest,
        largest_body=_LARGEST,
        problems=(409,),
        headers={"Location": "The sync."},
        request_headers=idempotency.HEADER,
    ),
    Endpoint("GET", "/api/v1/sync", list_syncs, "Syncing", "List the syncs", SyncList, query=PageQuery),
    Endpoint("GET", _SYNC, get_sync, "Syncing", "Show a sync", Sync, query=Query),
    Endpoint("POST", f"{_SYNC}/cancel", cancel_sync, "Syncing", "Cancel a sync", Accepted, 202, problems=(409,)),
    Endpoint(
        "POST",
        "/api/v1/servers/{server_id}/listening",
        read_listening,
        "Syncing",
        "Read what was listened to",
        ListeningAccepted,
        202,
        request_headers=idempotency.HEADER,
    ),
)
