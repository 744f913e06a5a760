"""Messages for tests, with plausible contents."""

from __future__ import annotations

from uuid import UUID

from shared.commands import AnalyzeTrack, AudioRef, FetchAudio
from shared.messages import derived_id

RUN = derived_id("test", "run")
SERVER = derived_id("test", "server")


def track(number: int) -> UUID:
    """The id of the test track with this number."""
    return derived_id("test", "track", number)


def fetch_audio(number: int = 1, run: UUID = RUN) -> FetchAudio:
    """A command to fetch the test track with this number."""
    return FetchAudio(
        run_id=run, server_id=SERVER, track_id=track(number), item_id=f"{number}.ogg", content_version="1", suffix="ogg"
    )


def analyze_track(number: int = 1, run: UUID = RUN, *, owned: bool = False) -> AnalyzeTrack:
    """A command to analyse the test track with this number."""
    return AnalyzeTrack(
        run_id=run,
        server_id=SERVER,
        track_id=track(number),
        item_id=f"{number}.ogg",
        content_version="1",
        audio=AudioRef(uri=f"file:///music/{number}.ogg", size_bytes=1, owned=owned, suffix="ogg"),
    )
