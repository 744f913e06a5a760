"""The original bytes of a track: an HTTP answer as a stream, and the one form of range that players ask for."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus

import aiohttp

from shared.errors import ServerMisbehaved, StarlingError
from shared.mediaservers.base import AudioStream
from shared.mediaservers.http import MAX_ERROR_ANSWER, Answer, HttpServer
from shared.mediaservers.json_answers import refusal

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE)
_TEXT_TYPES = ("application/json", "application/problem+json", "application/xml", "text/")


async def original_audio(
    http: HttpServer, response: aiohttp.ClientResponse, why_not: Callable[[Answer], StarlingError] | None = None
) -> AudioStream:
    """What ``HttpServer.open`` gave, as a stream. Errors may come as text with status 200; audio comes as anything
    else, sometimes without a usable type.

    ``why_not`` says what an answer without audio means; without it, its status does.
    """
    content_range = response.headers.get("Content-Range")
    if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.close()
        return no_such_range(response.content_type, content_range)
    if response.status not in {200, 206} or response.content_type.startswith(_TEXT_TYPES):
        answer = Answer(response.status, response.content_type, await http.read(response, MAX_ERROR_ANSWER))
        raise why_not(answer) if why_not else no_audio(answer, http.name)
    announced = None if "Content-Encoding" in response.headers else response.content_length
    body = http.chunks(response, announced)
    return AudioStream(body, announced, response.content_type, response.status, content_range, body.aclose)


def no_audio(answer: Answer, who: str) -> StarlingError:
    """What the status of an answer without audio means."""
    if answer.status >= 400:
        return refusal(answer.status, who)
    return ServerMisbehaved("wrong_type", f"{who} sent an answer without audio in it")


def range_header(byte_range: str | None) -> dict[str, str]:
    """The header that asks for a range; none for the whole."""
    return {"Range": byte_range} if byte_range else {}


def parse_range(header: str | None, size: int) -> range | None:
    """The bytes that ``header`` asks of ``size``: None for all of them (also for a header that cannot be used, and
    for several ranges at once, as RFC 9110 allows); an empty range when none of them exists."""
    found = _ONE_RANGE.fullmatch(header or "")
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(size, int(last) + 1) if last else size)


def no_such_range(content_type: str, content_range: str | None) -> AudioStream:
    """What answers a range that lies outside the file: status 416 and no bytes."""
    return AudioStream(_nothing(), 0, content_type, status=416, content_range=content_range)


async def _nothing() -> AsyncIterator[bytes]:
    for chunk in list[bytes]():
        yield chunk
