"""One short line that says what two tracks have in common. Pure."""

from __future__ import annotations

from services.gateway.models.tracks import Analysis, ImportedAnalysis, Track
from services.gateway.tagging import AUDIBLE

_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_SURE = 0.3


def why(track: Track, other: Track) -> str:
    """Why ``other`` came up for ``track``, e.g. ``same slow piano mood, 72 BPM, from 1994``; at most three parts."""
    parts = [_tags(track, other), _tempo(track, other)]
    if track.analysis is not None and other.analysis is not None:
        parts.append(_key(track.analysis, other.analysis))
    parts.append(_year(track, other))
    said = [part for part in parts if part][:3]
    if len(said) < 2 and track.analysis is not None and other.analysis is not None:
        said += [part for part in (_energy(track.analysis, other.analysis),) if part]
    return ", ".join(said) or "a close match overall"


def _tags(track: Track, other: Track) -> str | None:
    """``same slow piano mood``: words that both share, at most two: a mood, else a voice or instrument, a genre."""
    theirs = {tag.label for tag in other.top_tags if tag.probability >= AUDIBLE}
    shared = [tag for tag in track.top_tags if tag.probability >= AUDIBLE and tag.label in theirs]
    chosen = [
        tag
        for families in (("mood",), ("instrument", "voice"), ("genre",))
        for tag in [tag for tag in shared if tag.family in families][:1]
    ][:2]
    if not chosen:
        return None
    noun = "mood" if any(tag.family == "mood" for tag in chosen) and chosen[-1].family != "genre" else "sound"
    return f"same {' '.join(tag.label for tag in chosen)} {noun}"


def _tempo(track: Track, other: Track) -> str | None:
    """Within 5 %, whoever listened."""
    one, two = (heard.tempo_bpm if heard else None for heard in (_heard(track), _heard(other)))
    if not one or not two or abs(one - two) > 0.05 * one:
        return None
    return f"{round(two)} BPM"


def _heard(track: Track) -> Analysis | ImportedAnalysis | None:
    return track.analysis or track.imported


def _key(one: Analysis, two: Analysis) -> str | None:
    if not one.key or not two.key or min(one.key_confidence, two.key_confidence) < _SURE:
        return None
    name = f"{two.key} {two.scale or ''}".strip()
    if (one.key, one.scale) == (two.key, two.scale):
        return f"same key ({name})"
    return f"related key ({name})" if _relative(one, two) else None


def _relative(one: Analysis, two: Analysis) -> bool:
    """A minor key and the major key three semitones above it share all their notes."""
    if {one.scale, two.scale} != {"major", "minor"} or one.key not in _NOTES or two.key not in _NOTES:
        return False
    minor, major = (one, two) if one.scale == "minor" else (two, one)
    return (_NOTES.index(str(minor.key)) + 3) % 12 == _NOTES.index(str(major.key))


def _year(track: Track, other: Track) -> str | None:
    if not track.year or not other.year:
        return None
    if track.year == other.year:
        return f"from {other.year}"
    if track.year // 10 == other.year // 10:
        return f"both from the {other.year // 10 * 10}s"
    return None


def _energy(one: Analysis, two: Analysis) -> str | None:
    if abs(one.energy - two.energy) > 0.08:
        return None
    return "similar energy"
