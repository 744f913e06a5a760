"""Reading the JSON that media servers answer with: pure functions, for servers without an envelope of their own."""

from __future__ import annotations

import json
from typing import Any

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.http import Answer, phrase

Json = dict[str, Any]

_REASONS = {401: "wrong_password", 403: "forbidden", 404: "not_found", 410: "not_found"}


def refusal(status: int, who: str) -> ServerRefused:
    """What a status of 400 or more means."""
    return ServerRefused(_REASONS.get(status, "refused"), f"{who} answered HTTP {status}{phrase(status)}")


def read_object(answer: Answer, who: str, kind: str) -> Json:
    """The JSON object of a successful answer; ``kind`` names the server that is expected, for the message.

    Raises ``ServerRefused`` for an error status, ``ServerUnavailable`` for half an answer, ``ServerMisbehaved`` for
    anything else.
    """
    if answer.status >= 400:
        raise refusal(answer.status, who)
    body = answer.body.decode("utf-8", "replace").strip()
    data = _json_or_none(body)
    if isinstance(data, dict):
        return data
    if not body or (body.startswith("{") and not body.endswith("}")):
        raise ServerUnavailable(f"{who} sent only part of an answer")
    what = "a web page" if body.startswith("<") and "<html" in body[:2000].lower() else "something else than expected"
    raise ServerMisbehaved("not_json", f"{who} answered with {what}; is this the address of a {kind} server?")


def _json_or_none(text: str) -> object:
    """None for what is no JSON. The parser's exceptions hold the whole text, so none of them gets out."""
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None


def objects(value: object, what: str) -> list[Json]:
    """A list of objects, where one object stands for a list of one and nothing for an empty list.

    Raises ``ServerMisbehaved`` for anything else.
    """
    found: list[Any] = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(item, dict) for item in found):
        raise ServerMisbehaved("wrong_type", f"the server's list of {what} holds something else")
    return found


def text_id(value: object) -> str | None:
    """An id as text, or None where there is none that can be stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = clean_text(value) if isinstance(value, str) else None
    return text if text == value else None
