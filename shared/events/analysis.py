"""Events about analysis runs and their tracks."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import Event, Profile, RunEvent, Scope
from shared.events.clustering import ClusteringOptions


class _TrackEvent(Event):
    run_id: UUID
    server_id: UUID
    track_id: UUID

    @property
    def subject(self) -> str:
        return f"track:{self.track_id}"


class AnalysisRequested(RunEvent):
    wire_type: ClassVar[str] = "analysis.requested"
    server_ids: tuple[UUID, ...]
    profile: Profile = "fast"
    scope: Scope = "needed"
    then: ClusteringOptions | None = None
    """What is to be clustered when the run is complete."""


class AnalysisRunStarted(RunEvent):
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


ImportSource = Literal["audiomuse"]


class TrackAnalysisImported(Event):
    """What another program had found out about a track, taken over as it is.

    It never counts as an analysis: it stands in for one until Starling has listened itself. The envelope's blob is
    that program's vector in ``space``, little-endian float32; there is none where it had none.
    """

    wire_type: ClassVar[str] = "track.analysis_imported"
    server_id: UUID
    track_id: UUID
    source: ImportSource
    source_version: str
    """What of the source tells its release, e.g. the layout of its database."""
    source_item_id: str
    """What the source calls the track."""
    digest: str
    """BLAKE2b-128 (hex) of everything that was taken over: the same again is not said twice."""
    space: str | None = None
    """Name of the vector space, e.g. ``audiomuse-msd-200``; None without a vector."""
    tempo_bpm: float | None = None
    key: str | None = None
    """C, C#, D, D#, E, F, F#, G, G#, A, A# or B."""
    scale: Literal["major", "minor"] | None = None
    energy_rms: float | None = None
    """Mean RMS amplitude, full scale is 1: not the ``energy`` of ``TrackAnalyzed``."""
    tags: dict[str, float] = Field(default_factory=dict)
    """Probabilities of the tags that the source kept, by their names in ``shared.embedding.TAGS``."""

    @property
    def subject(self) -> str:
        return f"track:{self.track_id}"


class AnalysisRunCompleted(RunEvent):
    """Every track of the run has had its terminal event: discovered = analysed + skipped + failed."""

    wire_type: ClassVar[str] = "analysis.run_completed"
    state: Literal["completed", "cancelled", "failed"]
    discovered: int
    analysed: int
    skipped: int
    failed: int


class RunCancelled(RunEvent):
    wire_type: ClassVar[str] = "run.cancelled"


class RunPaused(RunEvent):
    wire_type: ClassVar[str] = "run.paused"


class RunResumed(RunEvent):
    wire_type: ClassVar[str] = "run.resumed"
