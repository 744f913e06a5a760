"""The header that makes a repeated request the same request."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from shared.errors import InvalidInput
from shared.messages import idempotency_id, uuid7

HEADER = {"Idempotency-Key": "A word of your choice; the same word within a day gives the same run."}
_LONGEST_KEY = 255


def unit_id(request: web.Request) -> UUID:
    """The id of what is appended: always the same for a key, new without one. Raises ``InvalidInput``."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        return uuid7()
    if len(key) > _LONGEST_KEY or not key.isascii():
        raise InvalidInput("Idempotency-Key", f"at most {_LONGEST_KEY} ASCII characters")
    return idempotency_id(f"{request.path} {key}")
