"""Which files of a folder are music, and how a path becomes an id that survives JSON, Redis and PostgreSQL.

An item's id is its path inside the root, with ``/`` between the parts, as it is. Linux allows names that are not
UTF-8; such a path is percent-encoded as a whole and marked by a leading ``/``, which no relative path begins with.
"""

from __future__ import annotations

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes

AUDIO_TYPES = {
    "aac": "audio/aac",
    "aif": "audio/aiff",
    "aifc": "audio/aiff",
    "aiff": "audio/aiff",
    "alac": "audio/mp4",
    "ape": "audio/x-ape",
    "caf": "audio/x-caf",
    "flac": "audio/flac",
    "m4a": "audio/mp4",
    "m4b": "audio/mp4",
    "mka": "audio/x-matroska",
    "mp2": "audio/mpeg",
    "mp3": "audio/mpeg",
    "mp4": "audio/mp4",
    "mpc": "audio/x-musepack",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "spx": "audio/ogg",
    "tta": "audio/x-tta",
    "wav": "audio/wav",
    "wma": "audio/x-ms-wma",
    "wv": "audio/x-wavpack",
}
"""Suffixes of audio files, lower case, and the content types they are played as."""

_LEFT_OUT = frozenset(
    {"@eadir", "@recycle", "#recycle", "#snapshot", "lost+found", "$recycle.bin", "system volume information"}
)


def suffix_of(name: str) -> str:
    """The suffix in lower case without its dot; empty where there is none."""
    stem, dot, suffix = name.rpartition(".")
    return suffix.lower() if dot and stem else ""


def is_audio(name: str) -> bool:
    return suffix_of(name) in AUDIO_TYPES


def is_hidden(name: str) -> bool:
    """Dot files, and what NAS systems and file systems keep for themselves."""
    return name.startswith(".") or name.lower() in _LEFT_OUT


def to_item_id(relative: str) -> str:
    """``relative`` as ``os`` gives it (undecodable bytes as surrogates) -> text that is valid UTF-8."""
    try:
        relative.encode()
    except UnicodeEncodeError:
        return "/" + quote_from_bytes(os.fsencode(relative), safe="/")
    return relative


def from_item_id(item_id: str) -> str | None:
    """The inverse of ``to_item_id``; None for what cannot be a path inside a root."""
    try:
        relative = os.fsdecode(unquote_to_bytes(item_id[1:]) if item_id.startswith("/") else os.fsencode(item_id))
    except UnicodeEncodeError:
        return None
    parts = relative.split("/")
    if "\0" in relative or any(part in {"", ".", ".."} for part in parts):
        return None
    return relative
