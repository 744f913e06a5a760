"""From what servers and tags say to values that a ``LibraryTrack``, PostgreSQL and a page can hold."""

from __future__ import annotations

import hashlib
import json
import math
import re
from datetime import UTC, datetime
from uuid import UUID

from shared.events import LibraryTrack
from shared.mediaservers.base import ListedItem
from shared.mediaservers.paths import suffix_of
from shared.messages import track_id

MAX_TEXT = 500
MAX_SUFFIX = 8
MAX_LYRICS = 100_000

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_LRC_TIME = re.compile(r"[\[<]\d{1,3}:\d{2}(?:[.:]\d{1,3})?[\]>]")
_LRC_HEADER = re.compile(r"\[(?:ar|al|ti|au|by|re|ve|la|length|offset|tool)\s*:[^\]]*\]", re.IGNORECASE)
_YEAR = re.compile(r"\b([12][0-9]{3})")
_WHOLE = re.compile(r"\s*([0-9]{1,18})(?![0-9])")


def clean_text(value: object) -> str | None:
    """One line of at most 500 characters, or None when nothing is left.

    Control characters (NUL among them, which PostgreSQL refuses) and line breaks become spaces, bytes that are no
    text become U+FFFD.
    """
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    text = _SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", str(value)[: 8 * MAX_TEXT]))
    return " ".join(text.split())[:MAX_TEXT].rstrip() or None


def join_texts(values: list[object]) -> str | None:
    """Several artists or genres in one line, each once."""
    texts = [text for text in map(clean_text, values) if text]
    return clean_text("; ".join(dict.fromkeys(texts)))


def whole_number(value: object, *, low: int = 1, high: int = 99_999) -> int | None:
    """A number in [low, high], also out of "3/12", or None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        found = _WHOLE.match(value)
        value = int(found.group(1)) if found else None
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    return None


def year_of(value: object) -> int | None:
    """The year in 1999, "1999", "1999-03-01" or "03/1999"; None when there is none between 1000 and 2999."""
    found = _YEAR.search(str(value)[:MAX_TEXT]) if isinstance(value, str | int) else None
    return int(found.group(1)) if found else None


def seconds(value: object) -> float | None:
    """A duration in seconds, or None for what cannot be one."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and 0 < value < 1e7 else None


def plain_lines(text: str) -> str | None:
    """Lyrics without control characters, times and header lines of LRC, or spaces at the ends; None when nothing is
    left, or for more than 100,000 characters, which are no lyrics."""
    if len(text) > MAX_LYRICS:
        return None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    words = [_LRC_TIME.sub("", line) for line in lines if not _LRC_HEADER.fullmatch(line.strip())]
    cleaned = [_SURROGATES.sub("\ufffd", _CONTROLS.sub(" ", line)).strip() for line in words]
    return "\n".join(cleaned).strip("\n") or None


def clean_suffix(value: object) -> str | None:
    """Lower case letters and digits without the dot, or None."""
    text = re.sub(r"[^a-z0-9]", "", str(value).lower()) if isinstance(value, str) else ""
    return text if 0 < len(text) <= MAX_SUFFIX else None


def moment(value: object) -> datetime | None:
    """A date and time of ISO 8601, up to a tenth of a microsecond; UTC where it names no zone. The year 1 is how some
    servers say "never"."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        at = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if at.year > 1 else None


def title_of_file(path: object) -> str | None:
    """A file's name without its suffix. Paths need not be real, but their ends mostly are."""
    name = path.rsplit("/", 1)[-1] if isinstance(path, str) else ""
    suffix = suffix_of(name)
    return clean_text(name[: -len(suffix) - 1] if suffix else name)


def listed_item(server_id: UUID, item_id: str, content_version: str, description: dict[str, object]) -> ListedItem:
    """A track whose listing says everything; ``description`` holds the other fields of its ``LibraryTrack``."""
    meta = fingerprint(description)
    versions = {"content_version": content_version, "meta_version": meta}
    track = LibraryTrack.model_validate(
        {"track_id": track_id(server_id, item_id), "item_id": item_id, **versions, **description}
    )
    return ListedItem(item_id, content_version, meta, track)


def fingerprint(*parts: object) -> str:
    """16 hex digits that change when any part does."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=8).hexdigest()
