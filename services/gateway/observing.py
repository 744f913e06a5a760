"""One line in the log and one count per request."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.hdrs import METH_ALL
from prometheus_client import Counter, Histogram

from shared import tracing

log = structlog.get_logger(__name__)

REQUESTS = Counter("starling_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "starling_http_request_seconds",
    "Seconds until a request was answered; streams last as long as somebody listens.",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 30),
)

RUN = web.RequestKey("run", str)
"""The run, clustering or sync that a request began: what its commands carry as their ``run``."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The outermost layer: it sees what is really answered."""
    started = time.perf_counter()
    status = 499
    try:
        response = await _traced(request, handler)
    except web.HTTPException as error:
        status = error.status
        raise
    else:
        status = response.status
        return response
    finally:
        _note(request, status, time.perf_counter() - started)


async def _traced(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A request that may change something begins a trace, or goes on with the caller's."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return await handler(request)
    name = f"{_method(request)} {_route(request)}"
    with tracing.span(name, "SERVER", request.headers.get("traceparent")) as span:
        response = await handler(request)
        span.note("http.response.status_code", response.status)
        return response


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "other"


def _method(request: web.Request) -> str:
    # A client may make up methods; each would be a series of its own for good.
    return request.method if request.method in METH_ALL else "other"


def _note(request: web.Request, status: int, seconds: float) -> None:
    route = _route(request)
    REQUESTS.labels(_method(request), route, str(status)).inc()
    SECONDS.labels(route).observe(seconds)
    ordinary = request.method in ("GET", "HEAD") and (status < 400 or request.path == "/readyz")
    # The query is left out: it says what somebody looks for.
    (log.debug if ordinary else log.info)(
        "request",
        method=request.method,
        path=request.path,
        route=route,
        status=status,
        seconds=round(seconds, 4),
        run=request.get(RUN),
    )
