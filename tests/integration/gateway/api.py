"""A client that holds every answer against the OpenAPI document."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient
from openapi_schema_validator import OAS31Validator
from yarl import URL

from services.gateway.app import ENDPOINTS
from services.gateway.endpoints import Endpoint
from services.gateway.openapi import document

DOCUMENT = document(ENDPOINTS, "test")


def _pattern(endpoint: Endpoint) -> re.Pattern[str]:
    return re.compile(re.sub(r"{\w+}", "[^/]+", endpoint.path))


# An address without a parameter goes before one that would match it as one.
_PATTERNS = sorted(((_pattern(endpoint), endpoint) for endpoint in ENDPOINTS), key=lambda pair: "{" in pair[1].path)


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """The endpoint that answers, None for what is not one."""
    for pattern, endpoint in _PATTERNS:
        if endpoint.method == method and pattern.fullmatch(path):
            return endpoint
    return None


def check(endpoint: Endpoint, status: int, content_type: str, body: Any) -> None:
    """Raises when an answer is not as described."""
    described = DOCUMENT["paths"][endpoint.path][endpoint.method.lower()]["responses"]
    assert str(status) in described, f"{endpoint.method} {endpoint.path} answered {status}, which is not described"
    content = described[str(status)].get("content", {})
    if not content:
        assert body is None
        return
    assert content_type in content, f"{endpoint.method} {endpoint.path} answered {content_type}"
    schema = {**content[content_type]["schema"], "components": DOCUMENT["components"]}
    OAS31Validator(schema).validate(body)


@dataclass(frozen=True)
class Answer:
    """``body`` is the JSON, None where there is none."""

    status: int
    body: Any
    headers: dict[str, str] = field(repr=False)


class Api:
    """Asks and checks. ``headers`` go with every request."""

    def __init__(self, client: TestClient[Any, Any], headers: dict[str, str] | None = None) -> None:
        self.client = client
        self.headers = headers or {}

    async def ask(
        self, method: str, path: str | URL, body: Any = None, headers: dict[str, str] | None = None, **query: Any
    ) -> Answer:
        """One request; the answer is as the document says, or this raises."""
        params = {name: str(value) for name, value in query.items() if value is not None}
        async with self.client.request(
            method, path, json=body, params=params, headers={**self.headers, **(headers or {})}
        ) as response:
            content = await response.json(content_type=None) if "json" in response.content_type else None
            endpoint = endpoint_of(method, response.url.raw_path)
            if endpoint is not None and (content is not None or not endpoint.media):
                check(endpoint, response.status, response.content_type, content)
            return Answer(response.status, content, dict(response.headers))

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.ask("GET", path, **query)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", path, body, named)

    async def delete(self, path: str) -> Answer:
        return await self.ask("DELETE", path)
