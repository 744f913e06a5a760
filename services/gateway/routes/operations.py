"""Status, health and metrics."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aiohttp import web
from prometheus_client import REGISTRY

from services.gateway.endpoints import Call, Endpoint, Reply
from services.gateway.models.common import Query
from services.gateway.models.operations import (
    Backlog,
    Health,
    IndexState,
    Readiness,
    Status,
    TrackCounts,
    Worker,
    Workers,
)
from services.gateway.queries import positions as places
from services.gateway.queries import runs, servers, tracks
from services.gateway.readiness import readiness
from shared import health, positions
from shared.accounts import Right
from shared.release import our_version

_MOST_LAG = 500


async def get_status(call: Call[Query, None]) -> Status:
    """Everything at a glance."""
    gateway = call.gateway
    async with gateway.reading() as connection:
        totals = await tracks.totals(connection)
        libraries = await servers.ids(connection)
        active = await runs.active(connection, None)
        projected = await places.projected(connection)
    backlog = await gateway.streams.backlog()
    lag = len(await gateway.streams.log.page(projected, _MOST_LAG))
    return Status(
        version=our_version(),
        tracks=TrackCounts(total=totals["total"], analysed=totals["analysed"], failed=totals["failed"]),
        servers=len(libraries),
        backlog=Backlog(**backlog),
        projector_lag_events=lag,
        index=IndexState(
            ready=gateway.neighbours.ready,
            vectors=gateway.neighbours.vectors,
            position=positions.text(gateway.neighbours.position),
        ),
        active_runs=[row["run_id"] for row in active],
    )


async def list_workers(call: Call[None, None]) -> Workers:
    """Who works now."""
    roster = call.gateway.streams.roster
    members = await roster.members()
    items = [Worker(**asdict(member.worker), silent_s=round(member.silent_s, 1)) for member in members]
    return Workers(release=await roster.release(), items=items)


async def healthz(_: Call[None, None]) -> Health:
    """The process is alive."""
    return Health(status="ok")


async def readyz(call: Call[None, None]) -> Reply:
    """Whether everything needed to answer is there."""
    checks = await health.run_checks(readiness(call.gateway))
    ready = all(checks.values())
    return Reply(Readiness(ready=ready, checks=checks), 200 if ready else 503)


async def metrics(call: Call[Any, None]) -> web.Response:
    """Counters and gauges of this process, of its index, and of the streams, in Prometheus' text form."""
    return await health.exposed(REGISTRY, await call.gateway.watching.registry())


ENDPOINTS = (
    Endpoint("GET", "/api/v1/status", get_status, "Operations", "Show the state of everything", Status, query=Query),
    Endpoint("GET", "/api/v1/workers", list_workers, "Operations", "List who is at work", Workers),
    Endpoint("GET", "/healthz", healthz, "Operations", "Is the process alive?", Health, right=Right.NOBODY),
    Endpoint("GET", "/readyz", readyz, "Operations", "Can it answer?", Readiness, also=(503,), right=Right.NOBODY),
    Endpoint(
        "GET",
        "/metrics",
        metrics,
        "Operations",
        "Metrics",
        media={200: ("text/plain", "Prometheus' text form.")},
        right=Right.METRICS,
    ),
)
