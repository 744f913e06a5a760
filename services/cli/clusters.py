"""``cluster`` and ``keep``."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

from services.cli.client import Api
from services.cli.output import note, say, say_json, table
from services.cli.perform import OK, PROBLEM
from services.cli.progress import Display, follow, shown
from services.cli.session import Session
from services.cli.wording import clean, count, duration, in_words
from shared.errors import InvalidInput, StarlingError

Answer = dict[str, Any]
_KEPT_WITHIN_S = 60.0
_LOOK_AGAIN_S = 0.3
_RECENT = 50


async def cluster(session: Session, options: Answer, *, wait: bool, as_json: bool) -> int:
    """Start a clustering and watch it. ``options`` as POST /api/v1/clusterings takes them."""
    async with session.api() as api:
        accepted = await api.send("POST", "/clusterings", options)
        run_id = accepted["clustering_id"]
        note(f"Clustering {run_id} is under way.")
        if not wait:
            if as_json:
                say_json(accepted)
            return OK
        found = await _watched(api, run_id, accepted["position"], as_json)
        if found["state"] == "completed" and options.get("save"):
            found = await _kept(api, run_id, None)
        proposals = await api.get(f"/clusterings/{run_id}/proposals", tracks="false")
    if as_json:
        say_json({**found, "proposals": proposals["items"]})
    else:
        _tell(found, proposals["items"])
    return OK if found["state"] == "completed" and not found["keeping_problem"] else PROBLEM


async def _watched(api: Api, run_id: str, position: str, as_json: bool) -> Answer:
    try:
        with shown("Clustering", stderr=as_json) as display:
            return await follow(
                lambda after: api.get(f"/clusterings/{run_id}", after=after), _show, display, after=position
            )
    except asyncio.CancelledError:
        note(f"The clustering goes on; it is at {api.url}/clusterings/{run_id}.")
        raise


def _show(display: Display, found: Answer) -> None:
    display.update(found["evaluated"], found["planned"], progress_words(found), progress_words(found))


def progress_words(found: Answer) -> str:
    """``120 of 240 tried, best 0.61 (gmm), 20 s left``. Pure."""
    if found["state"] == "requested":
        return "waiting for a clusterer"
    if found["state"] == "composing":
        return "making playlists"
    parts = [f"{found['evaluated']:,} of at most {found['planned']:,} tried"]
    best = found["best"]
    if best is not None and best["score"] is not None:
        parts.append(f"best {best['score']['total']:.2f} ({in_words(best['configuration']['algorithm'])})")
    if found["eta_s"] is not None:
        parts.append(f"{duration(found['eta_s'])} left at most")
    return ", ".join(parts)


def _tell(found: Answer, proposals: list[Answer]) -> None:
    for line in outcome(found):
        say(clean(line), style=None if found["state"] == "completed" else "red")
    if proposals:
        rows = [
            (item["number"], item["name"], item["track_count"], duration(item["duration_s"]), item["recognised"] or "")
            for item in proposals
        ]
        table(("number", "name", "tracks", "length", "playlist"), rows, right=("number", "tracks"))
    if found["state"] == "completed" and proposals and not found["kept"]:
        say(f"Nothing is kept yet; 'starling keep {found['id']}' keeps them all.")


def outcome(found: Answer) -> list[str]:
    """How a clustering ended, in sentences. Pure."""
    lines = [*found["warnings"]]
    if found["state"] != "completed":
        reason = found["detail"] or in_words(found["reason"] or found["state"])
        return [*lines, "Cancelled." if found["state"] == "cancelled" else f"No playlists: {reason}"]
    winner = found["winner"]
    score = f", score {winner['score']['total']:.2f}" if winner and winner["score"] else ""
    made = f"{count(found['playlists'] or 0, 'playlist')} of {count(found['tracks_used'] or 0, 'track')}"
    lines += [f"Done: {made}{score}, seed {found['seed']}.", *found["notes"]]
    if found["keeping_problem"]:
        lines.append(f"They could not be kept: {found['keeping_problem']}")
    elif found["kept"]:
        lines.append(kept_words(found["kept"]))
    return lines


def kept_words(kept: Answer) -> str:
    """``Kept: 3 created, 2 refreshed.`` Pure."""
    names = ("created", "refreshed", "unchanged", "locked")
    parts = [f"{len(kept[name]):,} {name}" for name in names if kept[name]]
    return f"Kept: {', '.join(parts) or 'nothing'}."


async def keep(session: Session, clustering: str, numbers: list[int], *, sync: bool, as_json: bool) -> int:
    """Make proposals the listener's playlists, and wait until they are."""
    async with session.api() as api:
        before = await find_clustering(api, clustering)
        last = before["kept"]["at"] if before["kept"] else None
        await api.send("POST", f"/clusterings/{before['id']}/keep", {"numbers": numbers, "sync": sync})
        found = await _kept(api, before["id"], last)
    if as_json:
        say_json(found)
    elif found["keeping_problem"]:
        say(f"They could not be kept: {clean(found['keeping_problem'])}", style="red")
    else:
        say(kept_words(found["kept"]))
    return PROBLEM if found["keeping_problem"] else OK


async def _kept(api: Api, run_id: str, last: str | None) -> Answer:
    """The clustering once its playlists are kept, later than ``last``, or could not be."""
    end = time.monotonic() + _KEPT_WITHIN_S
    while True:
        found = await api.get(f"/clusterings/{run_id}")
        if found["keeping_problem"] or (found["kept"] and found["kept"]["at"] != last):
            return found
        if time.monotonic() > end:
            raise StarlingError("the playlists are not kept yet; 'starling playlists' shows them once they are")
        await asyncio.sleep(_LOOK_AGAIN_S)


async def find_clustering(api: Api, text: str) -> Answer:
    """The clustering that ``text`` means: an id, the beginning of one, or ``last``. Raises ``InvalidInput``."""
    try:
        return await api.get(f"/clusterings/{UUID(text)}")
    except ValueError:
        recent = await api.listed("/clusterings", _RECENT)
    found = recent[:1] if text == "last" else [item for item in recent if item["id"].startswith(text.lower())]
    if len(found) != 1:
        many = f"several clusterings begin with {text}" if found else f"there is no clustering {text}"
        raise InvalidInput("clustering", f"{many}; 'starling cluster' starts one and says its id")
    return found[0]
