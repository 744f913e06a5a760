"""What a Subsonic server knows about listening: plays, ratings, hearts, and the words of songs."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.errors import ServerRefused
from shared.mediaservers.base import Played
from shared.mediaservers.subsonic_answers import (
    child,
    parse_lyrics,
    parse_played,
    parse_structured_lyrics,
)
from shared.mediaservers.subsonic_client import SubsonicClient
from shared.mediaservers.subsonic_walk import SubsonicWalk


async def plays(walk: SubsonicWalk) -> AsyncIterator[tuple[Played, ...]]:
    """As ``PlaylistServer.plays``: no list of the server has every played, rated and marked song, so the whole library
    is walked. ``walk`` is one that nobody else uses. Raises what the walk raises."""
    cursor: str | None = None
    seen: set[str] = set()
    while True:
        songs, cursor = await walk.songs(cursor)
        found = {played.item_id: played for played in map(parse_played, songs) if played is not None}
        fresh = tuple(played for item_id, played in found.items() if item_id not in seen)
        seen.update(found)
        if fresh:
            yield fresh
        if cursor is None:
            return


async def lyrics(client: SubsonicClient, item_id: str) -> str | None:
    """As ``PlaylistServer.lyrics``: by the song's id where the server can, else by artist and title."""
    try:
        if "songLyrics" in await client.extensions():
            return parse_structured_lyrics(await client.call("getLyricsBySongId", id=item_id))
        song = child(await client.call("getSong", id=item_id), "song")
        artist, title = str(song.get("artist") or ""), str(song.get("title") or "")
        return parse_lyrics(await client.call("getLyrics", artist=artist, title=title), title)
    except ServerRefused as error:
        if error.reason != "not_found":
            raise
        return None
