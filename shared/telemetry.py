"""Metrics, and the small HTTP server that shows them with the health of a process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

COMMANDS_TOTAL = Counter("starling_commands_total", "Commands ended.", ["service", "type", "result"])
COMMAND_SECONDS = Histogram(
    "starling_command_seconds",
    "Seconds from delivery to commit.",
    ["service", "type"],
    buckets=(0.005, 0.02, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120, 600),
)
EVENTS_APPLIED = Counter("starling_events_applied_total", "Events a follower committed.", ["follower"])
FOLLOWER_POSITION = Gauge("starling_follower_position_seconds", "Unix time of the last event committed.", ["follower"])
BACKLOG = Gauge("starling_backlog", "Unfinished commands.", ["stream"])

Check = Callable[[], Awaitable[bool]]


def command_done(service: str, command_type: str, result: str, seconds: float) -> None:
    """Count one command of a worker."""
    COMMANDS_TOTAL.labels(service, command_type, result).inc()
    COMMAND_SECONDS.labels(service, command_type).observe(seconds)


async def metrics(_: web.Request) -> web.Response:
    """All metrics of this process in Prometheus' text form."""
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def healthz(_: web.Request) -> web.Response:
    """The process is alive and its event loop turns."""
    return web.json_response({"status": "ok"})


async def run_checks(checks: Mapping[str, Check]) -> dict[str, bool]:
    """Each check's answer; one that raises counts as no."""
    results = {}
    for name, check in checks.items():
        try:
            results[name] = await check()
        except Exception:
            results[name] = False
    return results


def readyz(checks: Mapping[str, Check]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler that answers 200 when every check passes, else 503 with the ones that do not."""

    async def handler(_: web.Request) -> web.Response:
        results = await run_checks(checks)
        ready = all(results.values())
        return web.json_response({"ready": ready, "checks": results}, status=200 if ready else 503)

    return handler


async def serve_health(port: int, checks: Mapping[str, Check]) -> web.AppRunner | None:
    """Serve /healthz, /readyz and /metrics on ``port``; None when the port is 0 (off)."""
    if not port:
        return None
    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz(checks))
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104 - probes come from outside the pod
    return runner
