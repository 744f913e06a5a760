"""``sync``: playlists written to media servers, or what that would change."""

from __future__ import annotations

import asyncio
from typing import Any

from services.cli.analysis import find_server
from services.cli.client import Api
from services.cli.output import note, say, say_json, table
from services.cli.perform import OK, PROBLEM
from services.cli.playlists import find_playlist
from services.cli.progress import Display, follow, shown
from services.cli.session import Session
from services.cli.wording import clean, in_words
from shared.errors import InvalidInput

Answer = dict[str, Any]


async def sync(
    session: Session,
    playlists: list[str],
    servers: list[str],
    *,
    preview: bool,
    revive: bool,
    wait: bool,
    as_json: bool,
) -> int:
    """Write playlists (all, if none is named) to servers (all, if none is named), or preview that."""
    async with session.api() as api:
        wish = {
            "playlist_ids": [await find_playlist(api, name) for name in playlists],
            "server_ids": [await server_id(api, name) for name in servers],
            "revive": revive,
        }
        if preview:
            return _tell_preview((await api.send("POST", "/preview", wish))["items"], as_json)
        accepted = await api.send("POST", "/sync", wish)
        note(f"Sync {accepted['sync_id']} is under way.")
        if not wait:
            if as_json:
                say_json(accepted)
            return OK
        found = await _watched(api, accepted, as_json)
    return _tell(found, as_json)


async def server_ids(session: Session, names: list[str]) -> list[str]:
    """The ids of libraries that are named. Raises ``InvalidInput``."""
    async with session.api() as api:
        return [await server_id(api, name) for name in names]


async def server_id(api: Api, name: str) -> str:
    """The id of one. Raises ``InvalidInput``."""
    found = await find_server(api, name)
    if found is None:
        names = ", ".join(server["name"] for server in await api.servers())
        raise InvalidInput("server", f"there is no library named {name}; connected libraries: {names or 'none'}")
    return found["id"]


async def _watched(api: Api, accepted: Answer, as_json: bool) -> Answer:
    path = f"/sync/{accepted['sync_id']}"
    try:
        with shown("Writing playlists", stderr=as_json) as display:
            return await follow(lambda after: api.get(path, after=after), _show, display, after=accepted["position"])
    except asyncio.CancelledError:
        note("The sync goes on; 'starling playlists' shows what was written.")
        raise


def _show(display: Display, found: Answer) -> None:
    done = found["synced"] + found["skipped"] + found["failed"]
    text = f"{done:,} of {found['targets']:,} written" + (f", {found['failed']:,} failed" if found["failed"] else "")
    display.update(done, found["targets"] or None, text, text)


def _tell(found: Answer, as_json: bool) -> int:
    well = found["state"] == "completed" and not found["failed"]
    if as_json:
        say_json(found)
        return OK if well else PROBLEM
    for line in outcome(found):
        say(clean(line), style=None if well else "red")
    return OK if well else PROBLEM


def outcome(found: Answer) -> list[str]:
    """How a sync ended, in sentences. Pure."""
    if found["detail"]:
        return [f"Nothing was written: {found['detail']}"]
    words = {"completed": "Done", "cancelled": "Cancelled", "failed": "Failed"}
    parts = [f"{found['synced']:,} of {found['targets']:,} written or up to date"]
    parts += [f"{found[name]:,} {name}" for name in ("skipped", "failed") if found[name]]
    lines = [f"{words[found['state']]}: {', '.join(parts)}."]
    for problem in found["problems"]:
        where = f"{problem['name'] or problem['playlist_id']} on {problem['server_name'] or problem['server_id']}"
        said = f" - {problem['detail']}" if problem["detail"] else ""
        lost = "; the server does not hold it as before" if problem["restored"] is False else ""
        lines.append(f"  {where}: {in_words(problem['reason'])}{said}{lost}")
    return lines


def _tell_preview(items: list[Answer], as_json: bool) -> int:
    if as_json:
        say_json(items)
    elif not items:
        say("There is nothing to write.")
    else:
        rows = [
            (item["name"], item["server_name"], change_words(item), item["to_add"], item["to_remove"], item["missing"])
            for item in items
        ]
        table(("playlist", "server", "change", "add", "remove", "missing"), rows, right=("add", "remove", "missing"))
    return OK


def change_words(item: Answer) -> str:
    """``create``, ``none``, ``skip: deleted on server``. Pure."""
    return f"{item['change']}: {in_words(item['reason'])}" if item["reason"] else str(item["change"])
