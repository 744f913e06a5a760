"""Playlists as files: export and import."""

from __future__ import annotations

import asyncio
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote
from uuid import UUID

from aiohttp import BodyPartReader, http_exceptions, web

from services.gateway.endpoints import Call, Endpoint, Reply, in_time, read_body
from services.gateway.models.playlists import ExportQuery, ImportedPlaylist, ImportQuery, MissingEntry
from services.gateway.playlist_files import FilePlaylist, Item, read, write_jspf, write_m3u8
from services.gateway.playlist_files.entries import clean
from services.gateway.playlist_files.finding import Finder, KnownTrack
from services.gateway.queries import playlists
from services.gateway.routes.playlists import created, known, shown
from shared.errors import InvalidInput
from shared.events import ImportRecipe, PlaylistSaved
from shared.messages import uuid7

LARGEST_FILE = 16 * 1024 * 1024
_MOST_MISSING = 500
_TYPES = {"m3u8": "audio/x-mpegurl", "jspf": "application/jspf+json"}


async def export_playlist(call: Call[ExportQuery, None]) -> web.Response:
    """A playlist as a file. Paths are those of the folder that a track is in; other tracks are named by their id."""
    row = await known(call.gateway, call.id("playlist_id"))
    async with call.gateway.reading() as connection:
        found = {item["track_id"]: _item(item) for item in await playlists.items(connection, row["track_ids"])}
    items = [found[track_id] for track_id in row["track_ids"] if track_id in found]
    write = write_jspf if call.query.format == "jspf" else write_m3u8
    file_name = f"{row['name']}.{call.query.format}"
    return web.Response(
        body=await asyncio.to_thread(write, row["name"], items),
        content_type=_TYPES[call.query.format],
        headers={"Content-Disposition": disposition(file_name)},
    )


def _item(row: Any) -> Item:
    path = row["item_id"] if row["server_type"] == "folder" else None
    return Item(row["track_id"], row["title"], row["artist"], row["album"], row["duration_s"], path)


def disposition(file_name: str) -> str:
    """A header that any browser understands, whatever the name (RFC 6266)."""
    safe = re.sub(r"[\x00-\x1f\x7f/\\]", "_", file_name)
    plain = re.sub(r'[^\x20-\x7e]|["%]', "_", safe)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='', errors='replace')}"


async def import_playlist(call: Call[ImportQuery, None]) -> Reply:
    """Make a playlist of an M3U or JSPF file: the body itself, or the file of a form. What no track matches is said."""
    gateway, query = call.gateway, call.query
    content, file_name = await _received(call.request)
    playlist = await asyncio.to_thread(read, content, query.format)
    async with gateway.reading() as connection:
        rows = await playlists.findable(connection)
    found = await asyncio.to_thread(_find, playlist, rows)
    track_ids = [track_id for track_id in found if track_id is not None]
    missing = [(place, entry) for place, entry in enumerate(playlist.entries, 1) if found[place - 1] is None]
    if not track_ids:
        raise InvalidInput("file", f"none of its {len(found)} entries is in a library; analyse that library first")
    name = query.name or playlist.name or clean(PurePosixPath(file_name).stem, 300) or "Imported"
    event = PlaylistSaved(
        playlist_id=uuid7(),
        number=1,
        name=name,
        recipe=ImportRecipe(file_name=clean(file_name, 300) or name, missing=len(missing) + playlist.dropped),
        track_ids=tuple(track_ids),
        action="imported",
    )
    position = await gateway.decisions.take(event)
    shown_playlist = await shown(gateway, event.playlist_id, position)
    return created(
        ImportedPlaylist.model_construct(
            **dict(shown_playlist),
            matched=len(track_ids),
            missing=[MissingEntry(line=place, text=entry.words) for place, entry in missing[:_MOST_MISSING]],
            missing_count=len(missing) + playlist.dropped,
        )
    )


def _find(playlist: FilePlaylist, rows: list[Any]) -> list[UUID | None]:
    finder = Finder.of([KnownTrack(*row.values()) for row in rows])
    return [finder.find(entry) for entry in playlist.entries]


async def _received(request: web.Request) -> tuple[bytes, str]:
    """The file and its name. Raises 413, and ``InvalidInput`` for a form without a file."""
    if not request.content_type.startswith("multipart/"):
        return await read_body(request, LARGEST_FILE), ""
    if (request.content_length or 0) > LARGEST_FILE + 10_000:
        raise web.HTTPRequestEntityTooLarge(LARGEST_FILE, request.content_length or 0)
    try:
        async with in_time(LARGEST_FILE):
            async for part in await request.multipart():
                if isinstance(part, BodyPartReader) and part.filename:
                    return await _read_part(part), part.filename
    except (ValueError, AssertionError, http_exceptions.BadHttpMessage):
        raise InvalidInput("file", "this form cannot be read; send the file as the body instead") from None
    raise InvalidInput("file", "this form holds no file; name one, or send the file as the body")


async def _read_part(part: BodyPartReader) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(64 * 1024):
        content += chunk
        if len(content) > LARGEST_FILE:
            raise web.HTTPRequestEntityTooLarge(LARGEST_FILE, len(content))
    return bytes(content)


ENDPOINTS = (
    Endpoint(
        "GET",
        "/api/v1/playlists/{playlist_id}/export",
        export_playlist,
        "Playlists",
        "Export a playlist",
        query=ExportQuery,
        media={200: (_TYPES["m3u8"], "The file; JSPF (application/jspf+json) where that was asked for.")},
    ),
    Endpoint(
        "POST",
        "/api/v1/playlists/import",
        import_playlist,
        "Playlists",
        "Import a playlist",
        ImportedPlaylist,
        201,
        query=ImportQuery,
        files=("application/octet-stream", *_TYPES.values(), "multipart/form-data"),
        problems=(409,),
        headers={"Location": "The new playlist."},
    ),
)
