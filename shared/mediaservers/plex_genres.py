"""Genres of albums. Plex tells a track's genre only where the track has one of its own, which is rare."""

from __future__ import annotations

import time

from shared.mediaservers.plex_answers import parse_genre, parse_key, parse_metadata, parse_total
from shared.mediaservers.plex_playlists import WINDOW, Call

ALBUMS = {"type": "9"}
KEEP_S = 600.0


class PlexGenres:
    """What the albums of a library are filed under, read once for many pages of tracks."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._kept: dict[str, tuple[float, dict[str, str]]] = {}

    def forget(self) -> None:
        """Read again from now on."""
        self._kept.clear()

    async def of(self, section: str) -> dict[str, str]:
        """Album -> genre. Raises what the calls raise: a page of tracks is not described without it."""
        until, genres = self._kept.get(section, (0.0, {}))
        if time.monotonic() < until:
            return genres
        genres = await self._read(section)
        self._kept[section] = (time.monotonic() + KEEP_S, genres)
        return genres

    async def _read(self, section: str) -> dict[str, str]:
        found: dict[str, str] = {}
        offset, total = 0, 1
        while offset < total:
            container = await self._call("GET", f"library/sections/{section}/all", ALBUMS, (offset, WINDOW))
            albums = parse_metadata(container)
            total = parse_total(container, offset, WINDOW) if albums else offset
            found |= {parse_key(album) or "": genre for album in albums if (genre := parse_genre(album))}
            offset += len(albums)
        return found
