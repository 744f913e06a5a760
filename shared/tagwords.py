"""The 100 tag probabilities as words for people: a label, a family, and which tags say the same thing.

Two models name the same sound in two ways (``msd:rock``, ``mtt:rock``), and one of them in several ("female",
"female voice", "woman"). Tags with one label count as one: the most telling of them speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from shared.embedding import TAGS

Family = Literal["genre", "mood", "instrument", "voice", "era", "other"]

_LABELS: Mapping[Family, Mapping[str, tuple[str, ...]]] = {
    "genre": {
        "rock": ("msd:rock", "mtt:rock"),
        "pop": ("msd:pop", "mtt:pop"),
        "alternative": ("msd:alternative",),
        "alternative rock": ("msd:alternative rock",),
        "indie": ("msd:indie",),
        "indie rock": ("msd:indie rock",),
        "indie pop": ("msd:indie pop",),
        "electronic": ("msd:electronic", "mtt:electronic", "msd:electronica"),
        "electro": ("msd:electro",),
        "techno": ("mtt:techno",),
        "house": ("msd:House",),
        "dance": ("msd:dance", "mtt:dance"),
        "ambient": ("msd:ambient", "mtt:ambient"),
        "new age": ("mtt:new age",),
        "jazz": ("msd:jazz",),
        "blues": ("msd:blues",),
        "soul": ("msd:soul",),
        "funk": ("msd:funk",),
        "R&B": ("msd:rnb",),
        "hip-hop": ("msd:Hip-Hop",),
        "metal": ("msd:metal", "mtt:metal"),
        "heavy metal": ("msd:heavy metal",),
        "hard rock": ("msd:hard rock",),
        "classic rock": ("msd:classic rock",),
        "progressive rock": ("msd:Progressive rock",),
        "punk": ("msd:punk",),
        "folk": ("msd:folk",),
        "country": ("msd:country", "mtt:country"),
        "classical": ("mtt:classical", "mtt:classic"),
        "opera": ("mtt:opera",),
        "Indian": ("mtt:indian",),
        "experimental": ("msd:experimental",),
        "easy listening": ("msd:easy listening",),
    },
    "mood": {
        "beautiful": ("msd:beautiful",),
        "chilled": ("msd:chillout", "msd:chill"),
        "mellow": ("msd:Mellow",),
        "party": ("msd:party",),
        "sexy": ("msd:sexy",),
        "catchy": ("msd:catchy",),
        "sad": ("msd:sad",),
        "happy": ("msd:happy",),
        "slow": ("mtt:slow",),
        "fast": ("mtt:fast",),
        "loud": ("mtt:loud",),
        "quiet": ("mtt:quiet",),
        "soft": ("mtt:soft",),
        "weird": ("mtt:weird",),
    },
    "instrument": {
        "guitar": ("msd:guitar", "mtt:guitar"),
        "acoustic": ("msd:acoustic",),
        "strings": ("mtt:strings",),
        "drums": ("mtt:drums",),
        "piano": ("mtt:piano",),
        "violin": ("mtt:violin",),
        "cello": ("mtt:cello",),
        "synth": ("mtt:synth",),
        "harpsichord": ("mtt:harpsichord",),
        "harp": ("mtt:harp",),
        "flute": ("mtt:flute",),
        "sitar": ("mtt:sitar",),
    },
    "voice": {
        "female voice": (
            "msd:female vocalists",
            "msd:female vocalist",
            "mtt:female",
            "mtt:woman",
            "mtt:female voice",
            "mtt:female vocal",
        ),
        "male voice": ("msd:male vocalists", "mtt:male", "mtt:man", "mtt:male vocal", "mtt:male voice"),
        "singing": ("mtt:singing", "mtt:vocal", "mtt:vocals", "mtt:voice"),
        "choir": ("mtt:choir", "mtt:choral"),
        "instrumental": ("msd:instrumental", "mtt:no vocals", "mtt:no vocal", "mtt:no voice"),
    },
    "era": {
        "60s": ("msd:60s",),
        "70s": ("msd:70s",),
        "80s": ("msd:80s",),
        "90s": ("msd:90s",),
        "2000s": ("msd:00s",),
        "oldies": ("msd:oldies",),
    },
    "other": {
        "beat": ("mtt:beat", "mtt:beats"),
        "solo": ("mtt:solo",),
    },
}


@dataclass(frozen=True, slots=True)
class TagInfo:
    """How one of ``shared.embedding.TAGS`` is shown."""

    tag: str
    label: str
    family: Family


def _by_tag() -> Mapping[str, TagInfo]:
    return MappingProxyType(
        {
            tag: TagInfo(tag, label, family)
            for family, labels in _LABELS.items()
            for label, tags in labels.items()
            for tag in tags
        }
    )


TAG_INFO = _by_tag()
INFO = tuple(TAG_INFO[tag] for tag in TAGS)
"""In the order of the probabilities."""
