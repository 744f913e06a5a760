"""Makes up requests and holds the answers against the description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from hypothesis import seed as seeded
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.gateway.api import DOCUMENT

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
ENDLESS = {"/api/v1/live"}
"""Never ends by itself; tests of live values listen to it."""
_LATE = ("DELETE", "PATCH", "PUT")
_S = 10.0
_LONGEST_LINE = 8000
AnyCase = Case[Any]
Judge = Callable[[AnyCase, Response], None]


@dataclass
class Seen:
    """What was asked and answered: how often each operation, and each status."""

    operations: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return sum(self.operations.values())


@dataclass(frozen=True)
class Target:
    """A gateway, what goes with every request, and ids that exist there, by the name of their path parameter."""

    url: str
    headers: Mapping[str, str]
    known: Mapping[str, str]


def fuzz(target: Target, each: int, seed: int, judge: Judge) -> Seen:
    """Ask every operation ``each`` times. Raises an ``ExceptionGroup`` of what ``judge`` raised, one per operation at
    most, each with its request."""
    seen, faults = Seen(), []
    for operation in _operations():
        try:
            _ask(operation, target, each, seed, judge, seen)
        except Exception as fault:
            faults.append(fault)
    if faults:
        raise ExceptionGroup(f"{len(faults)} operations answered otherwise than described", faults)
    return seen


def as_described(case: AnyCase, response: Response) -> None:
    """The answer is one that the document describes, and no fault of ours. A store that is busy may say so (503)."""
    assert response.status_code < 500 or response.status_code == 503, f"{response.status_code}: {response.text[:500]}"
    case.validate_response(response, checks=CHECKS)


def closed(case: AnyCase, response: Response) -> None:
    """Nobody is told anything but that they are nobody; what is open to all is as described."""
    if case.operation.definition.raw.get("security") == []:
        as_described(case, response)
        return
    assert response.status_code == 401, f"{response.status_code}: {response.text[:300]}"
    assert not response.content or response.json()["status"] == 401


def _operations() -> Iterator[Any]:
    """What only looks comes first: there is more to see before something is removed."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    results: Any = schema.get_all_operations()
    found = [result.ok() for result in results]
    yield from sorted(
        (one for one in found if one.path not in ENDLESS),
        key=lambda one: (one.method.upper() in _LATE, one.method.upper() != "GET", one.path),
    )


def _ask(operation: Any, target: Target, each: int, seed: int, judge: Judge, seen: Seen) -> None:
    session = requests.Session()
    kinds = strategies.one_of(
        operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
        operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
    )

    @seeded(seed)
    @settings(
        max_examples=each,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=kinds, exists=strategies.booleans())
    def one(case: AnyCase, exists: bool) -> None:
        _stay_at_home(case)
        if exists:
            _point_at_what_is_there(case, target.known)
        response = case.call(base_url=target.url, session=session, headers=dict(target.headers), timeout=_S)
        seen.operations[f"{operation.method.upper()} {operation.path}"] += 1
        seen.statuses[response.status_code] += 1
        if len(response.request.url or "") > _LONGEST_LINE:
            assert response.status_code == 400, "the server below us reads no such line"
            return
        try:
            judge(case, response)
        except Exception as error:
            error.add_note(case.as_curl_command(headers=dict(target.headers)))
            raise

    with session:
        one()


def _point_at_what_is_there(case: AnyCase, known: Mapping[str, str]) -> None:
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]


def _stay_at_home(case: AnyCase) -> None:
    """Addresses of media servers that could be somebody's become ones of this machine, where nobody listens."""
    body: Any = case.body
    if isinstance(body, dict) and isinstance(body.get("url"), str) and "://" in body["url"]:
        body["url"] = "http://127.0.0.1:9/"
