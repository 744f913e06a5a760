"""Every event: what has happened. Past tense, frozen, with a literal wire type that never changes.

A new field must be optional; anything else needs a new version and an upcast (``shared.upcasts``).
One module per family; everybody imports from here.
"""

from __future__ import annotations

from shared.events.accounts import AccountAdded, AccountChanged, AccountRemoved, TokenIssued, TokenRevoked
from shared.events.analysis import (
    AnalysisRequested,
    AnalysisRunCompleted,
    AnalysisRunStarted,
    RunCancelled,
    RunPaused,
    RunResumed,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
    TrackAnalyzed,
)
from shared.events.base import Event, Profile, RunState, Scope, ServerType
from shared.events.clustering import (
    ALGORITHMS,
    Algorithm,
    ClusteringBatchFailed,
    ClusteringCancelled,
    ClusteringCompleted,
    ClusteringFailed,
    ClusteringOptions,
    ClusteringProgressed,
    ClusteringRequested,
    ClusteringStarted,
    ClusterSpace,
    Configuration,
    Evaluation,
    KeepingFailed,
    PlaylistFacts,
    PlaylistsKept,
    PlaylistsProposed,
    Proposal,
    Score,
    ScoreWeights,
)
from shared.events.library import (
    LibraryScanCompleted,
    LibraryScanFailed,
    LibraryScanStarted,
    LibraryTrack,
    TracksDiscovered,
    TracksRemoved,
)
from shared.events.operations import CommandFailed, CommandRetried
from shared.events.playlists import (
    MOST_TRACKS,
    ClusterRecipe,
    ImportRecipe,
    ManualRecipe,
    PlaylistAction,
    PlaylistDeleted,
    PlaylistLocked,
    PlaylistRenamed,
    PlaylistSaved,
    Recipe,
    SimilarRecipe,
)
from shared.events.schedules import ScheduleFired, ScheduleKind, ScheduleParameters, ScheduleRemoved, ScheduleSet
from shared.events.servers import Login, ServerAdded, ServerChanged, ServerRemoved
from shared.events.syncing import (
    PlaylistSynced,
    PlaylistSyncFailed,
    PlaylistSyncSkipped,
    PlaysImported,
    PlaysImportFailed,
    RemotePlaylistRemoved,
    SyncCancelled,
    SyncCompleted,
    SyncFailed,
    SyncRequested,
    SyncStarted,
    SyncTarget,
    TrackPlays,
)
from shared.messages import Catalogue

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
        ClusteringRequested,
        ClusteringStarted,
        ClusteringProgressed,
        ClusteringBatchFailed,
        PlaylistsProposed,
        ClusteringCompleted,
        ClusteringFailed,
        ClusteringCancelled,
        PlaylistsKept,
        KeepingFailed,
        PlaylistSaved,
        PlaylistRenamed,
        PlaylistLocked,
        PlaylistDeleted,
        SyncRequested,
        SyncStarted,
        PlaylistSynced,
        PlaylistSyncSkipped,
        PlaylistSyncFailed,
        RemotePlaylistRemoved,
        SyncCompleted,
        SyncFailed,
        SyncCancelled,
        PlaysImported,
        PlaysImportFailed,
        ScheduleSet,
        ScheduleRemoved,
        ScheduleFired,
        CommandFailed,
        CommandRetried,
        AccountAdded,
        AccountChanged,
        AccountRemoved,
        TokenIssued,
        TokenRevoked,
    ),
)

__all__ = [
    "ALGORITHMS", "EVENTS", "MOST_TRACKS", "AccountAdded", "AccountChanged", "AccountRemoved", "Algorithm",
    "AnalysisRequested", "AnalysisRunCompleted", "AnalysisRunStarted", "ClusterRecipe", "ClusterSpace",
    "ClusteringBatchFailed", "ClusteringCancelled", "ClusteringCompleted", "ClusteringFailed", "ClusteringOptions",
    "ClusteringProgressed", "ClusteringRequested", "ClusteringStarted", "CommandFailed", "CommandRetried",
    "Configuration", "Evaluation", "Event", "ImportRecipe", "KeepingFailed", "LibraryScanCompleted",
    "LibraryScanFailed", "LibraryScanStarted", "LibraryTrack", "Login", "ManualRecipe", "PlaylistAction",
    "PlaylistDeleted", "PlaylistFacts", "PlaylistLocked", "PlaylistRenamed", "PlaylistSaved", "PlaylistSyncFailed",
    "PlaylistSyncSkipped", "PlaylistSynced", "PlaylistsKept", "PlaylistsProposed", "PlaysImportFailed", "PlaysImported",
    "Profile", "Proposal", "Recipe", "RemotePlaylistRemoved", "RunCancelled", "RunPaused", "RunResumed", "RunState",
    "ScheduleFired", "ScheduleKind", "ScheduleParameters", "ScheduleRemoved", "ScheduleSet", "Scope", "Score",
    "ScoreWeights", "ServerAdded", "ServerChanged", "ServerRemoved", "ServerType", "SimilarRecipe", "SyncCancelled",
    "SyncCompleted", "SyncFailed", "SyncRequested", "SyncStarted", "SyncTarget", "TokenIssued", "TokenRevoked",
    "TrackAnalysisFailed", "TrackAnalysisSkipped", "TrackAnalyzed", "TrackPlays", "TracksDiscovered", "TracksRemoved",
]  # fmt: skip
