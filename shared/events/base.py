"""What every event is, and the subjects that several families share."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from shared.messages import Message

Profile = Literal["fast", "full"]
Scope = Literal["needed", "all", "failed"]
ServerType = Literal["folder", "subsonic", "jellyfin", "emby", "lyrion", "plex"]
RunState = Literal["requested", "running", "paused", "completed", "cancelled", "failed"]


class Event(Message):
    """Something that happened."""


class ServerEvent(Event):
    """About a connected library."""

    server_id: UUID

    @property
    def subject(self) -> str:
        return f"server:{self.server_id}"


class RunEvent(Event):
    """About a piece of work that somebody asked for."""

    run_id: UUID

    @property
    def subject(self) -> str:
        return f"run:{self.run_id}"
