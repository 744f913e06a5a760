"""The OpenAPI document, its viewer, the page, and what machines ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openapi_spec_validator
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.app import ENDPOINTS
from shared.commands import SERVICES
from shared.events import SyncRequested, TrackAnalysisFailed
from shared.messages import derived_id
from shared.streams import Worker
from tests.given import RUN, SERVER, fetch_audio, track
from tests.integration.gateway.api import DOCUMENT
from tests.integration.gateway.listening import DONE, SYNC, WAITING, clustered, playlist, proposed
from tests.integration.gateway.system import System, analysed, asked, discovered, folder, song
from tests.integration.gateway.test_dead import bury
from tests.waiting import until

PAGES = {"/openapi.json", "/docs", "/docs/{path}", "/static/{path}"}


async def test_the_document_is_valid_and_the_one_that_is_served(system: System) -> None:
    openapi_spec_validator.validate(DOCUMENT)
    served = await system.get("/openapi.json")
    assert served["openapi"].startswith("3.1")
    assert served["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))


async def test_every_route_is_described_and_everything_described_is_a_route(system: System) -> None:
    app = system.api.client.app
    assert isinstance(app, web.Application)
    routes = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    routes = {(method, path) for method, path in routes if path not in PAGES}
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert routes == described
    assert len(described) == len(ENDPOINTS)


async def test_every_route_answers_as_described(system: System, music: Path) -> None:
    """Each route once with success; the client holds every answer against the document."""
    other = derived_id("other")
    await system.tell(
        folder(str(music)),
        folder("/other", other, "Other"),
        *asked(),
        discovered(song(1, item_id="0 song.flac"), song(2), song(3)),
        analysed(1),
        analysed(2),
        TrackAnalysisFailed(run_id=RUN, server_id=SERVER, track_id=track(3), reason="corrupt", detail="Cut off."),
    )
    await bury(system, fetch_audio(1))
    await bury(system, fetch_audio(2))
    await until(lambda: _indexed(system), "both tracks are in the index")
    dead = [item["id"] for item in (await system.get("/api/v1/dead"))["items"]]
    bodies: dict[str, Any] = {
        "/api/v1/servers": {"type": "folder", "name": "New", "path": str(music.parent), "test": False},
        "/api/v1/servers/test": {"type": "folder", "name": "New", "path": str(music)},
        "/api/v1/analysis": {"server_id": str(other)},
        "/api/v1/playlists": {"name": "New", "track_ids": [str(track(1))]},
        "PATCH /api/v1/playlists/{playlist_id}": {"version": 1, "name": "Newer"},
        "/api/v1/playlists/{playlist_id}/restore": {"number": 1},
        "/api/v1/imports/analyses": {
            "server_id": str(SERVER),
            "source": "audiomuse",
            "source_version": "1",
            "items": [],
        },
        "/api/v1/imports/playlists": {
            "server_id": str(SERVER),
            "source": "audiomuse",
            "source_name": "Mix",
            "name": "Mix",
            "items": [],
        },
        "/api/v1/schedules/{schedule_id}": {"name": "Nightly", "kind": "sync", "cron": "@daily"},
    }
    seen = await system.tell(
        clustered(DONE), *proposed(DONE), clustered(WAITING), SyncRequested(run_id=SYNC), playlist()
    )
    await system.get("/api/v1/playlists", after=seen)
    names = {
        "{server_id}": str(SERVER),
        "{run_id}": str(RUN),
        "{track_id}": str(track(1)),
        "{letter_id}": dead[0],
        "{clustering_id}/cancel": f"{WAITING}/cancel",
        "{clustering_id}": str(DONE),
        "{playlist_id}": str(playlist().playlist_id),
        "{sync_id}": str(SYNC),
        "{schedule_id}": str(other),
    }
    late = {"DELETE": 2, "POST": 1, "PATCH": 1}
    order = {"pause": 0, "resume": 1, "cancel": 2, "restore": 3}
    for endpoint in sorted(
        ENDPOINTS, key=lambda e: (late.get(e.method, 0), order.get(e.path.rpartition("/")[2], 0), e.path)
    ):
        if endpoint.tag == "Accounts":
            continue  # they change who is asking; test_accounts has them all
        path = endpoint.path
        for name, value in names.items():
            path = path.replace(name, value)
        if path == "/api/v1/live":
            async with system.api.client.get(path) as response:
                assert response.status == 200
            continue
        if path.endswith("/import"):
            async with system.api.client.post(path, data=b"#EXTM3U\n0 song.flac\n") as response:
                assert response.status == endpoint.status
            continue
        body = bodies.get(f"{endpoint.method} {endpoint.path}", bodies.get(endpoint.path))
        answer = await system.api.ask(endpoint.method, path, body)
        assert answer.status in (endpoint.status, *endpoint.media), (endpoint.method, path, answer)


async def _indexed(system: System) -> bool:
    return bool((await system.get("/api/v1/status"))["index"]["vectors"] == 2)


async def test_the_viewer_needs_nobody_else(system: System) -> None:
    client = system.api.client
    async with client.get("/docs") as response:
        page = await response.text()
    assert "://" not in page
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "start.js"):
        assert f"docs/{name}" in page
        async with client.get(f"/docs/{name}") as response:
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, max-age=86400"


async def test_addresses_of_the_page_are_answered_with_the_page(system: System) -> None:
    for path in ("/", "/tracks/5f1c", "/runs", "/settings/servers"):
        async with system.api.client.get(path) as response:
            assert (response.status, response.content_type) == (200, "text/html"), path
            assert "<title>" in await response.text()
            assert response.headers["Cache-Control"] == "no-cache"
            tag = response.headers["ETag"]
        async with system.api.client.get(path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304


async def test_what_was_vendored_may_be_kept_by_a_browser(system: System) -> None:
    async with system.api.client.get("/static/vendor/preact.js") as response:
        assert response.status == 200
        assert "max-age=86400" in response.headers["Cache-Control"]


async def test_the_status_says_everything_at_a_glance(system: System) -> None:
    await system.tell(
        folder(),
        *asked(),
        discovered(song(1), song(2), song(3)),
        analysed(1),
        analysed(2),
        TrackAnalysisFailed(run_id=RUN, server_id=SERVER, track_id=track(3), reason="corrupt", detail="Cut off."),
    )
    await until(lambda: _indexed(system), "both tracks are in the index")
    status = await system.get("/api/v1/status")
    assert status["tracks"] == {"total": 3, "analysed": 2, "failed": 1}
    assert (status["servers"], status["projector_lag_events"]) == (1, 0)
    assert status["backlog"] == dict.fromkeys((*SERVICES, "delayed", "dead"), 0)
    assert status["active_runs"] == [str(RUN)]
    assert status["index"]["ready"] is True


async def test_metrics_can_be_scraped(system: System) -> None:
    await system.get("/api/v1/servers")
    async with system.api.client.get("/metrics") as response:
        text = await response.text()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    streams = {sample.labels["service"] for sample in families["starling_backlog"].samples}
    assert streams == set(SERVICES)
    routes = {sample.labels["route"] for sample in families["starling_http_requests"].samples}
    assert "/api/v1/servers" in routes


async def test_who_is_at_work_is_listed(system: System) -> None:
    nobody = await system.get("/api/v1/workers")
    assert nobody == {"release": None, "items": []}
    worker = Worker("a-1", "analyzer", "0.1.0", "attic", datetime.now(UTC), 2, 1, 7, 0, 3.0, 4, {"models": "x"})
    await system.gateway.streams.roster.announce(worker)
    await system.gateway.streams.roster.lead("0.1.0")
    listed = await system.get("/api/v1/workers")
    assert listed["release"] == "0.1.0"
    (one,) = listed["items"]
    assert (one["name"], one["host"], one["busy"], one["per_minute"]) == ("a-1", "attic", 1, 3.0)
    assert one["silent_s"] < 5
