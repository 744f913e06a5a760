"""Clusterings and playlists for tests of the gateway, as events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from shared.events import (
    ClusteringCompleted,
    ClusteringOptions,
    ClusteringProgressed,
    ClusteringRequested,
    ClusteringStarted,
    Configuration,
    Evaluation,
    Event,
    ManualRecipe,
    PlaylistFacts,
    PlaylistSaved,
    PlaylistsProposed,
    PlaylistSynced,
    Proposal,
    Score,
)
from shared.messages import derived_id
from tests.given import RUN, SERVER, track

DONE = derived_id("listening", "completed clustering")
WAITING = derived_id("listening", "clustering that has not begun")
SYNC = derived_id("listening", "sync")
PLAYLIST = derived_id("listening", "playlist")


def evaluation(number: int, total: float, algorithm: str = "kmeans") -> Evaluation:
    """One configuration and what came of it."""
    configuration = Configuration.model_validate(
        {"algorithm": algorithm, "space": "embedding", "dimensions": 8, "clusters": 4, "seed": number}
    )
    parts = dict.fromkeys(("separation", "purity", "diversity", "coverage", "sizes", "silhouette"), 0.5)
    return Evaluation(
        number=number, configuration=configuration, score=Score(total=total, clusters=4, unassigned=0.0, **parts)
    )


def clustered(run: UUID = DONE, **options: Any) -> ClusteringRequested:
    return ClusteringRequested(run_id=run, options=ClusteringOptions.model_validate(options), seed=7)


def searched(run: UUID = DONE) -> list[Event]:
    """Begun, and three configurations tried."""
    return [
        ClusteringStarted(run_id=run, tracks=6, without_embedding=1, sampled=6, algorithms=("kmeans", "gmm")),
        ClusteringProgressed(
            run_id=run, generation=0, batch=0, evaluations=(evaluation(0, 0.5), evaluation(1, 0.7, "gmm"))
        ),
        ClusteringProgressed(run_id=run, generation=1, batch=0, evaluations=(evaluation(2, 0.6),)),
    ]


def proposed(run: UUID = DONE, lists: tuple[tuple[int, ...], ...] = ((1, 2, 3), (4, 5))) -> list[Event]:
    """Begun, searched, and ended with a playlist for each of ``lists`` (numbers of tracks)."""
    proposals = tuple(
        Proposal(
            number=number,
            name=f"Slow soul {number}",
            track_ids=tuple(track(item) for item in items),
            facts=PlaylistFacts(tags=(("soul", 2.5),), years=(1970, 1979), artists=2),
        )
        for number, items in enumerate(lists)
    )
    completed = ClusteringCompleted(
        run_id=run, winner=evaluation(1, 0.68, "gmm"), playlists=len(lists), tracks=6, tracks_used=5
    )
    return [*searched(run), PlaylistsProposed(run_id=run, proposals=proposals), completed]


def playlist(number: int = 1, *tracks: int, **fields: Any) -> PlaylistSaved:
    """A playlist of some tracks as of version ``number``."""
    return PlaylistSaved.model_validate(
        {
            "playlist_id": PLAYLIST,
            "number": number,
            "name": "Soul",
            "recipe": ManualRecipe(),
            "track_ids": tuple(track(item) for item in tracks or (1, 2, 3)),
            "action": "created" if number == 1 else "edited",
            **fields,
        }
    )


def synced(server: UUID = SERVER, **fields: Any) -> PlaylistSynced:
    """The playlist is on a server."""
    return PlaylistSynced.model_validate(
        {
            "run_id": RUN,
            "playlist_id": PLAYLIST,
            "server_id": server,
            "number": 1,
            "remote_id": "r1",
            "remote_name": "Soul",
            "action": "created",
            "written": 3,
            **fields,
        }
    )
