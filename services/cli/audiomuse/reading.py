"""What AudioMuse-AI's columns mean, in Starling's words. Pure."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from typing import Any

from shared.embedding import MSD_TAGS, read_audiomuse

SLOWEST_BPM, FASTEST_BPM = 20.0, 400.0
_KEYS = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_FLATS = {"Db": "C#", "Eb": "D#", "Gb": "F#", "Ab": "G#", "Bb": "A#"}
_TAGS = {name.casefold(): f"msd:{name}" for name in MSD_TAGS}
_SQUEEZED = (0.5, 1 / (1 + math.exp(-1)) + 0.001)
"""What a probability becomes that went through the logistic function once more, with its rounding."""
_SUFFIX = re.compile(r"_automatic(?=$|[ _]*\(\d+\)$)")
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Refused(ValueError):
    """A row that cannot be taken over; ``str()`` says why."""


def to_track(row: Mapping[str, Any]) -> dict[str, Any]:
    """How a row describes its track. Raises ``Refused``."""
    if not row["item_id"]:
        raise Refused("it has no id")
    duration = row["duration"]
    usable = isinstance(duration, float) and math.isfinite(duration) and duration > 0
    described = {
        "item_id": row["item_id"],
        "path": row["file_path"],
        "title": row["title"],
        "artist": row["author"],
        "album": row["album"],
        "duration_s": duration if usable else None,
    }
    return {name: value for name, value in described.items() if value}


def to_analysis(row: Mapping[str, Any]) -> dict[str, Any]:
    """The same with what was found out about it. Raises ``Refused``."""
    found = {
        "tempo_bpm": tempo_of(row["tempo"]),
        "key": key_of(row["key"]),
        "scale": scale_of(row["scale"]),
        "energy_rms": energy_of(row["energy"]),
        "tags": tags_of(row["mood_vector"]),
        "vector": vector_of(row["embedding"]),
    }
    return to_track(row) | {name: value for name, value in found.items() if value is not None}


def tempo_of(tempo: float | None) -> float | None:
    """Beats per minute; 0 is what AudioMuse-AI writes where it finds no pulse. Raises ``Refused``."""
    if not tempo:
        return None
    if not SLOWEST_BPM <= tempo <= FASTEST_BPM:
        raise Refused(f"the tempo is not within {SLOWEST_BPM:g} to {FASTEST_BPM:g} BPM")
    return tempo


def key_of(key: str | None) -> str | None:
    """A key with sharps; older releases also wrote flats. Raises ``Refused``."""
    name = (key or "").strip()
    name = _FLATS.get(name, name)
    if name and name not in _KEYS:
        raise Refused("the key is not one of the twelve")
    return name or None


def scale_of(scale: str | None) -> str | None:
    """Raises ``Refused``."""
    name = (scale or "").strip().lower()
    if name not in ("", "major", "minor"):
        raise Refused("the scale is neither major nor minor")
    return name or None


def energy_of(energy: float | None) -> float | None:
    """Mean amplitude; what cannot be one is as good as missing."""
    return energy if energy is not None and 0 <= energy <= 1 else None


def tags_of(moods: str | None) -> dict[str, float]:
    """Probabilities by Starling's names of ``rock:0.559,indie:0.539``. Labels that are none of the network's are left
    out. Raises ``Refused``.

    AudioMuse-AI puts the network's probabilities through the logistic function again, so they lie within 0.5 and 0.73;
    that is undone. Rows of other releases, where any value is outside, hold probabilities as they are.
    """
    said = dict(_mood(part) for part in (moods or "").split(",") if part.strip())
    low, high = _SQUEEZED
    if said and all(low <= value <= high for value in said.values()):
        said = {name: min(1.0, math.log(value / (1 - value))) for name, value in said.items()}
    return {_TAGS[name]: round(value, 4) for name, value in said.items() if name in _TAGS and value > 0}


def _mood(part: str) -> tuple[str, float]:
    name, _, number = part.rpartition(":")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not name.strip() or ":" in name or not 0 <= value <= 1:
        raise Refused("the mood_vector cannot be read")
    return name.strip().casefold(), value


def vector_of(embedding: bytes | None) -> str | None:
    """In base64. Raises ``Refused``."""
    if embedding is None:
        return None
    try:
        read_audiomuse(embedding)
    except ValueError as error:
        raise Refused(str(error)) from None
    return base64.b64encode(embedding).decode()


def playlist_name(name: str) -> str:
    """A name without AudioMuse-AI's mark of what it made itself: ``Rock_Happy_automatic (2)`` is ``Rock_Happy (2)``."""
    return _UNSPEAKABLE.sub(" ", _SUFFIX.sub("", name)).strip()[:300] or "AudioMuse-AI"
