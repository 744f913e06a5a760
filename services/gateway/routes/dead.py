"""Work that was given up: look at it, and send it back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.gateway.endpoints import Call, Endpoint
from services.gateway.intake import command_of
from services.gateway.models.common import Accepted, PageQuery, Query, read_cursor, write_cursor
from services.gateway.models.operations import DeadLetterDetail, DeadLetters, DeadLetterSummary
from services.gateway.problems import ProblemError
from services.gateway.queries import tracks
from services.gateway.state import Gateway
from shared import positions
from shared.errors import InvalidInput, NotFound, StoreUnavailable
from shared.streams import DeadLetter

_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")


async def list_dead(call: Call[PageQuery, None]) -> DeadLetters:
    """What was given up, newest first."""
    limit = call.query.limit
    values = read_cursor(call.query.cursor, str)
    if values and not _ID.fullmatch(values[0]):
        raise InvalidInput("cursor", "use the next_cursor of the page before, unchanged")
    letters = await call.gateway.streams.dead_letters(limit + 1, values[0] if values else None)
    more = len(letters) > limit
    letters = letters[:limit]
    titles = await _titles(call.gateway, letters)
    return DeadLetters(
        items=[DeadLetterSummary(**_summary(letter, titles)) for letter in letters],
        next_cursor=write_cursor(letters[-1].id) if more else None,
    )


async def get_dead(call: Call[Query, None]) -> DeadLetterDetail:
    """One of them, with the command and the traceback."""
    letter = await _letter(call)
    titles = await _titles(call.gateway, [letter])
    return DeadLetterDetail(
        **_summary(letter, titles),
        data=letter.data,
        traceback=letter.traceback,
        retryable=command_of(letter) is not None,
    )


async def retry_dead(call: Call[None, None]) -> Accepted:
    """Send it back to work."""
    letter = await _letter(call)
    command = command_of(letter)
    if command is None:
        raise ProblemError(
            409, "This release cannot read the command, so it cannot be retried.", reason="unreadable_command"
        )
    return Accepted(position=positions.text(await call.gateway.intake.retry(letter, command)))


async def _letter(call: Call[Any, None]) -> DeadLetter:
    letter_id = call.request.match_info["letter_id"]
    if not _ID.fullmatch(letter_id):
        raise NotFound(f"there is no dead letter {letter_id[:80]!r}")
    return await call.gateway.streams.dead_letter(letter_id)


async def _titles(gateway: Gateway, letters: list[DeadLetter]) -> dict[UUID, str]:
    wanted = [track_id for letter in letters if (track_id := _track_id(letter))]
    if not wanted:
        return {}
    try:
        async with gateway.reading() as connection:
            return await tracks.titles(connection, wanted)
    except StoreUnavailable:
        # Without titles the list still says what was given up and why.
        return {}


def _track_id(letter: DeadLetter) -> UUID | None:
    try:
        return UUID(letter.data.get("track_id"))
    except (TypeError, ValueError, AttributeError):
        return None


def _summary(letter: DeadLetter, titles: dict[UUID, str]) -> dict[str, Any]:
    track_id = _track_id(letter)
    subject = letter.fields.get(b"subject")
    return {
        "id": letter.id,
        "service": letter.service,
        "command_type": letter.command_type,
        "command_id": letter.command_id,
        "run_id": letter.run_id,
        "subject": subject.decode(errors="replace") if subject else None,
        "reason": letter.reason,
        "detail": letter.detail,
        "deliveries": letter.deliveries,
        "buried_at": datetime.fromtimestamp(letter.buried_at_ms / 1000, UTC),
        "title": titles.get(track_id) if track_id else None,
    }


_TYPES = {"letter_id": "string"}

ENDPOINTS = (
    Endpoint("GET", "/api/v1/dead", list_dead, "Operations", "List what was given up", DeadLetters, query=PageQuery),
    Endpoint(
        "GET",
        "/api/v1/dead/{letter_id}",
        get_dead,
        "Operations",
        "Show what was given up",
        DeadLetterDetail,
        query=Query,
        path_types=_TYPES,
    ),
    Endpoint(
        "POST",
        "/api/v1/dead/{letter_id}/retry",
        retry_dead,
        "Operations",
        "Try it again",
        Accepted,
        202,
        problems=(409,),
        path_types=_TYPES,
    ),
)
