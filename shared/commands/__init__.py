"""Every command: what somebody wants done. Imperative, frozen, each with the service that does it.

A command class names the event that its death means (``death``) and the one that its cancellation means
(``cancelled``), so that the totals of a run add up whatever happens. One module per family; all import from here.
"""

from __future__ import annotations

from shared.commands.analysis import AnalyzeTrack, AudioRef, FetchAudio, ScanLibraryPage, StartAnalysis
from shared.commands.base import CANCELLED, Command
from shared.commands.clustering import ComposePlaylists, EvaluateClusterings, KeepPlaylists, StartClustering
from shared.commands.syncing import ImportPlays, RemoveRemotePlaylist, StartSync, SyncPlaylist
from shared.messages import Catalogue

COMMANDS = Catalogue(
    "command",
    (
        StartAnalysis,
        ScanLibraryPage,
        FetchAudio,
        AnalyzeTrack,
        StartClustering,
        EvaluateClusterings,
        ComposePlaylists,
        KeepPlaylists,
        StartSync,
        SyncPlaylist,
        RemoveRemotePlaylist,
        ImportPlays,
    ),
)

SERVICES = ("fetcher", "analyzer", "clusterer", "syncer")

__all__ = [
    "CANCELLED", "COMMANDS", "SERVICES", "AnalyzeTrack", "AudioRef", "Command", "ComposePlaylists",
    "EvaluateClusterings", "FetchAudio", "ImportPlays", "KeepPlaylists", "RemoveRemotePlaylist", "ScanLibraryPage",
    "StartAnalysis", "StartClustering", "StartSync", "SyncPlaylist",
]  # fmt: skip
