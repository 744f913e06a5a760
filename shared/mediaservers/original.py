"""Opening a file of a media server as it is, for servers that say errors by their status."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from shared.errors import ServerMisbehaved
from shared.mediaservers.base import AudioStream
from shared.mediaservers.http import HttpServer
from shared.mediaservers.json_answers import refusal
from shared.mediaservers.ranges import no_such_range

_TEXT_TYPES = ("application/json", "application/xml", "text/")


async def original_audio(
    http: HttpServer, path: str, query: Mapping[str, str], login: Mapping[str, str], byte_range: str | None
) -> AudioStream:
    """The bytes at ``path``, or the range of them. Raises ``ServerRefused``, ``ServerMisbehaved`` for text instead of
    audio, and what ``HttpServer.open`` does."""
    headers = {**login, "Range": byte_range} if byte_range else login
    response = await http.open(path, query, headers)
    if response.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        response.close()
        return no_such_range(response.content_type, response.headers.get("Content-Range"))
    if response.status >= 400:
        response.close()
        raise refusal(response.status, http.name)
    if response.status not in {200, 206} or response.content_type.startswith(_TEXT_TYPES):
        response.close()
        raise ServerMisbehaved("wrong_type", f"{http.name} sent an answer without audio in it")
    announced = None if "Content-Encoding" in response.headers else response.content_length
    body = http.chunks(response, announced)
    return AudioStream(
        chunks=body,
        size_bytes=announced,
        content_type=response.content_type,
        status=response.status,
        content_range=response.headers.get("Content-Range"),
        on_close=body.aclose,
    )
