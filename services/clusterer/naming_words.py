"""The words that names of playlists are made of, one table for each place in a name.

A name reads: how it is (``ADJECTIVES``), when it is from, what it is (``GENRES`` or ``INSTRUMENTS``), what one hears in
it (``HEARD``), what it is good for (``MOMENTS``). "Slow 70s soul at night" has four of the five. Labels are those of
``shared.tagwords``; a label in no table never gets into a name.
"""

from __future__ import annotations

from collections.abc import Mapping

GENRES: Mapping[str, tuple[str, float]] = {
    # label: (the noun, how much it tells: a word for half of all music has to be more audible to be chosen)
    "rock": ("rock", 0.7),
    "pop": ("pop", 0.7),
    "alternative": ("alternative", 0.6),
    "alternative rock": ("alternative rock", 0.8),
    "indie": ("indie", 0.65),
    "indie rock": ("indie rock", 0.8),
    "indie pop": ("indie pop", 0.9),
    "electronic": ("electronic music", 0.7),
    "electro": ("electro", 0.9),
    "techno": ("techno", 1.0),
    "house": ("house", 1.0),
    "dance": ("dance music", 0.9),
    "ambient": ("ambient", 1.0),
    "new age": ("new age", 0.9),
    "jazz": ("jazz", 1.0),
    "blues": ("blues", 1.0),
    "soul": ("soul", 1.0),
    "funk": ("funk", 1.0),
    "R&B": ("R&B", 1.0),
    "hip-hop": ("hip-hop", 1.1),
    "metal": ("metal", 1.0),
    "heavy metal": ("heavy metal", 1.0),
    "hard rock": ("hard rock", 0.9),
    "classic rock": ("classic rock", 0.9),
    "progressive rock": ("progressive rock", 0.9),
    "punk": ("punk", 1.0),
    "folk": ("folk", 1.0),
    "country": ("country", 1.0),
    "classical": ("classical music", 1.0),
    "opera": ("opera", 1.0),
    "Indian": ("Indian music", 0.8),
    "experimental": ("experimental music", 0.8),
    "easy listening": ("easy listening", 0.7),
}

BEFORE_NOUN: Mapping[str, str] = {"electronic": "electronic", "classical": "classical", "Indian": "Indian"}
"""How a genre stands before another noun, where that is not the noun itself: "classical strings"."""

INSTRUMENTS: Mapping[str, tuple[str, float]] = {
    "guitar": ("guitar", 0.75),
    "strings": ("strings", 0.85),
    "drums": ("drums", 0.6),
    "piano": ("piano", 1.0),
    "violin": ("violin", 0.65),
    "cello": ("cello", 0.8),
    "synth": ("synths", 0.7),
    "harpsichord": ("harpsichord", 1.0),
    "harp": ("harp", 1.0),
    "flute": ("flute", 0.9),
    "sitar": ("sitar", 1.0),
    "choir": ("choirs", 0.9),
    "beat": ("beats", 0.6),
}

HEARD: Mapping[str, str] = {
    # label: what follows "with"
    "guitar": "guitars",
    "strings": "strings",
    "drums": "drums",
    "piano": "piano",
    "violin": "violins",
    "cello": "cellos",
    "synth": "synths",
    "harpsichord": "harpsichord",
    "harp": "harps",
    "flute": "flutes",
    "sitar": "sitar",
    "choir": "choirs",
    "beat": "beats",
    "female voice": "female voices",
    "male voice": "male voices",
}

ADJECTIVES: Mapping[str, str] = {
    "beautiful": "Beautiful",
    "chilled": "Chilled",
    "mellow": "Mellow",
    "sexy": "Sultry",
    "catchy": "Catchy",
    "sad": "Wistful",
    "happy": "Happy",
    "slow": "Slow",
    "fast": "Fast",
    "loud": "Loud",
    "quiet": "Quiet",
    "soft": "Soft",
    "weird": "Playful",
    "acoustic": "Acoustic",
    "instrumental": "Instrumental",
    "oldies": "Vintage",
}

CALM = frozenset({"chilled", "mellow", "quiet", "soft", "slow"})
LIVELY = frozenset({"fast", "loud"})
"""Adjectives that are not believed when what was measured says the opposite."""

PAIRS = frozenset(
    (genre, instrument)
    for genre, instruments in {
        "classical": ("strings", "piano", "violin", "cello", "harp", "flute", "guitar", "harpsichord", "choir"),
        "jazz": ("piano", "guitar", "flute"),
        "blues": ("guitar", "piano"),
        "folk": ("guitar", "violin", "flute", "harp"),
        "country": ("guitar",),
        "ambient": ("piano", "synth", "guitar", "strings"),
        "new age": ("piano", "harp", "flute"),
        "electronic": ("beat", "synth"),
        "techno": ("beat",),
        "Indian": ("sitar", "flute"),
    }.items()
    for instrument in instruments
)
"""Genres and instruments that stand together: "jazz piano", not "jazz with piano"."""

_BAND = frozenset({"guitar", "drums", "loud"})
_MACHINES = frozenset({"beat", "drums", "synth", "instrumental"})
_ORCHESTRA = frozenset({"strings", "violin", "cello", "instrumental", "choir"})
OBVIOUS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("metal", "heavy metal", "hard rock", "punk"), _BAND),
    **dict.fromkeys(("rock", "classic rock", "progressive rock", "alternative rock", "indie rock"), _BAND - {"loud"}),
    **dict.fromkeys(("techno", "house", "electro", "dance", "electronic"), _MACHINES),
    **dict.fromkeys(("hip-hop", "R&B"), frozenset({"beat", "drums", "male voice"})),
    **dict.fromkeys(("ambient", "new age"), frozenset({"instrumental", "synth"})),
    "classical": _ORCHESTRA - {"choir"},
    "opera": _ORCHESTRA | {"female voice", "male voice"},
    "Indian": frozenset({"sitar"}),
    "blues": frozenset({"guitar"}),
    "country": frozenset({"guitar"}),
    "jazz": frozenset({"instrumental"}),
    # Instruments, when they are the noun.
    "strings": _ORCHESTRA,
    "violin": _ORCHESTRA - {"choir"},
    "cello": _ORCHESTRA - {"choir"},
    "choir": frozenset({"female voice", "male voice", "instrumental"}),
    "drums": frozenset({"beat", "instrumental"}),
    "beat": frozenset({"drums", "instrumental"}),
    **dict.fromkeys(("guitar", "piano", "harp", "harpsichord", "flute", "sitar", "synth"), frozenset({"instrumental"})),
}
"""What goes without saying of a genre or an instrument: no "metal with guitars"."""

LOUD_GENRES = frozenset({"rock", "metal", "heavy metal", "hard rock", "punk", "classic rock", "alternative rock"})
DANCE_GENRES = frozenset(
    {"techno", "house", "dance", "electro", "electronic", "funk", "hip-hop", "R&B", "pop", "soul", "indie pop"}
)
ROAD_GENRES = frozenset(
    {"rock", "classic rock", "country", "blues", "folk", "alternative rock", "indie rock", "pop", "soul", "indie"}
)

MOMENTS: Mapping[str, str] = {
    "night": "at night",
    "morning": "for slow mornings",
    "dancing": "for dancing",
    "loud": "at full volume",
    "going": "to get going",
    "road": "for the road",
    "evening": "for the evening",
}
ANYTHING = "Mixed tracks"
"""What is called by nothing else."""
