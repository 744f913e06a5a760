"""Every event: what has happened. Past tense, frozen, with a literal wire type that never changes.

A new field must be optional; anything else needs a new version and an upcast (``shared.upcasts``).
"""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.messages import Catalogue, Message

Profile = Literal["fast", "full"]
Scope = Literal["needed", "all", "failed"]
ServerType = Literal["folder", "subsonic"]
RunState = Literal["requested", "running", "paused", "completed", "cancelled", "failed"]


class Event(Message):
    """Something that happened."""


class _ServerEvent(Event):
    server_id: UUID

    @property
    def subject(self) -> str:
        return f"server:{self.server_id}"


class _RunEvent(Event):
    run_id: UUID

    @property
    def subject(self) -> str:
        return f"run:{self.run_id}"


class _TrackEvent(Event):
    run_id: UUID
    server_id: UUID
    track_id: UUID

    @property
    def subject(self) -> str:
        return f"track:{self.track_id}"


# --- servers -----------------------------------------------------------------------------------


class ServerAdded(_ServerEvent):
    """A library was connected. ``secret_id`` refers to the encrypted credentials, which are never in an event."""

    wire_type: ClassVar[str] = "server.added"
    server_type: ServerType
    name: str
    path: str | None = None
    url: str | None = None
    username: str | None = None
    secret_id: UUID | None = None


class ServerChanged(_ServerEvent):
    """Name, address or login of a server was replaced; the fields hold the new whole."""

    wire_type: ClassVar[str] = "server.changed"
    name: str
    path: str | None = None
    url: str | None = None
    username: str | None = None
    secret_id: UUID | None = None


class ServerRemoved(_ServerEvent):
    """A library was disconnected: its tracks leave every view."""

    wire_type: ClassVar[str] = "server.removed"


# --- library -----------------------------------------------------------------------------------


class LibraryTrack(BaseModel):
    """A track as its server describes it.

    ``item_id`` is the server's own id, ``content_version`` changes when the bytes change, ``meta_version`` when the
    description does.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    track_id: UUID
    item_id: str
    content_version: str
    meta_version: str
    title: str
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None
    disc_number: int | None = None
    duration_s: float | None = None
    size_bytes: int | None = None
    suffix: str | None = None


class LibraryScanStarted(_RunEvent):
    wire_type: ClassVar[str] = "library.scan_started"
    server_id: UUID


class TracksDiscovered(_RunEvent):
    """One page of a library: ``tracks`` are new or changed, ``unchanged`` are known as they are.

    Within one run a track appears in at most one such event.
    """

    wire_type: ClassVar[str] = "library.tracks_discovered"
    server_id: UUID
    tracks: tuple[LibraryTrack, ...] = Field(default=(), max_length=1000)
    unchanged: tuple[UUID, ...] = Field(default=(), max_length=1000)
    problems: tuple[str, ...] = ()
    """Items that were seen and left out, each with its reason, e.g. a link that leads out of the library."""


class TracksRemoved(_RunEvent):
    """Tracks that a complete listing no longer contains."""

    wire_type: ClassVar[str] = "library.tracks_removed"
    server_id: UUID
    track_ids: tuple[UUID, ...] = Field(max_length=1000)


class LibraryScanCompleted(_RunEvent):
    """The listing reached its end. ``total`` counts distinct tracks."""

    wire_type: ClassVar[str] = "library.scan_completed"
    server_id: UUID
    total: int = Field(ge=0)
    incomplete: bool = False
    """A part of the library could not be listed; nothing was removed."""


class LibraryScanFailed(_RunEvent):
    """The listing broke off (reason ``cancelled`` when somebody asked for it). Nothing is removed on its account."""

    wire_type: ClassVar[str] = "library.scan_failed"
    server_id: UUID
    reason: str
    detail: str


# --- analysis ----------------------------------------------------------------------------------


class AnalysisRequested(_RunEvent):
    wire_type: ClassVar[str] = "analysis.requested"
    server_ids: tuple[UUID, ...]
    profile: Profile = "fast"
    scope: Scope = "needed"


class AnalysisRunStarted(_RunEvent):
    wire_type: ClassVar[str] = "analysis.run_started"
    server_ids: tuple[UUID, ...]
    profile: Profile = "fast"
    scope: Scope = "needed"


class TrackAnalyzed(_TrackEvent):
    """Everything Starling knows about how one track sounds; complete or absent.

    The envelope's blob holds embedding and tag probabilities (``shared.embedding``).
    """

    wire_type: ClassVar[str] = "track.analyzed"
    content_version: str
    profile: Profile
    feature_version: int
    """Version of the whole feature set: two versions are never compared."""
    space: str
    """Name of the vector space, e.g. ``musicnn-msd-mtt-1``."""
    audio_hash: str
    """BLAKE2b-128 (hex) of the decoded audio."""
    duration_s: float
    tempo_bpm: float | None = None
    """None for silence or when no pulse can be found."""
    tempo_confidence: float = Field(0.0, ge=0, le=1)
    key: str | None = None
    """C, C#, D, D#, E, F, F#, G, G#, A, A# or B."""
    scale: Literal["major", "minor"] | None = None
    key_confidence: float = Field(0.0, ge=0, le=1)
    tuning_cents: float = 0.0
    loudness_lufs: float | None = None
    """Integrated loudness (ITU-R BS.1770-4); None for silence."""
    energy: float = Field(0.0, ge=0, le=1)
    brightness: float = Field(0.0, ge=0, le=1)
    silence_s: float = 0.0
    """Seconds below the silence gate, lead-in and lead-out included."""
    silent: bool = False
    patches: int = 0
    """How many 3 s windows the embedding is the mean of."""
    decoder: str = ""
    stages_s: dict[str, float] = Field(default_factory=dict)
    """Seconds spent per stage: fetch, decode, tempo, key, loudness, embedding."""


class TrackAnalysisFailed(_TrackEvent):
    """The track could not be analysed. ``permanent``: the file itself is at fault, trying again is useless."""

    wire_type: ClassVar[str] = "track.analysis_failed"
    content_version: str | None = None
    reason: str
    detail: str
    permanent: bool = False


class TrackAnalysisSkipped(_TrackEvent):
    """The track needed no work: ``unchanged``, ``unreadable_before``, ``not_selected`` or ``cancelled``."""

    wire_type: ClassVar[str] = "track.analysis_skipped"
    reason: str


class AnalysisRunCompleted(_RunEvent):
    """Every track of the run has had its terminal event: discovered = analysed + skipped + failed."""

    wire_type: ClassVar[str] = "analysis.run_completed"
    state: Literal["completed", "cancelled", "failed"]
    discovered: int
    analysed: int
    skipped: int
    failed: int


class RunCancelled(_RunEvent):
    wire_type: ClassVar[str] = "run.cancelled"


class RunPaused(_RunEvent):
    wire_type: ClassVar[str] = "run.paused"


class RunResumed(_RunEvent):
    wire_type: ClassVar[str] = "run.resumed"


# --- operations --------------------------------------------------------------------------------


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


EVENTS = Catalogue(
    "event",
    (
        ServerAdded,
        ServerChanged,
        ServerRemoved,
        LibraryScanStarted,
        TracksDiscovered,
        TracksRemoved,
        LibraryScanCompleted,
        LibraryScanFailed,
        AnalysisRequested,
        AnalysisRunStarted,
        TrackAnalyzed,
        TrackAnalysisFailed,
        TrackAnalysisSkipped,
        AnalysisRunCompleted,
        RunCancelled,
        RunPaused,
        RunResumed,
        CommandFailed,
        CommandRetried,
    ),
)
