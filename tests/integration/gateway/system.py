"""What the tests of the gateway say and see: events go into the log, answers come out of HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np

from services.gateway.state import Gateway
from shared import positions
from shared.embedding import EMBEDDING_SIZE, SPACE, TAG_COUNT, TAGS, FloatArray, pack
from shared.events import (
    AnalysisRequested,
    AnalysisRunCompleted,
    AnalysisRunStarted,
    Event,
    LibraryTrack,
    ServerAdded,
    TrackAnalyzed,
    TracksDiscovered,
)
from shared.messages import Envelope, uuid7, wrap
from shared.settings import Settings
from shared.streams import Unit
from tests.given import RUN, SERVER, track
from tests.integration.gateway.api import Answer, Api


@dataclass(frozen=True)
class System:
    """A gateway and the way to talk to it."""

    settings: Settings
    gateway: Gateway
    api: Api

    async def tell(self, *events: Event | Envelope[Any]) -> str:
        """Append events; the position at which all of them can be seen."""
        envelopes = [event if isinstance(event, Envelope) else wrap(event) for event in events]
        appended = await self.gateway.streams.log.append(Unit(id=uuid7(), events=envelopes))
        return positions.text(appended.position)

    async def get(self, path: str, **query: Any) -> Any:
        """The body of an answer that must be a success."""
        answer: Answer = await self.api.get(path, **query)
        assert answer.status == 200, answer
        return answer.body


def folder(path: str = "/music", server: UUID = SERVER, name: str = "Music") -> ServerAdded:
    return ServerAdded(server_id=server, server_type="folder", name=name, path=path)


def song(number: int, **facts: Any) -> LibraryTrack:
    """The description of the test track with this number."""
    described = {
        "track_id": track(number),
        "item_id": f"{number} song.flac",
        "content_version": "1",
        "meta_version": "1",
        "title": f"Song {number:04}",
        "artist": f"Artist {number % 7}",
        "album": f"Album {number % 7}",
        "year": 1990 + number % 30,
        "track_number": number,
        "duration_s": 180.0 + number,
        "suffix": "flac",
        **facts,
    }
    return LibraryTrack.model_validate(described)


def discovered(*songs: LibraryTrack, server: UUID = SERVER, run: UUID = RUN) -> TracksDiscovered:
    return TracksDiscovered(run_id=run, server_id=server, tracks=songs)


def direction(number: int, towards: int | None = None, share: float = 0.0) -> FloatArray:
    """A unit vector of its own for each number, leaning by ``share`` towards that of another."""
    vector = np.random.default_rng(number).standard_normal(EMBEDDING_SIZE)
    if towards is not None:
        other = np.random.default_rng(towards).standard_normal(EMBEDDING_SIZE)
        vector = (1 - share) * vector / np.linalg.norm(vector) + share * other / np.linalg.norm(other)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def tags(**probabilities: float) -> FloatArray:
    """Tag probabilities by name, with ``__`` for the colon."""
    found = np.full(TAG_COUNT, 0.01, np.float32)
    for name, value in probabilities.items():
        found[TAGS.index(name.replace("__", ":"))] = value
    return found


def analysed(
    number: int,
    vector: FloatArray | None = None,
    heard: FloatArray | None = None,
    *,
    run: UUID = RUN,
    server: UUID = SERVER,
    **sound: Any,
) -> Envelope[TrackAnalyzed]:
    """The test track with this number was analysed."""
    values = {
        "run_id": run,
        "server_id": server,
        "track_id": track(number),
        "content_version": "1",
        "profile": "fast",
        "feature_version": 1,
        "space": SPACE,
        "audio_hash": f"{number:032x}",
        "duration_s": 180.0,
        "tempo_bpm": 72.0,
        "tempo_confidence": 0.8,
        "key": "A",
        "scale": "minor",
        "key_confidence": 0.7,
        "loudness_lufs": -14.5,
        "energy": 0.4,
        "brightness": 0.3,
        "patches": 12,
        "decoder": "test",
        "stages_s": {"fetch": 0.1, "decode": 0.5, "embedding": 0.9},
        **sound,
    }
    blob = pack(vector if vector is not None else direction(number), heard if heard is not None else tags())
    return wrap(TrackAnalyzed.model_validate(values), blob=blob)


def asked(run: UUID = RUN, servers: Sequence[UUID] = (SERVER,)) -> tuple[AnalysisRequested, AnalysisRunStarted]:
    """A run was requested, and has begun."""
    return (
        AnalysisRequested(run_id=run, server_ids=tuple(servers)),
        AnalysisRunStarted(run_id=run, server_ids=tuple(servers)),
    )


def completed(run: UUID = RUN) -> AnalysisRunCompleted:
    return AnalysisRunCompleted(run_id=run, state="completed", discovered=0, analysed=0, skipped=0, failed=0)
