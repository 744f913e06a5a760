"""One trace from a request to what can be read in the end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.fernet import Fernet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared import tracing
from shared.errors import ConfigurationError
from tests import music
from tests.integration.watching.deployment import Deployment
from tests.waiting import until

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Receiver:
    """Takes spans as OTLP over HTTP, and keeps those of one trace by their ids, with the service that sent them."""

    def __init__(self) -> None:
        self.spans: dict[str, tuple[str, Span]] = {}

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            facts = {fact.key: fact.value.string_value for fact in resource.resource.attributes}
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                if span.trace_id.hex() == TRACE:
                    self.spans[span.span_id.hex()] = (facts["service.name"], span)
        return web.Response()

    def path_to(self, name: str) -> list[str]:
        """Spans from the caller down to the one with that name, each with its service; empty while some are missing."""
        found = [identity for identity, (_, span) in self.spans.items() if span.name == name]
        path, current = [], found[0] if found else ""
        while current in self.spans:
            service, span = self.spans[current]
            path.append(f"{service}: {span.name}")
            current = span.parent_span_id.hex()
        return path[::-1] if current == CALLER else []


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A receiver, and where it is."""
    made, app = Receiver(), web.Application()
    app.router.add_post("/v1/traces", made.take)
    async with TestServer(app) as server:
        yield made, str(server.make_url(""))


@pytest.fixture
def deployment(
    database: dict[str, str], redis_url: str, tmp_path: Path, receiver: tuple[Receiver, str]
) -> Iterator[Deployment]:
    """What an analysis needs, tracing."""
    (tmp_path / "logs").mkdir()
    environment = {
        **database,
        "REDIS_URL": redis_url,
        "STARLING_DATA_DIR": str(tmp_path / "data"),
        "STARLING_SECRET_KEY": Fernet.generate_key().decode(),
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver[1],
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    made = Deployment(environment, tmp_path / "logs")
    try:
        made.start("gateway", "projector", "coordinator", "fetcher", "analyzer")
        yield made
    finally:
        made.kill()


async def test_one_trace_follows_a_track_from_the_request_to_the_page(
    deployment: Deployment, receiver: tuple[Receiver, str], tmp_path: Path
) -> None:
    got, _ = receiver
    music.make_library(tmp_path / "music", music.many_songs(1, seconds=4))
    await until(deployment.are_all_there, "all services are there", seconds=60)
    async with aiohttp.ClientSession(deployment.url("gateway")) as session:

        async def is_ready() -> bool:
            async with session.get("/readyz") as answer:
                return answer.status == 200

        async def post(path: str, body: dict[str, str], **headers: str) -> None:
            async with session.post(path, json=body, headers=headers) as answer:
                assert answer.status in (201, 202), await answer.text()

        await until(is_ready, "the gateway is ready", seconds=40)
        await post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(tmp_path / "music")})
        await post("/api/v1/analysis", {}, traceparent=f"00-{TRACE}-{CALLER}-01")

    async def arrived() -> bool:
        return bool(got.path_to("project track.analyzed"))

    await until(arrived, "the whole trace has arrived", seconds=60)
    assert got.path_to("project track.analyzed") == [
        "starling-gateway: POST /api/v1/analysis",
        "starling-fetcher: analysis.start",
        "starling-fetcher: library.scan_page",
        "starling-fetcher: track.fetch_audio",
        "starling-analyzer: track.analyze",
        "starling-projector: project track.analyzed",
    ]
    deployment.stop()


def test_without_being_asked_for_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    tracing.start("gateway")
    with tracing.span("work", "SERVER", f"00-{TRACE}-{CALLER}-01") as span:
        span.note("any", "thing")
        assert span.traceparent == f"00-{TRACE}-{CALLER}-01"


def test_without_the_libraries_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError, match=r"starling\[otel\]"):
        tracing.start("gateway")
