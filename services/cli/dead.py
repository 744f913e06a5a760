"""``dead list``, ``dead show`` and ``dead retry``: commands that were given up."""

from __future__ import annotations

import json
import re

from services.cli.answers import DeadLetter
from services.cli.client import Api, ApiError
from services.cli.output import note, pairs, say, say_json, table
from services.cli.perform import OK, PROBLEM
from services.cli.progress import Pace, shown
from services.cli.session import Session
from services.cli.wording import clean, count, in_words, local_time
from shared.errors import InvalidInput


async def list_letters(session: Session, *, as_json: bool) -> int:
    """All dead letters, newest first."""
    async with session.api() as api:
        letters = await every_letter(api)
    if as_json:
        say_json(letters)
    elif not letters:
        say("No command has been given up.")
    else:
        table(("id", "given up", "command", "about", "reason", "detail"), [_row(letter) for letter in letters])
    return OK


def checked(letter_id: str) -> str:
    """``letter_id``, which becomes a part of an address. Raises ``InvalidInput`` on what cannot be one."""
    if not re.fullmatch(r"\d{1,20}-\d{1,20}", letter_id):
        raise InvalidInput("id", f"{letter_id} is not the id of a dead letter; 'starling dead list' shows them")
    return letter_id


async def every_letter(api: Api) -> list[DeadLetter]:
    """All pages together."""
    letters: list[DeadLetter] = []
    cursor = None
    while True:
        page = await api.dead(cursor)
        letters += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return letters


def _row(letter: DeadLetter) -> tuple[str, ...]:
    about = letter["title"] or letter["subject"] or ""
    return (
        letter["id"],
        local_time(letter["buried_at"]),
        letter["command_type"],
        about,
        in_words(letter["reason"]),
        letter["detail"],
    )


async def show_letter(session: Session, letter_id: str, *, as_json: bool) -> int:
    """Everything about one dead letter."""
    async with session.api() as api:
        letter = await api.dead_letter(checked(letter_id))
    if as_json:
        say_json(letter)
        return OK
    rows = [
        ("id", letter["id"]),
        ("given up", local_time(letter["buried_at"])),
        ("command", f"{letter['command_type']} {letter['command_id'] or ''}"),
        ("service", letter["service"]),
        ("about", " ".join(part for part in (letter["subject"], letter["title"]) if part)),
        ("run", letter["run_id"] or ""),
        ("reason", in_words(letter["reason"])),
        ("detail", letter["detail"]),
        ("deliveries", str(letter["deliveries"])),
    ]
    pairs([(name, value) for name, value in rows if value])
    say()
    for line in json.dumps(letter["data"], ensure_ascii=False, indent=2).splitlines():
        say(clean(line))
    if letter["traceback"]:
        say()
        for line in letter["traceback"].splitlines():
            say(clean(line))
    return OK


async def retry(session: Session, letter_id: str | None, *, every: bool) -> int:
    """Send one command back to work, or all of them. Raises ``InvalidInput`` unless exactly one way is chosen."""
    if (letter_id is None) != every:
        raise InvalidInput("id", "name one dead letter by its id, or say --all")
    async with session.api() as api:
        if letter_id is not None:
            await api.retry(checked(letter_id))
            say(f"Sent back to work: {clean(letter_id)}")
            return OK
        return await _retry_all(api)


async def _retry_all(api: Api) -> int:
    letters = await every_letter(api)
    refused = 0
    with shown("Sending back to work") as display:
        pace = Pace("commands")
        for number, letter in enumerate(letters, start=1):
            try:
                await api.retry(letter["id"])
            except ApiError as error:
                # Somebody else may have retried it meanwhile; a command nobody can read stays where it is.
                refused += error.status != 404
                note(f"{letter['id']} stays: {error}")
            pace.show(display, number, len(letters))
    say(f"Sent back to work: {count(len(letters) - refused, 'command')}.")
    return PROBLEM if refused else OK
