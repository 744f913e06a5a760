"""Checks what passes between an adapter and a test server against the published description of the real server.

The descriptions are OpenAPI files that are no part of this project; ``STARLING_SPECS`` names the folder that holds
``<name>.openapi.json``. Without it, or without the file, nothing is checked.

    validator = Validator.load("jellyfin-10.11.11")
    web.Application(middlewares=[validator.middleware])    # all requests and their answers ...
    validator.check(exchange)                              # ... or one at a time
    validator.finish()                                     # raises AssertionError if anything was off

Faults that a test orders are off the description on purpose: set ``validator.enabled = False`` meanwhile, or leave
them to an outer middleware. An answer with a status of 500 or more, or of more than 100 kB, or without a body that is
kept in memory, is not checked; and of one kind (method, path but for ids, names of parameters, status) only the first
few are, since a check takes milliseconds.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from aiohttp import web
from aiohttp.typedefs import Handler
from multidict import CIMultiDict, MultiDict
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from yarl import URL

_HOST = "http://server"
MOST_OF_A_KIND = 5
MOST_BYTES = 100_000

_ID = re.compile(r"[^/]*[0-9][^/]*")
_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. ``path`` has no host and no query; ``query`` may name a parameter more than once."""

    method: str
    path: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes

    @property
    def kind(self) -> tuple[object, ...]:
        """What exchanges have in common that are described by the same lines."""
        return self.method, _ID.sub("*", self.path), frozenset(name for name, _ in self.query), self.status

    @property
    def url(self) -> str:
        return str(URL.build(path=self.path, query=MultiDict(self.query)))


@dataclass(slots=True)
class Validator:
    """See the module. ``checked`` counts exchanges, ``problems`` says what was off."""

    name: str
    api: OpenAPI | None
    enabled: bool = True
    checked: int = 0
    problems: list[str] = field(default_factory=list)
    kinds: Counter[tuple[object, ...]] = field(default_factory=Counter)

    @classmethod
    def load(cls, name: str) -> Self:
        """The description ``name``; one that checks nothing where there is none."""
        path = Path(os.environ.get("STARLING_SPECS") or "/nonexistent") / f"{name}.openapi.json"
        if not path.is_file():
            return cls(name, None)
        description = json.loads(path.read_text()) | {"servers": [{"url": _HOST}]}
        config = Config(spec_validator_cls=None, extra_format_validators={"uuid": _is_uuid})
        return cls(name, OpenAPI.from_dict(description, config=config))

    def check(self, exchange: Exchange) -> None:
        """Notes a problem when request or answer is not as described."""
        if self.api is None or not self.enabled or exchange.status >= 500 or len(exchange.answer) > MOST_BYTES:
            return
        self.kinds[exchange.kind] += 1
        if self.kinds[exchange.kind] > MOST_OF_A_KIND:
            return
        self.checked += 1
        request, response = _Request(exchange), _Response(exchange)
        try:
            if exchange.status < 400:
                self.api.validate_request(cast(Any, request))
            self.api.validate_response(cast(Any, request), cast(Any, response))
        except OpenAPIError as error:
            self.problems.append(f"{exchange.method} {exchange.url} -> {exchange.status}: {_words(error)}")

    @property
    def middleware(self) -> Any:
        """For ``web.Application(middlewares=[...])``."""

        @web.middleware
        async def checked(request: web.Request, handler: Handler) -> web.StreamResponse:
            body = await request.read()
            response = await handler(request)
            if isinstance(response, web.Response) and isinstance(response.body, bytes | None):
                self.check(exchange_of(request, body, response))
            return response

        return checked

    def finish(self) -> None:
        """Raises ``AssertionError`` that lists the first problems."""
        assert not self.problems, f"{len(self.problems)} off {self.name}: " + "\n".join(self.problems[:5])


def exchange_of(request: web.Request, body: bytes, response: web.Response) -> Exchange:
    """What passed through an aiohttp server."""
    answer = response.body if isinstance(response.body, bytes) else b""
    return Exchange(
        method=request.method,
        path=request.path,
        query=tuple(request.query.items()),
        headers=request.headers,
        body=body,
        status=response.status,
        answer_headers={**response.headers, "Content-Type": response.content_type},
        answer=answer,
    )


class _Request:
    """An exchange's request as openapi-core reads it."""

    def __init__(self, exchange: Exchange) -> None:
        headers = CIMultiDict(exchange.headers)
        self.parameters = RequestParameters(
            query=cast(Any, MultiDict(exchange.query)), header=cast(Any, headers), cookie=cast(Any, {})
        )
        self.host_url = _HOST
        self.path = exchange.path
        self.method = exchange.method.lower()
        self.content_type = headers.get("Content-Type", "").lower()
        self.body = exchange.body or None


class _Response:
    """An exchange's answer as openapi-core reads it."""

    def __init__(self, exchange: Exchange) -> None:
        self.headers = CIMultiDict(exchange.answer_headers)
        self.status_code = exchange.status
        self.content_type = self.headers.get("Content-Type", "").lower()
        self.data = exchange.answer


def _is_uuid(value: object) -> bool:
    """Servers write ids with and without dashes."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def _words(error: BaseException) -> str:
    """The error, and the innermost place in the schema that was violated."""
    found: Any = next(iter(getattr(error.__cause__, "schema_errors", ())), None)
    while found is not None and found.context:
        found = max(found.context, key=lambda inner: len(inner.absolute_path))
    where = f" ({found.json_path}: {found.message[:300]})" if found is not None else ""
    return f"{type(error).__name__}: {str(error)[:300]}{where}"
