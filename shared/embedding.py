"""The bytes of a track's embedding and tag probabilities, as they travel beside a ``TrackAnalyzed``.

Layout: 500 little-endian IEEE half floats. The first 400 are the embedding (unit length before rounding), the last
100 are tag probabilities in the order of ``MSD_TAGS`` then ``MTT_TAGS``. Half floats move a cosine by less than 1e-6.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EMBEDDING_SIZE = 400
TAG_COUNT = 100
SPACE = "musicnn-msd-mtt-1"
"""Fixes length, order and meaning of the vector; a change of any of them is a new name."""

FEATURE_VERSION = 1
"""Version of what a ``TrackAnalyzed`` says; raised when a descriptor changes, so that tracks are analysed anew."""

AUDIOMUSE_SPACE = "audiomuse-msd-200"
"""The vectors that AudioMuse-AI keeps: the Million Song network alone, every window at the file's own level, not
standardised. They cannot be compared with those of ``SPACE``, only with each other."""
AUDIOMUSE_SIZE = 200

FloatArray = npt.NDArray[np.float32]

# fmt: off
MSD_TAGS = (
    "rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock",
    "jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow",
    "electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock",
    "ambient", "acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country",
    "easy listening", "sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb",
    "indie pop", "sad", "House", "happy",
)
MTT_TAGS = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano",
    "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals",
    "no vocals", "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar",
    "solo", "man", "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats",
    "harp", "cello", "no voice", "weird", "country", "metal", "female voice", "choral",
)
# fmt: on
TAGS = (*(f"msd:{name}" for name in MSD_TAGS), *(f"mtt:{name}" for name in MTT_TAGS))
"""Names of the 100 tag probabilities; the prefix tells which model says it, since some words are in both."""


def pack(embedding: FloatArray, tags: FloatArray) -> bytes:
    """``embedding`` [400] and ``tags`` [100] -> 1,000 bytes. Raises ``ValueError`` on another shape or on a NaN."""
    if embedding.shape != (EMBEDDING_SIZE,) or tags.shape != (TAG_COUNT,):
        raise ValueError(f"expected shapes (400,) and (100,), got {embedding.shape} and {tags.shape}")
    whole = np.concatenate([embedding, tags])
    if not np.isfinite(whole).all():
        raise ValueError("an embedding or a tag probability is not finite")
    return whole.astype("<f2").tobytes()


def unpack(blob: bytes) -> tuple[FloatArray, FloatArray]:
    """The inverse of ``pack``: (embedding [400], tags [100]), float32."""
    whole = np.frombuffer(blob, "<f2").astype(np.float32)
    if whole.shape != (EMBEDDING_SIZE + TAG_COUNT,):
        raise ValueError(f"expected 1000 bytes, got {len(blob)}")
    return whole[:EMBEDDING_SIZE], whole[EMBEDDING_SIZE:]


def read_audiomuse(blob: bytes) -> FloatArray:
    """The vector [200] of the bytes that AudioMuse-AI keeps, little-endian float32. Raises ``ValueError`` that says
    what is wrong with one that cannot be compared."""
    if len(blob) != 4 * AUDIOMUSE_SIZE:
        raise ValueError(f"the vector has {len(blob)} bytes instead of {4 * AUDIOMUSE_SIZE}")
    values = np.frombuffer(blob, "<f4")
    if not np.isfinite(values).all():
        raise ValueError("the vector holds NaN or infinity")
    if not values.any():
        raise ValueError("the vector is all zero")
    return values.astype(np.float32)
