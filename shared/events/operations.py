"""Events about commands themselves."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.events.base import Event


class _CommandEvent(Event):
    command_id: UUID

    @property
    def subject(self) -> str:
        return f"command:{self.command_id}"


class CommandFailed(_CommandEvent):
    """A command was buried among the dead letters, from where it can be retried."""

    wire_type: ClassVar[str] = "command.failed"
    run_id: UUID | None = None
    command_type: str
    service: str
    reason: str
    detail: str
    deliveries: int


class CommandRetried(_CommandEvent):
    """Somebody sent a dead letter back to work."""

    wire_type: ClassVar[str] = "command.retried"
    run_id: UUID | None = None
    command_type: str
    service: str
