"""What the analyzer does with its one command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.analyzer.analysis import Analysis
from services.analyzer.pool import AnalysisStopped, AnalyzerPool
from shared import embedding
from shared.audio_store import AudioSource
from shared.commands import AnalyzeTrack, Command
from shared.events import TrackAnalyzed
from shared.messages import Outcome, wrap
from shared.worker import Context, Handler


@dataclass(frozen=True, slots=True)
class Means:
    """What the handlers work with."""

    pool: AnalyzerPool
    store: AudioSource


async def analyze_track(command: AnalyzeTrack, ctx: Context[Means]) -> Outcome:
    """Decode and describe one track in a child process; long ones are given up when their run is cancelled."""
    try:
        async with ctx.deps.store.open_local(command.audio) as path:
            analysis = await ctx.deps.pool.analyze(path, command.profile, command.audio.suffix, ctx.cancelled)
    except AnalysisStopped:
        return Outcome(events=tuple(wrap(event) for event in command.cancelled()))
    blob = embedding.pack(analysis.embedding, analysis.tags)
    return Outcome(events=(wrap(analyzed(command, analysis), blob=blob),))


def analyzed(command: AnalyzeTrack, analysis: Analysis) -> TrackAnalyzed:
    """The event that says how the track sounds."""
    scalars = asdict(analysis)
    del scalars["embedding"], scalars["tags"]
    stages = {"fetch": command.fetch_s, **scalars.pop("stages_s")}
    return TrackAnalyzed(
        run_id=command.run_id,
        server_id=command.server_id,
        track_id=command.track_id,
        content_version=command.content_version,
        profile=command.profile,
        feature_version=embedding.FEATURE_VERSION,
        space=embedding.SPACE,
        stages_s={name: round(seconds, 4) for name, seconds in stages.items()},
        **scalars,
    )


async def drop_audio(command: Command, ctx: Context[Means]) -> None:
    """Downloaded audio has served its purpose once its command has ended."""
    if isinstance(command, AnalyzeTrack) and command.audio.owned:
        await ctx.deps.store.delete(command.audio)


HANDLERS: Mapping[type[Any], Handler[Means]] = {AnalyzeTrack: analyze_track}
