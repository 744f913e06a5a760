"""The read models, one file each. A new one is added to ``PROJECTIONS``."""

from __future__ import annotations

from services.projector.projections.base import Projection, project
from services.projector.projections.clusterings import CLUSTERINGS
from services.projector.projections.playlist_links import PLAYLIST_LINKS
from services.projector.projections.playlists import PLAYLISTS
from services.projector.projections.runs import RUNS
from services.projector.projections.schedules import SCHEDULES
from services.projector.projections.servers import SERVERS
from services.projector.projections.syncs import SYNCS
from services.projector.projections.track_analysis import TRACK_ANALYSIS
from services.projector.projections.track_imports import TRACK_IMPORTS
from services.projector.projections.track_plays import TRACK_PLAYS
from services.projector.projections.track_vectors import TRACK_VECTORS
from services.projector.projections.tracks import TRACKS

__all__ = ["PROJECTIONS", "Projection", "project"]

PROJECTIONS = (
    SERVERS,
    TRACKS,
    TRACK_ANALYSIS,
    TRACK_IMPORTS,
    TRACK_VECTORS,
    TRACK_PLAYS,
    RUNS,
    CLUSTERINGS,
    PLAYLISTS,
    PLAYLIST_LINKS,
    SYNCS,
    SCHEDULES,
)
