"""Tracks: list and search, show, and what sounds like one."""

from __future__ import annotations

from services.gateway.endpoints import Call, Endpoint
from services.gateway.models.common import Query, read_cursor, read_id, write_cursor
from services.gateway.models.tracks import (
    Plays,
    SimilarQuery,
    SimilarTrack,
    SimilarTracks,
    Track,
    TrackDetail,
    TrackList,
    TrackQuery,
)
from services.gateway.presenting import TAGS_IN_DETAIL, to_track, to_tracks
from services.gateway.problems import ProblemError
from services.gateway.queries import tracks
from services.gateway.why import why
from shared import positions
from shared.errors import NotFound
from shared.vectors import Neighbour


async def list_tracks(call: Call[TrackQuery, None]) -> TrackList:
    """Tracks as on a shelf: by artist, album, disc and number."""
    query, gateway = call.query, call.gateway
    wanted = tracks.Wanted(tracks.words_of(query.query), query.server_id, query.status)
    values = read_cursor(query.cursor, str, int)
    behind = read_id(values[0]) if values else None
    async with gateway.reading() as connection:
        rows = await tracks.page(connection, wanted, behind, query.limit + 1)
        # Counting takes longer than all the rest, so later pages repeat what the first has found.
        total = values[1] if values else await tracks.count(connection, wanted)
        stats = await gateway.tags.stats(connection)
    items = to_tracks(rows[: query.limit], stats)
    more = len(rows) > query.limit
    return TrackList(items=items, next_cursor=write_cursor(items[-1].id, total) if more else None, total=total)


async def get_track(call: Call[Query, None]) -> TrackDetail:
    """Everything that is known of one track."""
    track_id = call.id("track_id")
    async with call.gateway.reading() as connection:
        row = await tracks.one(connection, track_id)
        plays = await tracks.plays(connection, track_id)
        stats = await call.gateway.tags.stats(connection)
    if row is None:
        raise NotFound(f"there is no track {track_id}")
    track = to_track(row, stats, TAGS_IN_DETAIL)
    return TrackDetail.model_construct(**dict(track), plays=Plays(**dict(plays)) if plays is not None else None)


async def similar_tracks(call: Call[SimilarQuery, None]) -> SimilarTracks:
    """The tracks that sound most like this one, nearest first."""
    gateway, query, track_id = call.gateway, call.query, call.id("track_id")
    if query.after is not None:
        await gateway.neighbours.wait(positions.pack(query.after))
    answer = await gateway.neighbours.of([track_id], query.n, query.server_id)
    [found] = answer.tracks
    async with gateway.reading() as connection:
        rows = await tracks.many(connection, [track_id, *(neighbour.track_id for neighbour in found or ())])
        stats = await gateway.tags.stats(connection)
    if track_id not in rows:
        raise NotFound(f"there is no track {track_id}")
    if found is None:
        raise ProblemError(409, "This track has not been analysed yet.", reason="not_analysed")
    near = [neighbour for neighbour in found if neighbour.track_id in rows]
    track, *others = to_tracks([rows[track_id], *(rows[neighbour.track_id] for neighbour in near)], stats)
    items = [_similar(track, other, neighbour) for other, neighbour in zip(others, near, strict=True)]
    return SimilarTracks(track=track, space=answer.space, items=items)


def _similar(track: Track, other: Track, near: Neighbour) -> SimilarTrack:
    return SimilarTrack(track=other, distance=round(near.distance, 5), why=why(track, other))


ENDPOINTS = (
    Endpoint("GET", "/api/v1/tracks", list_tracks, "Tracks", "List or search tracks", TrackList, query=TrackQuery),
    Endpoint("GET", "/api/v1/tracks/{track_id}", get_track, "Tracks", "Show a track", TrackDetail, query=Query),
    Endpoint(
        "GET",
        "/api/v1/tracks/{track_id}/similar",
        similar_tracks,
        "Tracks",
        "Find tracks that sound alike",
        SimilarTracks,
        query=SimilarQuery,
        problems=(409,),
    ),
)
