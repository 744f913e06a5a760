"""``status`` and ``similar``."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from services.cli.answers import Server, Similar, Status, Track, Worker
from services.cli.client import Api
from services.cli.output import note, pairs, say, say_json, table
from services.cli.perform import OK, PROBLEM, USAGE
from services.cli.session import Session
from services.cli.wording import ago, clean, count, duration, progress_line, track_name
from shared.errors import InvalidInput, StarlingError

_CANDIDATES = 10


async def status(session: Session, *, as_json: bool) -> int:
    """What Starling has and what it is doing."""
    async with session.api() as api:
        state, servers = await asyncio.gather(api.status(), api.servers())
        runs = await asyncio.gather(*(api.run(run_id) for run_id in state["active_runs"]))
        url = api.url
    if as_json:
        say_json({"url": url, **state, "libraries": servers, "runs": runs})
        return OK
    pairs([("Starling", f"{state['version']} at {url}"), *overview(state)])
    if servers:
        say()
        _libraries(servers)
    for run in runs:
        say()
        say(f"Run {run['id']}: {progress_line(run)}")
    return OK


async def workers(session: Session, *, as_json: bool) -> int:
    """Who is at work; a problem when nobody is."""
    async with session.api() as api:
        found = await api.workers()
    if as_json:
        say_json(found)
    elif not found["items"]:
        say("Nobody is at work. 'starling up' starts all services on this machine.")
    else:
        _workers(found["items"])
    return OK if found["items"] else PROBLEM


def _workers(found: list[Worker]) -> None:
    headings = ["service", "machine", "cores", "device", "release", "busy", "a minute", "done", "failed", "started"]
    rows = [
        [
            worker["service"],
            worker["host"],
            worker["cores"],
            worker["means"].get("device", ""),
            worker["version"],
            f"{worker['busy']} of {worker['slots']}",
            f"{worker['per_minute']:.0f}",
            f"{worker['done']:,}",
            f"{worker['failed']:,}",
            ago(worker["started_at"]),
        ]
        for worker in found
    ]
    table(headings, rows, right=["cores", "a minute", "done", "failed"])


def overview(state: Status) -> list[tuple[str, str]]:
    """The state as names and values."""
    tracks, backlog, lag = state["tracks"], state["backlog"], state["projector_lag_events"]
    waiting = ", ".join(f"{number:,} {name}" for name, number in backlog.items() if number and name != "dead")
    index = f"{count(state['index']['vectors'], 'track')} to compare" if state["index"]["ready"] else "loading"
    rows = [
        ("Tracks", f"{tracks['total']:,}, {tracks['analysed']:,} analysed, {tracks['failed']:,} failed"),
        ("Similar songs", index),
        ("Waiting work", waiting or "none"),
        ("Behind", f"{count(lag, 'event')} not shown yet" if lag else "nothing"),
    ]
    if backlog.get("dead"):
        rows.append(("Given up", f"{count(backlog['dead'], 'command')}; 'starling dead list' shows them"))
    return rows


def _libraries(servers: list[Server]) -> None:
    headings = ["library", "where", "tracks", "analysed", "listed"]
    rows = [
        [
            server["name"],
            server["path"] or server["url"] or "",
            f"{server['track_count']:,}",
            f"{server['analysed_count']:,}",
            ago(server["last_scan_at"]),
        ]
        for server in servers
    ]
    table(headings, rows, right=("tracks", "analysed"))
    for server in servers:
        if server["last_scan_problem"]:
            say(f"{clean(server['name'])} could not be listed: {clean(server['last_scan_problem'])}", style="red")


async def similar(session: Session, words: str, *, most: int, as_json: bool) -> int:
    """The tracks that sound most like one, which is named by its id or by words of its title, artist or album."""
    async with session.api() as api:
        candidates = await _candidates(api, words)
        if isinstance(candidates, str):
            found = await api.similar(candidates, most)
        else:
            return _ask(words, candidates, as_json)
    if as_json:
        say_json(found)
    else:
        _neighbours(found)
    return OK


async def _candidates(api: Api, words: str) -> str | tuple[list[Track], int]:
    """The id of the one track that is meant; else those that can be, and how many there are in all."""
    try:
        return str(UUID(words))
    except ValueError:
        pass
    if not words.strip():
        raise InvalidInput("track", "name a track by its id, or by words of its title, artist or album")
    page = await api.tracks(words, _CANDIDATES)
    meant = choose(words, page["items"])
    if meant is not None:
        return meant["id"]
    if not page["items"]:
        raise StarlingError(f"no track matches {words!r}; 'starling status' shows which libraries are connected")
    return page["items"], page["total"]


def choose(words: str, tracks: list[Track]) -> Track | None:
    """The track that ``words`` can only mean: the single match, or the only one with exactly that name."""
    if len(tracks) == 1:
        return tracks[0]
    wanted = words.casefold().strip()
    for names_of in (_full_names, _title):
        exact = [track for track in tracks if wanted in names_of(track)]
        if len(exact) == 1:
            return exact[0]
        if exact:
            return None
    return None


def _full_names(track: Track) -> tuple[str, ...]:
    artist, title = (track["artist"] or "").casefold(), track["title"].casefold()
    return (f"{artist} - {title}", f"{artist} {title}", f"{title} {artist}")


def _title(track: Track) -> tuple[str, ...]:
    return (track["title"].casefold(),)


def _ask(words: str, candidates: tuple[list[Track], int], as_json: bool) -> int:
    tracks, total = candidates
    if as_json:
        say_json({"candidates": tracks, "total": total})
        return USAGE
    more = f", the first {len(tracks)} of them" if total > len(tracks) else ""
    note(f"{words} can mean {count(max(total, len(tracks)), 'track')}{more}; name one by its id:")
    table(("id", "artist", "title", "album"), [_row(track) for track in tracks])
    return USAGE


def _row(track: Track) -> tuple[str, ...]:
    return (track["id"], track["artist"] or "", track["title"], track["album"] or "")


def _neighbours(found: Similar) -> None:
    if not found["items"]:
        say(f"Nothing to compare {track_name(found['track'])} with yet.")
        return
    say(f"Sounds like {track_name(found['track'])}:")
    rows: list[tuple[Any, ...]] = []
    for neighbour in found["items"]:
        track = neighbour["track"]
        length = duration(track["duration_s"]) if track["duration_s"] else ""
        rows.append((f"{neighbour['distance']:.3f}", track_name(track), track["album"] or "", length, neighbour["why"]))
    table(("distance", "track", "album", "length", "why"), rows, right=("distance",))
