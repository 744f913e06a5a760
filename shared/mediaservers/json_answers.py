"""Reading the JSON that media servers answer with, and the HTTP status where there is none: pure functions."""

from __future__ import annotations

import json
from typing import Any

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable, StarlingError
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.http import Answer, phrase

Json = dict[str, Any]

_REASONS = {401: "wrong_password", 403: "forbidden", 404: "not_found", 410: "not_found"}


def refusal(status: int, who: str, words: str | None = None) -> ServerRefused:
    """What a status of 400 or more means; ``words`` are the server's own."""
    said = f"{who} answered HTTP {status}{phrase(status)}"
    return ServerRefused(_REASONS.get(status, "refused"), f"{said}: {words}" if words else said)


def read_object(answer: Answer, who: str, kind: str) -> Json:
    """The JSON object of a successful answer; ``kind`` says what is expected, as "a Plex server", for the message.

    Raises ``ServerRefused`` for an error status, ``ServerUnavailable`` for half an answer, ``ServerMisbehaved`` for
    anything else.
    """
    if answer.status >= 400:
        raise refusal(answer.status, who)
    body = text_of(answer)
    data = json_or_none(body)
    if not isinstance(data, dict):
        raise unreadable(body, who, kind)
    return data


def text_of(answer: Answer) -> str:
    """The whole answer as text."""
    return answer.body.decode("utf-8", "replace").strip()


def json_or_none(text: str) -> object:
    """None for what is no JSON. The parser's exceptions hold the whole text, so none of them gets out."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def unreadable(body: str, who: str, kind: str) -> StarlingError:
    """An answer that starts as JSON and stops is a cut connection; anything else is a server of another kind."""
    if not body or (body.startswith(("{", "[{")) and body[-1] not in "}]"):
        return ServerUnavailable(f"{who} sent only part of an answer")
    what = "a web page" if body.startswith("<") and "<html" in body[:2000].lower() else "something else than expected"
    return ServerMisbehaved("not_json", f"{who} answered with {what}; is this the address of {kind}?")


def several(value: object) -> list[Any]:
    """A list, where one thing stands for a list of one and nothing for an empty list."""
    return [] if value is None else value if isinstance(value, list) else [value]


def objects(value: object, what: str) -> list[Json]:
    """``several`` objects. Raises ``ServerMisbehaved`` for anything else."""
    found = several(value)
    if not all(isinstance(item, dict) for item in found):
        raise ServerMisbehaved("wrong_type", f"the server's list of {what} holds something else")
    return found


def text_id(value: object) -> str | None:
    """An id as text, or None where there is none that can be stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = clean_text(value) if isinstance(value, str) else None
    return text if text == value else None
