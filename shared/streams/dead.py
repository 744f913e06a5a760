"""Dead letters: commands that were given up, with everything needed to understand and to retry them."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.messages import Failure

_COMMAND = b"command:"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """``id`` is the entry's place among the dead letters; ``fields`` are the command as it stood on its stream."""

    id: str
    service: str
    stream: str
    reason: str
    detail: str
    traceback: str
    deliveries: int
    buried_at_ms: int
    fields: dict[bytes, bytes]

    @property
    def command_type(self) -> str:
        return self.fields.get(b"type", b"unreadable").decode(errors="replace")

    @property
    def command_id(self) -> str | None:
        value = self.fields.get(b"id")
        return value.decode(errors="replace") if value else None

    @property
    def run_id(self) -> UUID | None:
        return run_id_of(self.fields)

    @property
    def data(self) -> dict[str, Any]:
        """What the command said; empty when that cannot be read."""
        try:
            found = json.loads(self.fields.get(b"data", b"{}"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


def run_id_of(fields: Mapping[bytes, bytes]) -> UUID | None:
    """The run that a command on a stream belongs to; None where that cannot be read."""
    try:
        return UUID(fields[b"correlation_id"].decode())
    except (KeyError, ValueError):
        return None


def to_fields(
    service: str, stream: str, command: Mapping[bytes, bytes], failure: Failure, deliveries: int, trace: str
) -> dict[str, bytes | str]:
    """The entry that buries a command."""
    fields: dict[str, bytes | str] = {
        "service": service,
        "stream": stream,
        "reason": failure.reason,
        "detail": failure.detail[:2000],
        "traceback": trace[-8000:],
        "deliveries": str(deliveries),
        "buried_at": str(time.time_ns() // 1_000_000),
    }
    for name, value in command.items():
        if name != b"attempts":
            fields[(_COMMAND + name).decode(errors="replace")] = value
    return fields


def from_entry(entry_id: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    """Read an entry written by ``to_fields``."""

    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    return DeadLetter(
        id=entry_id.decode(),
        service=text(b"service"),
        stream=text(b"stream"),
        reason=text(b"reason"),
        detail=text(b"detail"),
        traceback=text(b"traceback"),
        deliveries=int(fields.get(b"deliveries", 0)),
        buried_at_ms=int(fields.get(b"buried_at", 0)),
        fields={name.removeprefix(_COMMAND): value for name, value in fields.items() if name.startswith(_COMMAND)},
    )
