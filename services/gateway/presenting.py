"""From rows to the tracks of the API. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.gateway.models.tracks import Analysis, ImportedAnalysis, TopTag, Track, TrackFailure
from services.gateway.tagging import TagStats, imported_tags, mood_strip, moods, read_tags, top_tags

if TYPE_CHECKING:
    from asyncpg import Record

TAGS_IN_LIST = 3
TAGS_IN_DETAIL = 12


def to_track(row: Record, stats: TagStats, tags: int = TAGS_IN_LIST) -> Track:
    """A row of ``queries.tracks`` with its ``tags`` most telling tags."""
    return to_tracks([row], stats, tags)[0]


def to_tracks(rows: Sequence[Record], stats: TagStats, tags: int = TAGS_IN_LIST) -> list[Track]:
    """The same for many; what can be computed for all of them at once is."""
    heard = [row for row in rows if row["tags"] is not None]
    probabilities = read_tags([row["tags"] for row in heard])
    sounds = zip(top_tags(probabilities, stats, tags), moods(probabilities), strict=True)
    found = {row["track_id"]: sound for row, sound in zip(heard, sounds, strict=True)}
    return [_track(row, found.get(row["track_id"]), tags) for row in rows]


def _track(row: Record, sound: tuple[list[TopTag], float] | None, tags: int) -> Track:
    analysis, imported = _analysis(row), _imported(row)
    strip = None
    if analysis is not None and sound is not None:
        strip = mood_strip(analysis.tempo_bpm, analysis.energy, analysis.brightness, sound[1])
    return Track(
        id=row["track_id"],
        server_id=row["server_id"],
        item_id=row["item_id"],
        title=row["title"],
        artist=row["artist"],
        album=row["album"],
        album_artist=row["album_artist"],
        genre=row["genre"],
        year=row["year"],
        track_number=row["track_number"],
        disc_number=row["disc_number"],
        duration_s=_rounded(row["duration_s"], 2),
        suffix=row["suffix"],
        status=row["status"],
        failure=_failure(row),
        analysis=analysis,
        imported=imported,
        analysis_source="starling" if analysis is not None else imported.source if imported is not None else None,
        top_tags=sound[0] if sound is not None else _imported_tags(row, tags) if imported is not None else [],
        mood_strip=strip,
    )


def _failure(row: Record) -> TrackFailure | None:
    if row["status"] != "failed":
        return None
    return TrackFailure(reason=row["failure_reason"], detail=row["failure_detail"])


def _analysis(row: Record) -> Analysis | None:
    if row["profile"] is None:
        return None
    return Analysis(
        profile=row["profile"],
        feature_version=row["feature_version"] or 0,
        analysed_at=row["analysed_at"],
        duration_s=_rounded(row["heard_s"], 2) or 0.0,
        tempo_bpm=_rounded(row["tempo_bpm"], 2),
        tempo_confidence=_share(row["tempo_confidence"]),
        key=row["key"],
        scale=row["scale"],
        key_confidence=_share(row["key_confidence"]),
        tuning_cents=_rounded(row["tuning_cents"], 1) or 0.0,
        loudness_lufs=_rounded(row["loudness_lufs"], 2),
        energy=_share(row["energy"]),
        brightness=_share(row["brightness"]),
        silence_s=_rounded(row["silence_s"], 2) or 0.0,
        silent=row["silent"],
        patches=row["patches"] or 0,
        decoder=row["decoder"],
        audio_hash=row["audio_hash"],
    )


def _imported(row: Record) -> ImportedAnalysis | None:
    """Only where Starling has not listened itself."""
    if row["import_source"] is None or row["profile"] is not None:
        return None
    return ImportedAnalysis(
        source=row["import_source"],
        imported_at=row["imported_at"],
        tempo_bpm=_rounded(row["import_tempo_bpm"], 2),
        key=row["import_key"],
        scale=row["import_scale"],
        energy_rms=_rounded(row["import_energy_rms"], 4),
    )


def _imported_tags(row: Record, tags: int) -> list[TopTag]:
    return imported_tags(json.loads(row["import_tags"]), tags)


def _rounded(value: float | None, digits: int) -> float | None:
    """Rows hold single precision; further digits are noise."""
    return None if value is None else round(value, digits)


def _share(value: float | None) -> float:
    return round(min(1.0, max(0.0, value or 0.0)), 4)
