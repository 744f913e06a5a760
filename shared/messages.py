"""What travels on the streams: a frozen message (the fact or the order) inside an envelope (who, when, why).

The catalogues are ``shared.events`` and ``shared.commands``; this module knows how any of them is written and read.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, Self, TypeVar
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict

NAMESPACE = UUID("7a0f6a3e-51f2-5d0b-9d3b-6a53746c6e67")


class Message(BaseModel):
    """A fact or an order. Frozen; unknown fields are ignored, so a newer writer does not break an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    wire_type: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """What the message is about, as ``kind:id``."""
        raise NotImplementedError

    @property
    def run(self) -> UUID | None:
        """The run the message belongs to, if any; becomes the envelope's correlation id."""
        return getattr(self, "run_id", None)


M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Envelope(Generic[M]):
    """One message with its circumstances.

    ``position`` is set on events read from the log, ``attempts`` counts earlier tries of a command that ended in a
    transient error, ``blob`` is raw vector bytes (see ``shared.embedding``).
    """

    id: UUID
    message: M
    occurred_at: datetime
    subject: str
    correlation_id: UUID | None = None
    causation_id: UUID | None = None
    traceparent: str | None = None
    blob: bytes | None = None
    attempts: int = 0
    position: int | None = None

    def caused_by(self, cause: Envelope[Any]) -> Self:
        """The same envelope with its cause, run and trace taken from ``cause`` where it has none of its own."""
        return type(self)(
            id=self.id,
            message=self.message,
            occurred_at=self.occurred_at,
            subject=self.subject,
            correlation_id=self.correlation_id or cause.correlation_id,
            causation_id=cause.id,
            traceparent=cause.traceparent,
            blob=self.blob,
            attempts=self.attempts,
        )


def uuid7() -> UUID:
    """A time-ordered random UUID (RFC 9562, version 7)."""
    ms = time.time_ns() // 1_000_000
    rand = int.from_bytes(os.urandom(10), "big")
    value = (ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (rand >> 62 & 0xFFF) << 64 | 0b10 << 62 | rand & (1 << 62) - 1
    return UUID(int=value)


def derived_id(*parts: object) -> UUID:
    """A repeatable UUIDv5: the same parts give the same id, so a repeated decision is recognised as one."""
    return uuid5(NAMESPACE, "\x1f".join(str(part) for part in parts))


def track_id(server_id: UUID, item_id: str) -> UUID:
    """A track's id: UUIDv5 of the server and the server's own id of the track."""
    return uuid5(server_id, item_id)


def wrap(message: M, *, id: UUID | None = None, blob: bytes | None = None) -> Envelope[M]:  # noqa: A002
    """Put ``message`` into a new envelope, dated now."""
    return Envelope(
        id=id or uuid7(),
        message=message,
        occurred_at=datetime.now(UTC),
        subject=message.subject,
        correlation_id=message.run,
        blob=blob,
    )


@dataclass(frozen=True, slots=True)
class Send:
    """A command to be appended: when, and on which of its service's two streams."""

    command: Envelope[Any]
    high: bool = False
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a handler decided. ``postpone_s`` puts the command itself back, to be looked at again later."""

    events: tuple[Envelope[Any], ...] = ()
    commands: tuple[Send, ...] = ()
    postpone_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command ended without its result; what ``Command.death`` turns into the event that says so."""

    reason: str
    detail: str
    permanent: bool = False


def encode(envelope: Envelope[Any]) -> dict[str, bytes | str]:
    """The fields of one stream entry."""
    fields: dict[str, bytes | str] = {
        "id": str(envelope.id),
        "type": envelope.message.wire_type,
        "version": str(envelope.message.version),
        "occurred_at": envelope.occurred_at.isoformat(),
        "subject": envelope.subject,
        "data": envelope.message.model_dump_json(exclude_none=True),
    }
    for name in ("correlation_id", "causation_id", "traceparent"):
        value = getattr(envelope, name)
        if value is not None:
            fields[name] = str(value)
    if envelope.attempts:
        fields["attempts"] = str(envelope.attempts)
    if envelope.blob is not None:
        fields["blob"] = envelope.blob
    return fields


@dataclass(frozen=True, slots=True)
class Raw:
    """A stream entry before its data is parsed: enough to archive, bury or report it whatever it contains."""

    id: UUID
    type: str
    version: int
    occurred_at: datetime
    subject: str
    data: bytes
    correlation_id: UUID | None
    causation_id: UUID | None
    traceparent: str | None
    blob: bytes | None
    attempts: int


def _uuid(value: bytes | None) -> UUID | None:
    return UUID(value.decode()) if value else None


def decode_raw(fields: Mapping[bytes, bytes]) -> Raw:
    """Read the circumstances of an entry. Raises ``ValueError`` or ``KeyError`` on an entry we did not write."""
    trace = fields.get(b"traceparent")
    return Raw(
        id=UUID(fields[b"id"].decode()),
        type=fields[b"type"].decode(),
        version=int(fields[b"version"]),
        occurred_at=datetime.fromisoformat(fields[b"occurred_at"].decode()),
        subject=fields[b"subject"].decode(),
        data=fields[b"data"],
        correlation_id=_uuid(fields.get(b"correlation_id")),
        causation_id=_uuid(fields.get(b"causation_id")),
        traceparent=trace.decode() if trace else None,
        blob=fields.get(b"blob"),
        attempts=int(fields.get(b"attempts", 0)),
    )


def encode_raw(raw: Raw) -> dict[str, bytes | str]:
    """The inverse of ``decode_raw``."""
    fields: dict[str, bytes | str] = {
        "id": str(raw.id),
        "type": raw.type,
        "version": str(raw.version),
        "occurred_at": raw.occurred_at.isoformat(),
        "subject": raw.subject,
        "data": raw.data,
    }
    optional = {"correlation_id": raw.correlation_id, "causation_id": raw.causation_id, "traceparent": raw.traceparent}
    fields |= {name: str(value) for name, value in optional.items() if value is not None}
    if raw.attempts:
        fields["attempts"] = str(raw.attempts)
    if raw.blob is not None:
        fields["blob"] = raw.blob
    return fields


def idempotency_id(key: str) -> UUID:
    """The command id that an ``Idempotency-Key`` header stands for."""
    return derived_id("idempotency-key", hashlib.sha256(key.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Wire type -> newest class, for one family of messages."""

    name: str
    classes: tuple[type[Message], ...]
    by_type: dict[str, type[Message]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_type", {cls.wire_type: cls for cls in self.classes})
        if len(self.by_type) != len(self.classes):
            raise ValueError(f"two classes of the {self.name} catalogue share a wire type")
