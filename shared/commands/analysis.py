"""Commands of fetcher and analyzer: list libraries, get audio, listen to it."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared import events
from shared.commands.base import CANCELLED, Command
from shared.events import Event, Profile, Scope
from shared.messages import Failure


class AudioRef(BaseModel):
    """Where the analyzer finds the bytes: ``file://`` or ``redis://``. ``owned`` audio is deleted after use;
    what is not owned is the listener's own file and is only read."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    uri: str
    size_bytes: int
    owned: bool
    suffix: str = ""
    """Lower case, without the dot: a hint for the decoder, nothing more."""


class StartAnalysis(Command):
    """Begin a run: look at each library in turn."""

    wire_type: ClassVar[str] = "analysis.start"
    service: ClassVar[str] = "fetcher"
    server_ids: tuple[UUID, ...]
    profile: Profile = "fast"
    scope: Scope = "needed"

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.AnalysisRunStarted(
                run_id=self.run_id, server_ids=self.server_ids, profile=self.profile, scope=self.scope
            ),
            *(
                events.LibraryScanFailed(
                    run_id=self.run_id, server_id=server_id, reason=failure.reason, detail=failure.detail
                )
                for server_id in self.server_ids
            ),
        )

    def cancelled(self) -> tuple[Event, ...]:
        return self.death(CANCELLED)


class ScanLibraryPage(Command):
    """List one page of a library and send on what needs work. ``cursor`` None is the first page."""

    wire_type: ClassVar[str] = "library.scan_page"
    service: ClassVar[str] = "fetcher"
    server_id: UUID
    profile: Profile = "fast"
    scope: Scope = "needed"
    cursor: str | None = None
    page: int = Field(0, ge=0)
    listed: int = Field(0, ge=0)
    """Distinct tracks on the pages before this one."""
    incomplete: bool = False
    """Some page could not list everything; then nothing counts as removed."""

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.LibraryScanFailed(
                run_id=self.run_id, server_id=self.server_id, reason=failure.reason, detail=failure.detail
            ),
        )

    def cancelled(self) -> tuple[Event, ...]:
        return self.death(CANCELLED)


class _TrackCommand(Command):
    server_id: UUID
    track_id: UUID
    item_id: str
    content_version: str
    profile: Profile = "fast"

    @property
    def subject(self) -> str:
        return f"track:{self.track_id}"

    def death(self, failure: Failure) -> tuple[Event, ...]:
        return (
            events.TrackAnalysisFailed(
                run_id=self.run_id,
                server_id=self.server_id,
                track_id=self.track_id,
                content_version=self.content_version,
                reason=failure.reason,
                detail=failure.detail,
                permanent=failure.permanent,
            ),
        )

    def cancelled(self) -> tuple[Event, ...]:
        return (
            events.TrackAnalysisSkipped(
                run_id=self.run_id, server_id=self.server_id, track_id=self.track_id, reason="cancelled"
            ),
        )


class FetchAudio(_TrackCommand):
    """Put one track's original bytes where an analyzer can read them."""

    wire_type: ClassVar[str] = "track.fetch_audio"
    service: ClassVar[str] = "fetcher"
    suffix: str = ""
    size_bytes: int | None = None


class AnalyzeTrack(_TrackCommand):
    """Decode one track and describe how it sounds."""

    wire_type: ClassVar[str] = "track.analyze"
    service: ClassVar[str] = "analyzer"
    audio: AudioRef
    fetch_s: float = 0.0

    def again(self) -> Command:
        """Downloaded audio expires, so a retry fetches it anew."""
        if not self.audio.owned:
            return self
        return FetchAudio(
            run_id=self.run_id,
            server_id=self.server_id,
            track_id=self.track_id,
            item_id=self.item_id,
            content_version=self.content_version,
            profile=self.profile,
            suffix=self.audio.suffix,
            size_bytes=self.audio.size_bytes,
        )
