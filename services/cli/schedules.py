"""``schedules``: list, set, remove."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from services.cli.output import say, say_json, table
from services.cli.perform import OK
from services.cli.session import Session
from services.cli.syncing import server_id
from services.cli.wording import clean, local_time
from shared.errors import InvalidInput

Answer = dict[str, Any]


async def list_schedules(session: Session, *, as_json: bool) -> int:
    """All schedules, by name."""
    async with session.api() as api:
        found = (await api.get("/schedules"))["items"]
    if as_json:
        say_json(found)
    elif not found:
        say("Nothing happens by the clock yet; 'starling schedules set NAME refresh @daily' makes a schedule.")
    else:
        table(("id", "name", "what", "when", "next", "last"), [_row(item) for item in found])
        for item in found:
            if item["last_problem"]:
                say(f"{clean(item['name'])} did nothing last time: {clean(item['last_problem'])}", style="red")
    return OK


def _row(item: Answer) -> tuple[str, ...]:
    when = f"{item['cron']} ({item['timezone']})"
    following = local_time(item["next_at"]) if item["enabled"] else "off"
    return item["id"], item["name"], item["kind"], when, following, local_time(item["last_fired_at"]) or "never"


async def set_schedule(
    session: Session,
    name: str,
    what: tuple[str, str, str],
    servers: list[str],
    *,
    enabled: bool,
    as_json: bool,
) -> int:
    """Make a schedule, or replace the one of that name. ``what`` is kind, cron and time zone."""
    kind, cron, timezone = what
    async with session.api() as api:
        known = [item for item in (await api.get("/schedules"))["items"] if item["name"].casefold() == name.casefold()]
        parameters = dict(known[0]["parameters"]) if known and known[0]["kind"] == kind else {}
        if servers:
            parameters["server_ids"] = [await server_id(api, server) for server in servers]
        body = {"name": name, "kind": kind, "cron": cron, "timezone": timezone, "enabled": enabled}
        schedule_id = known[0]["id"] if known else uuid4()
        found = await api.send("PUT", f"/schedules/{schedule_id}", {**body, "parameters": parameters})
    if as_json:
        say_json(found)
    else:
        say(f"{clean(name)} is set; next: {local_time(found['next_at']) or 'never, it is off'}.")
    return OK


async def remove_schedule(session: Session, name: str) -> int:
    """Remove a schedule by its name or id."""
    async with session.api() as api:
        schedule_id = choose(name, (await api.get("/schedules"))["items"])
        accepted = await api.send("DELETE", f"/schedules/{schedule_id}")
        await api.get("/schedules", after=accepted["position"])
    say(f"Removed {clean(name)}.")
    return OK


def choose(text: str, schedules: list[Answer]) -> str:
    """The id of the schedule that ``text`` means. Raises ``InvalidInput``. Pure."""
    try:
        wanted = str(UUID(text))
    except ValueError:
        wanted = text.casefold()
    found = [item["id"] for item in schedules if wanted in (item["id"], item["name"].casefold())]
    if len(found) == 1:
        return str(found[0])
    if found:
        raise InvalidInput("schedule", f"several schedules are named {text}; name one by its id: {', '.join(found)}")
    raise InvalidInput("schedule", f"there is no schedule {text}; 'starling schedules' lists them")
