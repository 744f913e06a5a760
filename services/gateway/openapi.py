"""The OpenAPI 3.1 document, made from the endpoints and their models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from openapi_pydantic import (
    Components,
    Info,
    License,
    MediaType,
    OpenAPI,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Response,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from openapi_pydantic.util import PydanticSchema, construct_open_api_with_schema_class
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from services.gateway.endpoints import Endpoint
from services.gateway.models.common import Query
from services.gateway.models.problems import Problem
from shared.accounts import Right

_DESCRIPTION = """Everything Starling does, as JSON over HTTP.

Errors are Problem Details (RFC 9457). Lists are paged: give `next_cursor` back as `cursor`. What changes something is
answered with a `position`; give it back as `?after=` and the answer contains the change. Once there is an account,
requests carry a token (`Authorization: Bearer ...`) or the cookie of a session; before that, only this machine is
answered."""

_TAGS = {
    "Libraries": "Folders and media servers.",
    "Analysis": "Runs that listen to what is new.",
    "Tracks": "What is there, how it sounds, what sounds like it.",
    "Clustering": "Groups of tracks that sound alike, and the playlists they would make.",
    "Playlists": "What listeners keep: made, changed, brought back, as files.",
    "Imports": "What another program had found out.",
    "Syncing": "Playlists on media servers.",
    "Schedules": "What happens by the clock.",
    "Live": "What happens, as it happens.",
    "Accounts": "Who may do what: signing in, accounts, tokens of programs.",
    "Operations": "Health, status, and work that was given up.",
}


def document(endpoints: Iterable[Endpoint], version: str, base: str = "") -> dict[str, Any]:
    """The whole document, ready to be written as JSON. ``base`` is what every address begins with."""
    paths: dict[str, PathItem] = {}
    for endpoint in endpoints:
        item = paths.setdefault(endpoint.path, PathItem())
        setattr(item, endpoint.method.lower(), _operation(endpoint))
    whole = OpenAPI(
        openapi="3.1.1",
        info=Info(title="Starling", version=version, description=_DESCRIPTION, license=License(name="Apache-2.0")),
        paths=paths,
        servers=[Server(url=base or "/")],
        tags=[Tag(name=name, description=text) for name, text in _TAGS.items()],
        components=Components(securitySchemes=_security_schemes()),
        security=[{"token": []}, {"session": []}],
    )
    complete = construct_open_api_with_schema_class(whole, scan_for_pydantic_schema_reference=True)
    found: dict[str, Any] = complete.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    return found


def _security_schemes() -> dict[str, Any]:
    return {
        "token": SecurityScheme(type="http", scheme="bearer", description="A token of an account, or STARLING_TOKEN."),
        "session": SecurityScheme(
            type="apiKey",
            name="starling_session",
            security_scheme_in="cookie",
            description="Set by POST /api/v1/session.",
        ),
    }


def _operation(endpoint: Endpoint) -> Operation:
    body = None
    if endpoint.body is not None:
        body = RequestBody(required=True, content={"application/json": _media(endpoint.body)})
    elif endpoint.files:
        content = MediaType(media_type_schema=Schema(type="string", schema_format="binary"))
        body = RequestBody(required=True, content=dict.fromkeys(endpoint.files, content))
    return Operation(
        operationId=endpoint.handler.__name__,
        summary=endpoint.summary,
        description=(endpoint.handler.__doc__ or "").strip() or None,
        tags=[endpoint.tag],
        parameters=[*_path_parameters(endpoint), *_query_parameters(endpoint.query), *_header_parameters(endpoint)],
        requestBody=body,
        responses=_responses(endpoint),
        security=[] if endpoint.needs is Right.NOBODY else None,
    )


def _media(model: type[BaseModel]) -> MediaType:
    return MediaType(media_type_schema=PydanticSchema(schema_class=model))


def _parameter(name: str, place: str, schema: dict[str, Any], description: str | None = None) -> Parameter:
    return Parameter.model_validate(
        {"name": name, "in": place, "required": place == "path", "description": description, "schema": schema}
    )


def _path_parameters(endpoint: Endpoint) -> list[Parameter]:
    return [
        _parameter(name, "path", _path_schema(endpoint.path_types.get(name, "uuid")))
        for name in re.findall(r"{(\w+)}", endpoint.path)
    ]


def _path_schema(kind: str) -> dict[str, Any]:
    return {"type": "string", "format": "uuid"} if kind == "uuid" else {"type": "string"}


def _query_parameters(model: type[Query] | None) -> list[Parameter]:
    if model is None:
        return []
    properties: dict[str, Any] = model.model_json_schema()["properties"]
    return [
        _parameter(name, "query", _query_schema(info, properties[name]), info.description)
        for name, info in model.model_fields.items()
    ]


def _query_schema(info: FieldInfo, schema: dict[str, Any]) -> dict[str, Any]:
    """In a query there is no null: what is left out is absent."""
    found = {key: value for key, value in schema.items() if key not in ("title", "description", "default", "anyOf")}
    for choice in schema.get("anyOf", []):
        if choice != {"type": "null"}:
            found |= choice
    return found if info.default is None else {**found, "default": info.default}


def _header_parameters(endpoint: Endpoint) -> list[Parameter]:
    return [_parameter(name, "header", {"type": "string"}, text) for name, text in endpoint.request_headers.items()]


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    content = {"application/json": _media(endpoint.answer)} if endpoint.answer is not None else None
    headers: Any = {
        name: {"description": text, "schema": {"type": "string"}} for name, text in endpoint.headers.items()
    } or None
    found: dict[str, Any] = {}
    if endpoint.answer is not None or not endpoint.media:
        for status in (endpoint.status, *endpoint.also):
            found[str(status)] = Response(description=HTTPStatus(status).phrase, content=content, headers=headers)
    for status, (media_type, description) in endpoint.media.items():
        text = MediaType(media_type_schema=Schema(type="string", schema_format="binary"))
        found[str(status)] = Response(description=description, content={media_type: text})
    problem = {"application/problem+json": _media(Problem)}
    for status in sorted({*endpoint.problems, *_always(endpoint)}):
        found[str(status)] = Response(description=HTTPStatus(status).phrase, content=problem)
    return found


def _always(endpoint: Endpoint) -> set[int]:
    """Problems that follow from the form of an endpoint."""
    found = {500}
    if endpoint.needs is not Right.NOBODY:
        found |= {401, 403, 429, 503}
    elif endpoint.path.startswith("/api/"):
        found |= {401, 403, 503}
    if "{" in endpoint.path:
        found.add(404)
    if endpoint.query is not None:
        found.add(422)
    if endpoint.body is not None or endpoint.files:
        found |= {400, 408, 413, 415, 422}
    return found
