"""The sound itself, streamed from the track's own server."""

from __future__ import annotations

from contextlib import suppress

import structlog
from aiohttp import web

from services.gateway.endpoints import Call, Endpoint
from services.gateway.models.common import Query
from services.gateway.queries import tracks
from shared.errors import NotFound, StarlingError
from shared.mediaservers.base import AudioStream

log = structlog.get_logger(__name__)

_PLAYABLE = ("audio/", "video/", "application/ogg")


async def play_track(call: Call[Query, None]) -> web.StreamResponse:
    """The original bytes of a track; a Range header asks for a part of them."""
    track_id = call.id("track_id")
    async with call.gateway.reading() as connection:
        row = await tracks.one(connection, track_id)
    if row is None:
        raise NotFound(f"there is no track {track_id}")
    adapter = await call.gateway.adapters.of(row["server_id"])
    audio = await adapter.open_audio(row["item_id"], byte_range=call.request.headers.get("Range"))
    async with audio:
        return await _stream(call.request, audio)


async def _stream(request: web.Request, audio: AudioStream) -> web.StreamResponse:
    response = web.StreamResponse(status=audio.status, headers=_headers(audio))
    response.content_length = audio.size_bytes
    # A listener who skips the track closes the connection; that is no error.
    with suppress(ConnectionError):
        await response.prepare(request)
        if request.method != "HEAD" and audio.status != 416:
            await _copy(request, audio, response)
        await response.write_eof()
    return response


async def _copy(request: web.Request, audio: AudioStream, response: web.StreamResponse) -> None:
    """The head is sent, so a source that fails half-way can only be told by breaking off."""
    try:
        async for chunk in audio.chunks:
            await response.write(chunk)
    except StarlingError as error:
        log.warning("audio_broke_off", path=request.path, error=str(error))
        if request.transport is not None:
            request.transport.abort()


def _headers(audio: AudioStream) -> dict[str, str]:
    """A server's own idea of the type is passed on only where it is sound: anything else could act as a page."""
    kind = audio.content_type.partition(";")[0].strip().lower()
    headers = {
        "Content-Type": kind if kind.startswith(_PLAYABLE) else "application/octet-stream",
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=3600",
    }
    if audio.content_range:
        headers["Content-Range"] = audio.content_range
    return headers


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/tracks/{track_id}/audio",
        play_track,
        "Tracks",
        "Play a track",
        query=Query,
        problems=(502,),
        media={
            200: ("audio/*", "The whole file."),
            206: ("audio/*", "The part that was asked for."),
            416: ("audio/*", "There is no such part."),
        },
        request_headers={"Range": "`bytes=first-last`"},
    ),
)
