"""Clusterings: start, watch, cancel, keep what they propose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.gateway import idempotency
from services.gateway.clustering_progress import to_clusterings
from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.intake import run_id_of
from services.gateway.models.clusterings import (
    GREATEST_SEED,
    Clustering,
    ClusteringAccepted,
    ClusteringList,
    KeepRequest,
    NewClustering,
    Proposals,
    ProposalsQuery,
)
from services.gateway.models.common import Accepted, PageQuery, Query, read_place, write_cursor
from services.gateway.problems import ProblemError
from services.gateway.proposals import to_proposals
from services.gateway.queries import clusterings, servers
from services.gateway.state import Gateway
from shared import positions
from shared.commands import KeepPlaylists, StartClustering
from shared.errors import InvalidInput, NotFound
from shared.events import ClusteringCancelled, ClusteringRequested

_SEEDS = random.SystemRandom()


async def start_clustering(call: Call[None, NewClustering]) -> Reply:
    """Group the library by sound. Nothing is written until it is kept. The same Idempotency-Key gives the same run."""
    gateway, options = call.gateway, call.body.options
    await check_servers(gateway, options.server_ids)
    unit_id = idempotency.unit_id(call.request)
    run_id = run_id_of(unit_id)
    seed = _SEEDS.randrange(GREATEST_SEED) if call.body.seed is None else call.body.seed
    appended = await gateway.intake.begin(
        unit_id,
        ClusteringRequested(run_id=run_id, options=options, seed=seed),
        StartClustering(run_id=run_id, options=options, seed=seed),
    )
    accepted = ClusteringAccepted(clustering_id=run_id, position=positions.text(appended.position))
    return Reply(accepted, 202, {"Location": f"/api/v1/clusterings/{run_id}"})


async def check_servers(gateway: Gateway, server_ids: Sequence[UUID], field: str = "server_ids") -> None:
    """Raises ``InvalidInput`` for libraries that are not there. One that was added a moment ago may not be visible
    yet, so look twice before saying no."""
    for attempt in (1, 2):
        async with gateway.reading() as connection:
            known = set(await servers.ids(connection))
        unknown = [server_id for server_id in server_ids if server_id not in known]
        if not unknown:
            return
        if attempt == 1:
            await gateway.intake.catch_up()
    raise InvalidInput(field, f"there is no library {unknown[0]}; GET /api/v1/servers lists them")


async def list_clusterings(call: Call[PageQuery, None]) -> ClusteringList:
    """All clusterings, newest first."""
    limit = call.query.limit
    behind = read_place(call.query.cursor)
    async with call.gateway.reading() as connection:
        rows = await clusterings.page(connection, behind, limit + 1)
        items = await to_clusterings(connection, rows[:limit])
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = write_cursor(last["requested_at"].isoformat(), last["run_id"]) if last else None
    return ClusteringList(items=items, next_cursor=cursor)


async def get_clustering(call: Call[Query, None]) -> Clustering:
    """How far a clustering is, and what it has found."""
    clustering_id = call.id("clustering_id")
    async with call.gateway.reading() as connection:
        row = await clusterings.one(connection, clustering_id)
        if row is None:
            raise NotFound(f"there is no clustering {clustering_id}")
        return (await to_clusterings(connection, [row]))[0]


async def list_proposals(call: Call[ProposalsQuery, None]) -> Proposals:
    """The playlists that a clustering would make, the most different first."""
    clustering_id = call.id("clustering_id")
    async with call.gateway.reading() as connection:
        if await clusterings.one(connection, clustering_id) is None:
            raise NotFound(f"there is no clustering {clustering_id}")
        rows = await clusterings.proposals(connection, clustering_id)
        return Proposals(
            items=await to_proposals(connection, clustering_id, rows, call.gateway.tags if call.query.tracks else None)
        )


async def cancel_clustering(call: Call[None, None]) -> Accepted:
    """End a clustering. Nothing of it is kept."""
    gateway, clustering_id = call.gateway, call.id("clustering_id")
    version = await gateway.streams.log.version(f"run:{clustering_id}")
    row = await _newest(gateway, clustering_id)
    flag = (await gateway.streams.run_states([clustering_id])).get(clustering_id)
    if row["state"] not in clusterings.ACTIVE or flag == "cancelled":
        ended = "cancelled" if flag == "cancelled" else row["state"]
        raise ProblemError(409, f"This clustering has ended ({ended}).", reason="wrong_state")
    appended = await gateway.intake.call_off(ClusteringCancelled(run_id=clustering_id), version)
    return Accepted(position=positions.text(appended.position))


async def keep_playlists(call: Call[None, KeepRequest]) -> Accepted:
    """Make proposals the listener's playlists: those that are recognised are refreshed, the others are added."""
    gateway, wish, clustering_id = call.gateway, call.body, call.id("clustering_id")
    row = await _newest(gateway, clustering_id)
    if row["state"] != "completed":
        raise ProblemError(409, f"Only a completed clustering can be kept; this one is {row['state']}.", "wrong_state")
    async with gateway.reading() as connection:
        numbers = {item["number"] for item in await clusterings.proposals(connection, clustering_id)}
    unknown = sorted(set(wish.numbers) - numbers)
    if unknown:
        raise InvalidInput("numbers", f"this clustering proposes no playlist {unknown[0]}")
    if not numbers:
        raise ProblemError(409, "This clustering proposes no playlists.", reason="nothing_to_keep")
    command = KeepPlaylists(run_id=clustering_id, numbers=tuple(dict.fromkeys(wish.numbers)), sync=wish.sync)
    appended = await gateway.intake.order(command, idempotency.unit_id(call.request))
    return Accepted(position=positions.text(appended.position))


async def _newest(gateway: Gateway, clustering_id: UUID) -> Any:
    """The row. A clustering that was requested a moment ago may not be visible yet. Raises ``NotFound``."""
    for attempt in (1, 2):
        async with gateway.reading() as connection:
            row = await clusterings.one(connection, clustering_id)
        if row is not None:
            return row
        if attempt == 1:
            await gateway.intake.catch_up()
    raise NotFound(f"there is no clustering {clustering_id}")


_ONE = "/api/v1/clusterings/{clustering_id}"

ENDPOINTS = (
    Endpoint(
        "POST",
        "/api/v1/clusterings",
        start_clustering,
        "Clustering",
        "Start a clustering",
        ClusteringAccepted,
        202,
        body=NewClustering,
        headers={"Location": "The clustering."},
        request_headers=idempotency.HEADER,
    ),
    Endpoint(
        "GET",
        "/api/v1/clusterings",
        list_clusterings,
        "Clustering",
        "List the clusterings",
        ClusteringList,
        query=PageQuery,
    ),
    Endpoint("GET", _ONE, get_clustering, "Clustering", "Show a clustering", Clustering, query=Query),
    Endpoint(
        "GET",
        f"{_ONE}/proposals",
        list_proposals,
        "Clustering",
        "List the playlists it proposes",
        Proposals,
        query=ProposalsQuery,
    ),
    Endpoint(
        "POST",
        f"{_ONE}/cancel",
        cancel_clustering,
        "Clustering",
        "Cancel a clustering",
        Accepted,
        202,
        problems=(409,),
    ),
    Endpoint(
        "POST",
        f"{_ONE}/keep",
        keep_playlists,
        "Clustering",
        "Keep the playlists",
        Accepted,
        202,
        body=KeepRequest,
        request_headers=idempotency.HEADER,
        problems=(409,),
    ),
)
