"""Errors as Problem Details (RFC 9457): one form, whatever went wrong.

raised                               answered
ProblemError                         as it says
InvalidInput                         422, names the field
NotFound                             404
Conflict                             409
StoreUnavailable, other Transient    503 with Retry-After
BadAudio/ServerRefused: missing      404
other Permanent                      502: the media server (or its disk) is at fault
ConfigurationError                   503: the operator has to set something
aiohttp's own (404, 405, 413 ...)    the same status as a problem
anything else                        500 without internals; the log has them
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from services.gateway.models.problems import FieldProblem, Problem
from shared.errors import (
    ConfigurationError,
    Conflict,
    InvalidInput,
    NotFound,
    Permanent,
    StarlingError,
    Transient,
)

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

CONTENT_TYPE = "application/problem+json"
_VARIANTS = ("known", "new", "folder", "subsonic", "jellyfin", "emby", "lyrion", "plex")
_MOST_FIELDS = 100
_GONE = ("file_missing", "not_found", "server_removed")


@dataclass(eq=False)
class ProblemError(StarlingError):
    """An answer that is not a success. ``extra`` joins the document's own members, e.g. ``run_id``."""

    status: int
    detail: str
    reason: str | None = None
    errors: Sequence[FieldProblem] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail


def from_validation(error: ValidationError, *, where: str = "") -> ProblemError:
    """What pydantic found, field by field. The values themselves are not repeated: one may be a password. Nor is a
    body picked to pieces in which nothing is right."""
    if error.error_count() > _MOST_FIELDS:
        detail = f"{error.error_count()} fields cannot be used; /docs says what this request may hold."
        return ProblemError(422, detail, reason="invalid")
    details = error.errors(include_url=False, include_context=False, include_input=False)
    if details and details[0]["type"] == "json_invalid":
        return ProblemError(400, f"The body is not JSON: {details[0]['msg']}.", reason="not_json")
    fields = [FieldProblem(field=_field_name(item["loc"]) or where, detail=_sentence(item["msg"])) for item in details]
    detail = "; ".join(f"{item.field}: {item.detail}" if item.field else item.detail for item in fields)
    return ProblemError(422, detail, reason="invalid", errors=fields)


def _field_name(location: Sequence[int | str]) -> str:
    """``("folder", "path")`` -> ``path``: the name of a variant is not part of what the client wrote."""
    parts = [str(part) for part in location]
    while len(parts) > 1 and parts[0] in _VARIANTS:
        parts = parts[1:]
    return ".".join(parts)


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")


def translate(error: Exception) -> ProblemError:
    """The table at the top of this file."""
    match error:
        case ProblemError():
            found = error
        case InvalidInput():
            fields = [FieldProblem(field=error.field, detail=error.detail)]
            found = ProblemError(422, str(error), reason="invalid", errors=fields)
        case NotFound():
            found = ProblemError(404, str(error))
        case Conflict():
            found = ProblemError(409, str(error), reason="conflict")
        case Transient():
            seconds = max(1, round(error.retry_after_s or 1))
            found = ProblemError(503, error.detail, reason=error.reason, headers={"Retry-After": str(seconds)})
        case Permanent():
            found = ProblemError(404 if error.reason in _GONE else 502, error.detail, reason=error.reason)
        case ConfigurationError():
            found = ProblemError(503, str(error), reason="not_configured")
        case web.HTTPException():
            found = _from_aiohttp(error)
        case _:
            log.error("request_failed", exc_info=error)
            found = ProblemError(500, "Something went wrong inside Starling. Its log says what.", reason="internal")
    return found


def _from_aiohttp(error: web.HTTPException) -> ProblemError:
    details = {
        404: "There is nothing at this address.",
        405: f"This address does not know this method; it knows {error.headers.get('Allow', 'others')}.",
        408: "The body did not arrive in time.",
        413: "The body is too large.",
    }
    headers = {name: value for name, value in error.headers.items() if name in ("Allow", "Retry-After")}
    return ProblemError(error.status, details.get(error.status, error.reason), headers=headers)


def respond(problem: ProblemError, request: web.Request) -> web.Response:
    """The answer itself."""
    document = Problem(
        type=f"urn:starling:problem:{problem.reason}" if problem.reason else "about:blank",
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=request.path,
        reason=problem.reason,
        errors=list(problem.errors) or None,
        **problem.extra,
    )
    response = web.Response(
        status=problem.status,
        text=document.model_dump_json(exclude_none=True),
        content_type=CONTENT_TYPE,
        headers=dict(problem.headers),
    )
    if not request.body_exists or request.content.is_eof():
        return response
    # What was not read would be taken for the next request on this connection.
    response.force_close()
    return response


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever a handler raises into a problem; an answer that has begun can only be broken off."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return respond(translate(error), request)
    except Exception as error:
        return respond(translate(error), request)
