"""Events about what happens by the clock."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events.base import Event, Profile, Scope
from shared.events.clustering import ClusteringOptions

ScheduleKind = Literal["analysis", "clustering", "sync", "listening", "refresh"]
"""``refresh`` is analysis, then clustering with its playlists kept, then sync."""


class ScheduleParameters(BaseModel):
    """What the work is given; a kind uses those that mean something to it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    server_ids: tuple[UUID, ...] = ()
    """None named is all."""
    profile: Profile = "fast"
    scope: Scope = "needed"
    clustering: ClusteringOptions = ClusteringOptions()
    playlist_ids: tuple[UUID, ...] = ()


class _ScheduleEvent(Event):
    schedule_id: UUID

    @property
    def subject(self) -> str:
        return f"schedule:{self.schedule_id}"


class ScheduleSet(_ScheduleEvent):
    """The whole schedule as it is from now on."""

    wire_type: ClassVar[str] = "schedule.set"
    name: str = Field(min_length=1, max_length=200)
    kind: ScheduleKind
    cron: str = Field(max_length=200)
    """Five fields, names of months and days allowed, or ``@daily`` and the like."""
    timezone: str = "UTC"
    """A name of the IANA database."""
    parameters: ScheduleParameters = ScheduleParameters()
    enabled: bool = True


class ScheduleRemoved(_ScheduleEvent):
    wire_type: ClassVar[str] = "schedule.removed"


class ScheduleFired(_ScheduleEvent):
    """``run_id`` is what was started (for ``listening`` the import), None where there was nothing to start."""

    wire_type: ClassVar[str] = "schedule.fired"
    due_at: datetime
    kind: ScheduleKind
    run_id: UUID | None = None
    late: bool = False
    """The time was missed; however often that was, it fires once."""
    problem: str | None = None
