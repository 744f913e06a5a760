"""Older versions of messages become the newest one step at a time: ``(type, version) -> dict-to-dict step``.

A step is pure and takes data of exactly that version to the next. Readers see the newest version only. The fixtures
of every version ever written stay in ``tests/fixtures/messages``; a test reads each of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from shared.errors import StarlingError
from shared.messages import Catalogue, Envelope, Message, Raw

Step = Callable[[dict[str, Any]], dict[str, Any]]


UPCASTS: dict[tuple[str, int], Step] = {}
"""Empty while every message is still at its first version."""


class UnknownMessage(StarlingError):
    """A type or a version that this release does not know: written by a newer one, or not by us."""


def read(
    catalogue: Catalogue, raw: Raw, position: int | None = None, upcasts: Mapping[tuple[str, int], Step] = UPCASTS
) -> Envelope[Any]:
    """``raw`` as the newest class of its type. Raises ``UnknownMessage``, or pydantic's error on data that lies."""
    message = _parse(catalogue, raw, upcasts)
    return Envelope(
        id=raw.id,
        message=message,
        occurred_at=raw.occurred_at,
        subject=raw.subject,
        correlation_id=raw.correlation_id,
        causation_id=raw.causation_id,
        traceparent=raw.traceparent,
        blob=raw.blob,
        attempts=raw.attempts,
        position=position,
    )


def _parse(catalogue: Catalogue, raw: Raw, upcasts: Mapping[tuple[str, int], Step]) -> Message:
    cls = catalogue.by_type.get(raw.type)
    if cls is None or raw.version > cls.version:
        raise UnknownMessage(f"{catalogue.name} {raw.type!r} version {raw.version} is not known to this release")
    if raw.version == cls.version:
        return cls.model_validate_json(raw.data)
    data: dict[str, Any] = json.loads(raw.data)
    for version in range(raw.version, cls.version):
        step = upcasts.get((raw.type, version))
        if step is None:
            raise UnknownMessage(f"no upcast for {catalogue.name} {raw.type!r} from version {version}")
        data = step(data)
    return cls.model_validate(data)
