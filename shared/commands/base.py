"""What every command is."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from shared.events import Event
from shared.messages import Failure, Message

CANCELLED = Failure(reason="cancelled", detail="The run was cancelled.")


class Command(Message):
    """Something to be done by ``service``."""

    service: ClassVar[str]
    run_id: UUID

    @property
    def subject(self) -> str:
        return f"run:{self.run_id}"

    def death(self, failure: Failure) -> tuple[Event, ...]:
        """The events that stand for this command's result when it will never have one."""
        raise NotImplementedError

    def cancelled(self) -> tuple[Event, ...]:
        """The events that stand for this command's result when its run was cancelled before it began."""
        raise NotImplementedError

    def again(self) -> Command:
        """What to send when a dead letter is retried: the command itself, unless its means have expired."""
        return self
