"""The gateway put together: what it holds, its routes, and its background work."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache

import structlog
from aiohttp import web

from services.gateway import headers, observing, pages, problems, security
from services.gateway.accounts.door import DOOR, Door
from services.gateway.adapters import Adapters
from services.gateway.arrivals import Arrivals
from services.gateway.deciding import Decisions
from services.gateway.endpoints import LARGEST_BODY, Endpoint, register
from services.gateway.intake import Intake
from services.gateway.live import Live
from services.gateway.neighbours import Neighbours
from services.gateway.openapi import document
from services.gateway.openid.registration import registration
from services.gateway.routes import (
    accounts as account_routes,
)
from services.gateway.routes import (
    audio,
    clusterings,
    dead,
    imports,
    live,
    openid,
    operations,
    playlist_files,
    playlists,
    runs,
    schedules,
    servers,
    sessions,
    sync,
    tokens,
    tracks,
)
from services.gateway.state import BASE, GATEWAY, Gateway
from services.gateway.tagging import LibraryTags
from services.gateway.watching import Watching
from shared import accounts, postgres, secrets
from shared.accounts import sessions as kept_sessions
from shared.errors import StoreUnavailable
from shared.pausing import end, patiently
from shared.release import our_version
from shared.settings import Settings
from shared.streams import Streams

log = structlog.get_logger(__name__)

Job = Callable[[], Awaitable[None]]

ENDPOINTS: tuple[Endpoint, ...] = (
    *servers.ENDPOINTS,
    *runs.ENDPOINTS,
    *tracks.ENDPOINTS,
    *imports.ENDPOINTS,
    *audio.ENDPOINTS,
    *clusterings.ENDPOINTS,
    *playlist_files.ENDPOINTS,
    *playlists.ENDPOINTS,
    *sync.ENDPOINTS,
    *schedules.ENDPOINTS,
    *live.ENDPOINTS,
    *dead.ENDPOINTS,
    *operations.ENDPOINTS,
    *sessions.ENDPOINTS,
    *account_routes.ENDPOINTS,
    *tokens.ENDPOINTS,
    *openid.ENDPOINTS,
)

_SWEEP_EVERY_S = 24 * 3600
_CONNECTIONS = 12


@lru_cache(maxsize=1)
def description(base: str = "") -> bytes:
    """The OpenAPI document as JSON. ``base`` is what every address begins with."""
    return json.dumps(document(ENDPOINTS, our_version(), base)).encode()


def build_app(gateway: Gateway) -> web.Application:
    """The aiohttp application for ``gateway``. Raises ``ConfigurationError``."""
    app = web.Application(
        client_max_size=LARGEST_BODY,  # of what is read without saying how much; endpoints say
        middlewares=[
            observing.middleware,
            problems.middleware,
            security.middleware,
            pages.page_for_unknown,
        ],
    )
    app[GATEWAY] = gateway
    app[BASE] = gateway.settings.base_path
    app[security.RIGHTS] = {}
    app[DOOR] = Door(gateway)
    if (agreed := registration(gateway.settings)) is not None:
        app[openid.OPENID] = openid.OpenId(agreed)
        app.on_cleanup.append(openid.close)
    for endpoint in ENDPOINTS:
        register(app, endpoint)
    pages.add_pages(app, description(app[BASE]))
    app.on_response_prepare.append(headers.add_headers)
    app.on_shutdown.append(_end_streams)
    return app


async def _end_streams(app: web.Application) -> None:
    app[GATEWAY].live.close()


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway and what works for it in the background; ``failure`` ends only with an error nobody can wait out."""

    gateway: Gateway
    failure: asyncio.Task[None]


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A gateway with its background work. Neither PostgreSQL nor Redis need be there yet."""
    streams = Streams(settings)
    pool = await postgres.open_pool(settings, most=_CONNECTIONS)
    gateway = _assemble(settings, streams, pool)
    jobs: tuple[Job, ...] = (
        gateway.arrivals.run,
        gateway.neighbours.run,
        gateway.live.run,
        lambda: _prepare(gateway),
        lambda: _sweep(gateway),
    )
    failure = asyncio.create_task(_together(jobs))
    try:
        yield Running(gateway, failure)
    finally:
        await end([failure])
        await gateway.adapters.close()
        await gateway.neighbours.close()
        pool.terminate()
        await streams.close()


def _assemble(settings: Settings, streams: Streams, pool: postgres.Pool) -> Gateway:
    arrivals, tags = Arrivals(settings), LibraryTags()
    intake = Intake(streams, arrivals)
    neighbours = Neighbours(settings, pool, arrivals)
    return Gateway(
        settings=settings,
        streams=streams,
        pool=pool,
        arrivals=arrivals,
        intake=intake,
        decisions=Decisions(intake, pool),
        adapters=Adapters(settings, pool),
        tags=tags,
        neighbours=neighbours,
        live=Live(pool, arrivals, tags, our_version()),
        watching=Watching(streams, neighbours),
    )


async def _together(jobs: tuple[Job, ...]) -> None:
    """Run all jobs; the first that fails ends the others, and its error is raised."""
    tasks = [asyncio.create_task(_as_coroutine(job)) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await end(tasks)


async def _as_coroutine(job: Job) -> None:
    await job()


async def _prepare(gateway: Gateway) -> None:
    """Look whether the stores can be trusted, and make the gateway's own table, as soon as they answer."""
    await patiently(gateway.intake.check)
    await patiently(lambda: secrets.create_table(gateway.settings))
    await patiently(lambda: accounts.create_tables(gateway.settings))


async def _sweep(gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(_SWEEP_EVERY_S)
        try:
            swept = await secrets.sweep(gateway.pool)
            async with postgres.transaction(gateway.pool) as connection:
                await kept_sessions.sweep(connection)
        except StoreUnavailable as error:
            log.warning("sweep_postponed", error=error.detail)
        else:
            log.info("secrets_swept", count=swept)
