"""Our Lyrion server answers like the real one, and the adapter reads what the real one answers."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from shared.mediaservers.http import Answer
from shared.mediaservers.lyrion_answers import (
    parse_count,
    parse_entries,
    parse_lyrics,
    parse_made,
    parse_playlists,
    parse_result,
    parse_row,
    parse_songs,
    parse_total,
    parse_version,
)
from tests.lyrion.exchanges import Exchange, Session, session
from tests.lyrion.lyrion_server import Playlist

Json = dict[str, Any]
SERVER = UUID(int=3)
NOT_OURS = {"band", "tagversion", "genre_id"}
"""What the real server may add and ours never does."""
TELLING = {"count", "playlist index", "playlist", "_songs", "playlist_id", "overwritten_playlist_id", "__playlistTitle"}


@pytest.fixture
def told() -> Session:
    return session()


def unlike(real: Any, ours: Any, name: str = "") -> list[str]:
    """Where two answers differ: in names, in types, in the length of lists, and in values that steer the adapter."""
    if isinstance(real, dict) and isinstance(ours, dict):
        names = (real.keys() | ours.keys()) - NOT_OURS
        missing = [f"{name}: {key}" for key in sorted(names) if (key in real) != (key in ours)]
        both = [key for key in names if key in real and key in ours]
        return missing + [found for key in both for found in unlike(real[key], ours[key], key)]
    if isinstance(real, list) and isinstance(ours, list):
        lengths = [f"{name}: {len(real)} rows, {len(ours)} rows"] * (len(real) != len(ours))
        return lengths + [found for one, other in zip(real, ours, strict=False) for found in unlike(one, other, name)]
    same = (
        real == ours
        if name in TELLING
        else (isinstance(real, str), real is None) == (isinstance(ours, str), ours is None)
    )
    return [] if same else [f"{name}: {real!r}, {ours!r}"]


def kind(value: Any) -> str:
    """A whole number and a fraction are one kind, as they are in JSON."""
    return "number" if isinstance(value, int | float) else type(value).__name__


def joined(answer: Json | None) -> Json | None:
    """The rows of ``songinfo``, of which each holds one thing, as one: their order means nothing."""
    rows = (answer or {}).get("songinfo_loop")
    return {key: value for row in rows for key, value in row.items()} if rows else answer


async def replayed(told: Session, exchange: Exchange, http: aiohttp.ClientSession) -> Json | None:
    """What our server answers; None where it hangs up."""
    if "hand-written" in exchange.note and exchange.command[0] == "playlists" and len(exchange.command) == 4:
        kept = {key: playlist for key, playlist in told.server.playlists.items() if playlist.name not in {None, "Dup"}}
        told.server.playlists = kept | {16: Playlist(16, "Hand", [4, 4])}
    body = {"id": 1, "method": "slim.request", "params": ["", exchange.command]}
    try:
        async with http.post(f"{told.server.url}/jsonrpc.js", json=body) as response:
            result: Json = (await response.json())["result"]
            return result
    except aiohttp.ServerDisconnectedError:
        return None


async def test_our_server_answers_like_the_real_one(told: Session) -> None:
    async with told.server, aiohttp.ClientSession() as http:
        for exchange in told.exchanges:
            answer = await replayed(told, exchange, http)
            what = f"{exchange.command} {exchange.note}"
            assert (answer is None) == (exchange.answer is None), what
            assert unlike(joined(exchange.answer), joined(answer)) == [], what


def test_the_adapter_reads_every_answer(told: Session) -> None:
    read = 0
    for exchange in told.exchanges:
        if exchange.answer is None:
            continue
        answer = Answer(200, "application/json", json.dumps({"id": 1, "result": exchange.answer}).encode())
        result = parse_result(answer, "the server")
        first, second = [*exchange.command, None][:2]
        if first == "version":
            assert parse_version(result) == f"Lyrion Music Server {exchange.answer['_version']}"
        elif first == "info":
            assert parse_total(result) == len(told.songs)
        elif first == "titles":
            assert len(parse_songs(result)) == min(parse_count(result), exchange.command[2])
        elif first == "songinfo":
            assert parse_lyrics(result) is None
        elif second == "new":
            assert (parse_made(result) is None) == ("same name" in exchange.note or "overwritten_playlist_id" in result)
        elif second == "tracks":
            rows = parse_entries(result, exchange.command[2])
            assert len(rows) == (0 if exchange.note == "past end" else min(parse_count(result), exchange.command[3]))
        elif first == "playlists" and isinstance(second, int):
            assert len(parse_playlists(result)) == parse_count(result)
        read += 1
    assert read > 10


def test_every_track_is_described(told: Session) -> None:
    for song in told.songs:
        row = parse_row(SERVER, song)
        assert row.item is not None and row.item.track is not None
        track = row.item.track
        assert (track.title, track.artist, track.album) == (song["title"], song["artist"], song["album"])
        assert track.duration_s == song["duration"]
        assert (track.track_number, track.disc_number) == (int(song["tracknum"]), int(song["disc"]))
        assert track.year == (int(song["year"]) or None)
        assert track.suffix == song["url"].rsplit(".", 1)[1]
