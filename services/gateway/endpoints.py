"""One route, said once: what it takes, what it answers, and the function that does it.

Each module under ``routes/`` ends with a tuple of these; the router, the validation and the OpenAPI document are
made from them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Generic, TypeVar
from uuid import UUID

from aiohttp import web
from pydantic import BaseModel, ValidationError

from services.gateway.models.common import Query
from services.gateway.observing import RUN
from services.gateway.origins import SAFE_METHODS
from services.gateway.problems import ProblemError, from_validation
from services.gateway.security import IDENTITY, RIGHTS
from services.gateway.state import BASE, GATEWAY, Gateway
from shared import positions
from shared.accounts import Identity, Right
from shared.errors import NotFound

LARGEST_BODY = 64 * 1024
BODY_S = 20.0
SLOWEST_BODY = 64 * 1024
"""A body has 20 s, and what its largest form would take at so many bytes a second."""

Q = TypeVar("Q", bound=Query | None)
B = TypeVar("B", bound=BaseModel | None)


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request, its parameters and body checked."""

    request: web.Request
    query: Q
    body: B

    @property
    def gateway(self) -> Gateway:
        return self.request.app[GATEWAY]

    @property
    def identity(self) -> Identity:
        """Who asks; only where the endpoint takes a right."""
        return self.request[IDENTITY]

    def id(self, name: str) -> UUID:
        """A UUID of the path. Raises ``NotFound`` for what cannot be one."""
        text = self.request.match_info[name]
        try:
            return UUID(text)
        except ValueError:
            raise NotFound(f"there is no {name.removesuffix('_id')} {text[:80]!r}") from None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with a status or headers of its own."""

    body: BaseModel | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Result = BaseModel | Reply | web.StreamResponse


@dataclass(frozen=True, slots=True)
class Endpoint:
    """``answer`` is the body's model and ``status`` the code of success; ``media`` describes what is not JSON.

    ``also`` are other statuses with the same body. ``files`` are the media types of a body that the handler reads
    itself, with ``read_body``; ``largest_body`` is in bytes. ``path_types`` are the formats of path parameters,
    ``uuid`` where nothing is said. ``right`` is what it takes: to read for GET and to write for what changes something,
    where nothing is said.
    """

    method: str
    path: str
    handler: Callable[[Call[Any, Any]], Awaitable[Result]]
    tag: str
    summary: str
    answer: type[BaseModel] | None = None
    status: int = 200
    query: type[Query] | None = None
    body: type[BaseModel] | None = None
    largest_body: int = LARGEST_BODY
    files: tuple[str, ...] = ()
    also: tuple[int, ...] = ()
    problems: tuple[int, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    request_headers: Mapping[str, str] = field(default_factory=dict)
    media: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    path_types: Mapping[str, str] = field(default_factory=dict)
    right: Right | None = None

    @property
    def needs(self) -> Right:
        """The right that it takes."""
        if self.right is not None:
            return self.right
        return Right.READ if self.method in SAFE_METHODS else Right.WRITE


def register(app: web.Application, endpoint: Endpoint) -> None:
    """Add the route, and what it takes."""
    base = app[BASE]

    async def handle(request: web.Request) -> web.StreamResponse:
        query = _read_query(endpoint.query, request) if endpoint.query else None
        body = await _read_model(endpoint, endpoint.body, request) if endpoint.body else None
        if query is not None and query.after is not None:
            await request.app[GATEWAY].arrivals.wait(positions.pack(query.after))
        result = await endpoint.handler(Call(request, query, body))
        if run := _begun(result):
            request[RUN] = run
        return _respond(result, endpoint.status, base)

    # Whoever asks for health asks this process, not the address that a proxy gave it.
    places = {f"{base}{endpoint.path}"} | (set() if endpoint.path.startswith("/api/") else {endpoint.path})
    for path in sorted(places):
        app.router.add_route(endpoint.method, path, handle)
        if endpoint.method == "GET":
            app.router.add_route("HEAD", path, handle)
        app[RIGHTS][f"{endpoint.method} {path}"] = endpoint.needs


def _begun(result: Result) -> str | None:
    """The id of what was begun, where the answer names one."""
    body = result.body if isinstance(result, Reply) else result
    found = (getattr(body, name, None) for name in ("run_id", "clustering_id", "sync_id"))
    return next((str(run) for run in found if run), None)


def _read_query(model: type[Query], request: web.Request) -> Query:
    try:
        return model.model_validate({name: value for name, value in request.query.items() if value != ""})
    except ValidationError as error:
        raise from_validation(error) from None


async def read_body(request: web.Request, largest: int) -> bytes:
    """The body. Raises 413 for more than ``largest`` bytes, as soon as that shows, and like ``in_time``."""
    if (request.content_length or 0) > largest:
        raise web.HTTPRequestEntityTooLarge(largest, request.content_length or 0)
    content = bytearray()
    async with in_time(largest):
        async for chunk in request.content.iter_any():
            content += chunk
            if len(content) > largest:
                raise web.HTTPRequestEntityTooLarge(largest, len(content))
    return bytes(content)


@asynccontextmanager
async def in_time(largest: int) -> AsyncIterator[None]:
    """Around what reads a body of at most ``largest`` bytes: raises 408 when that takes too long, 400 when it breaks
    off or cannot be unpacked."""
    try:
        async with asyncio.timeout(BODY_S + largest / SLOWEST_BODY):
            yield
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ConnectionError, web.RequestPayloadError):
        raise ProblemError(400, "The body broke off, or it is not packed as it says.", reason="broken_body") from None


async def _read_model(endpoint: Endpoint, model: type[BaseModel], request: web.Request) -> BaseModel:
    content = await read_body(request, endpoint.largest_body)
    if content and request.content_type != "application/json":
        raise ProblemError(415, "Send the body as application/json.", reason="not_json")
    try:
        return model.model_validate_json(content or b"{}")
    except ValidationError as error:
        raise from_validation(error) from None


def _respond(result: Result, status: int, base: str) -> web.StreamResponse:
    match result:
        case web.StreamResponse():
            return result
        case Reply(body=None):
            return web.Response(status=result.status, headers=_located(result.headers, base))
        case Reply(body=body):
            return json_answer(body, result.status, _located(result.headers, base))
    return json_answer(result, status, {})


def _located(headers: Mapping[str, str], base: str) -> dict[str, str]:
    return {name: f"{base}{value}" if name == "Location" else value for name, value in headers.items()}


def json_answer(body: Any, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})) -> web.Response:
    """A model as JSON."""
    text: bytes = body.__pydantic_serializer__.to_json(body)
    return web.Response(body=text, status=status, content_type="application/json", headers=dict(headers))
