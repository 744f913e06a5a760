"""What several answers share."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from shared import positions
from shared.errors import InvalidInput


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Time = Annotated[datetime, PlainSerializer(_utc, return_type=str, when_used="json")]
"""A moment, written in UTC."""

Position = Annotated[str, Field(pattern=r"^\d+-\d+$", examples=["1700000000000-0"])]
"""A place in the event log; give it back as ``?after=`` to read what was written up to there."""


def _checked(value: str | None) -> str | None:
    if value is not None:
        try:
            positions.pack(value)
        except InvalidInput as error:
            raise ValueError(error.detail) from None
    return value


class Answer(BaseModel):
    """Base of everything that is answered."""

    model_config = ConfigDict(frozen=True)


class Body(BaseModel):
    """Base of everything that is sent to us: a misspelt name is an error, not silence."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class Query(BaseModel):
    """Query parameters that every GET knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    after: Annotated[str | None, AfterValidator(_checked)] = Field(
        None,
        description="Answer only when everything up to this position is visible (waits at most 5 s).",
        max_length=40,
    )


class PageQuery(Query):
    """Query parameters of a list."""

    cursor: str | None = Field(None, description="`next_cursor` of the page before.", max_length=2000)
    limit: int = Field(50, ge=1, le=200, description="How many at most.")


class Accepted(Answer):
    """It was written down; ``?after=`` with the position shows it."""

    position: Position


def write_cursor(*values: Any) -> str:
    """Where the next page begins, opaque to clients."""
    text = json.dumps(values, separators=(",", ":"), default=str, ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """The values of a cursor, each of its kind. Raises ``InvalidInput`` for one that we did not write."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != len(kinds):
        raise InvalidInput("cursor", "use the next_cursor of the page before, unchanged")
    for value, kind in zip(values, kinds, strict=True):
        if not isinstance(value, kind) or isinstance(value, bool) or not _storable(value):
            raise InvalidInput("cursor", "use the next_cursor of the page before, unchanged")
    return tuple(values)


def _storable(value: Any) -> bool:
    """Whether PostgreSQL takes a value as text; it refuses NUL and halves of surrogate pairs."""
    return not isinstance(value, str) or not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in value)


def read_id(text: str) -> UUID:
    """An id out of a cursor."""
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput("cursor", "use the next_cursor of the page before, unchanged") from None


def read_place(cursor: str | None) -> tuple[datetime, UUID] | None:
    """A place in a list that is ordered by time: when, and which."""
    values = read_cursor(cursor, str, str)
    if values is None:
        return None
    try:
        return datetime.fromisoformat(values[0]).astimezone(UTC), read_id(values[1])
    except (ValueError, OverflowError):
        raise InvalidInput("cursor", "use the next_cursor of the page before, unchanged") from None
