"""Events for tests, short to write."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np

from shared import embedding, events
from shared.events import LibraryTrack
from shared.messages import derived_id, track_id

SERVER = derived_id("telling", "server")
OTHER = derived_id("telling", "other server")
RUN = derived_id("telling", "run")


def added(server: UUID = SERVER, **fields: Any) -> events.ServerAdded:
    return events.ServerAdded.model_validate(
        {"server_id": server, "server_type": "folder", "name": "Music", "path": "/music", **fields}
    )


def removed(server: UUID = SERVER) -> events.ServerRemoved:
    return events.ServerRemoved(server_id=server)


def track(number: int, server: UUID = SERVER) -> UUID:
    return track_id(server, str(number))


def described(number: int, server: UUID = SERVER, **fields: Any) -> LibraryTrack:
    return LibraryTrack.model_validate(
        {
            "track_id": track(number, server),
            "item_id": str(number),
            "content_version": "1",
            "meta_version": "1",
            "title": f"Song {number}",
            **fields,
        }
    )


def discovered(*tracks: LibraryTrack, run: UUID = RUN, server: UUID = SERVER, **fields: Any) -> events.TracksDiscovered:
    return events.TracksDiscovered(run_id=run, server_id=server, tracks=tracks, **fields)


def gone(*numbers: int, server: UUID = SERVER) -> events.TracksRemoved:
    return events.TracksRemoved(
        run_id=RUN, server_id=server, track_ids=tuple(track(number, server) for number in numbers)
    )


def sound(direction: int = 0, tag: float = 0.5) -> bytes:
    """A vector along one axis, and the same probability for every tag."""
    vector = np.zeros(embedding.EMBEDDING_SIZE, np.float32)
    vector[direction] = 1.0
    return embedding.pack(vector, np.full(embedding.TAG_COUNT, tag, np.float32))


def analysed(
    number: int, *, run: UUID = RUN, server: UUID = SERVER, blob: bytes | None = None, **fields: Any
) -> tuple[events.TrackAnalyzed, bytes]:
    event = events.TrackAnalyzed.model_validate(
        {
            "run_id": run,
            "server_id": server,
            "track_id": track(number, server),
            "content_version": "1",
            "profile": "fast",
            "feature_version": 1,
            "space": embedding.SPACE,
            "audio_hash": "00ff",
            "duration_s": 100.0,
            **fields,
        }
    )
    return event, sound(number) if blob is None else blob


def imported(
    number: int, *, server: UUID = SERVER, axis: int = 0, blob: bytes | None = None, **fields: Any
) -> tuple[events.TrackAnalysisImported, bytes]:
    """What AudioMuse-AI had found out; its vector goes along one axis and is not of length one."""
    vector = np.zeros(embedding.AUDIOMUSE_SIZE, "<f4")
    vector[axis] = 7.5
    event = events.TrackAnalysisImported.model_validate(
        {
            "server_id": server,
            "track_id": track(number, server),
            "source": "audiomuse",
            "source_version": "item_id",
            "source_item_id": str(number),
            "digest": "ab" * 16,
            "space": embedding.AUDIOMUSE_SPACE,
            "tempo_bpm": 117.5,
            "key": "A#",
            "scale": "minor",
            "energy_rms": 0.08,
            "tags": {"msd:rock": 0.24},
            **fields,
        }
    )
    return event, vector.tobytes() if blob is None else blob


def failed(number: int, *, run: UUID = RUN, server: UUID = SERVER, **fields: Any) -> events.TrackAnalysisFailed:
    return events.TrackAnalysisFailed.model_validate(
        {
            "run_id": run,
            "server_id": server,
            "track_id": track(number, server),
            "content_version": "1",
            "reason": "corrupt",
            "detail": "The file breaks off.",
            **fields,
        }
    )


def skipped(number: int, reason: str = "unchanged", run: UUID = RUN) -> events.TrackAnalysisSkipped:
    return events.TrackAnalysisSkipped(run_id=run, server_id=SERVER, track_id=track(number), reason=reason)


def requested(run: UUID = RUN, *servers: UUID) -> events.AnalysisRequested:
    return events.AnalysisRequested(run_id=run, server_ids=servers or (SERVER,))


def started(run: UUID = RUN, *servers: UUID) -> events.AnalysisRunStarted:
    return events.AnalysisRunStarted(run_id=run, server_ids=servers or (SERVER,))


def listed(total: int, run: UUID = RUN, server: UUID = SERVER, **fields: Any) -> events.LibraryScanCompleted:
    return events.LibraryScanCompleted(run_id=run, server_id=server, total=total, **fields)


def not_listed(reason: str = "server_unavailable", run: UUID = RUN, server: UUID = SERVER) -> events.LibraryScanFailed:
    return events.LibraryScanFailed(run_id=run, server_id=server, reason=reason, detail="It does not answer.")


def ended(run: UUID = RUN, state: str = "completed", **totals: int) -> events.AnalysisRunCompleted:
    counts = {"discovered": 0, "analysed": 0, "skipped": 0, "failed": 0, **totals}
    return events.AnalysisRunCompleted.model_validate({"run_id": run, "state": state, **counts})
