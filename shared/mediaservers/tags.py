"""What an audio file says about itself, read with tinytag (pure Python: a broken file cannot crash the service).

Formats that tinytag does not know (ape, wv, mpc, tta, mka, raw aac) give no tags; the caller falls back on the name.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import BinaryIO, cast

from tinytag import TinyTag

from shared.mediaservers.descriptions import clean_text, join_texts, plain_lines, seconds, whole_number, year_of

MAX_BYTES = 32 * 1024 * 1024
"""How much of a file the tag reader may read; more is a cover the size of a film, or a file that leads in circles."""
MAX_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Tags:
    """The fields of a ``LibraryTrack`` that a file can fill."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    album_artist: str | None = None
    genre: str | None = None
    year: int | None = None
    track_number: int | None = None
    disc_number: int | None = None
    duration_s: float | None = None


class TooMuch(Exception):
    """The tag reader has read more, or for longer, than a sound file makes it."""


class _Bounded:
    """A file that stops a reader which goes on for too long."""

    def __init__(self, file: BinaryIO, deadline: float) -> None:
        self._file = file
        self._left = MAX_BYTES
        self._deadline = deadline

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            size = self._left + 1
        chunk = self._file.read(size)
        self._left -= len(chunk)
        self._check()
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        self._check()
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def _check(self) -> None:
        if self._left < 0 or time.monotonic() > self._deadline:
            raise TooMuch


def read_tags(file: BinaryIO, name: str) -> Tags:
    """The tags of an open file; empty ones where there are none or they cannot be read. Never raises on content.

    What the first bytes say about the format counts for more than the name; a file whose length cannot be found out
    may still have tags.
    """
    deadline = time.monotonic() + MAX_SECONDS
    for hint, duration in ((None, True), (None, False), (name, True), (name, False)):
        try:
            file.seek(0)
            bounded = cast(BinaryIO, _Bounded(file, deadline))
            return parse_tags(TinyTag.get(hint, file_obj=bounded, duration=duration))
        except Exception:  # noqa: S112 - a parser of foreign bytes may fail in every way there is
            continue
    return Tags()


def read_lyrics(file: BinaryIO, name: str) -> str | None:
    """The words of an open file as plain lines; None where there are none. Never raises on content."""
    deadline = time.monotonic() + MAX_SECONDS
    for hint in (None, name):
        try:
            file.seek(0)
            bounded = cast(BinaryIO, _Bounded(file, deadline))
            texts = TinyTag.get(hint, file_obj=bounded, duration=False).other.get("lyrics", [])
        except Exception:  # noqa: S112 - a parser of foreign bytes may fail in every way there is
            continue
        return next((words for words in map(plain_lines, map(str, texts)) if words), None)
    return None


def parse_tags(tag: TinyTag) -> Tags:
    """tinytag's fields, made safe; several artists or genres are joined with semicolons."""
    return Tags(
        title=clean_text(tag.title),
        artist=_joined(tag, "artist"),
        album=clean_text(tag.album),
        album_artist=_joined(tag, "albumartist"),
        genre=_joined(tag, "genre"),
        year=year_of(tag.year),
        track_number=whole_number(tag.track),
        disc_number=whole_number(tag.disc),
        duration_s=seconds(tag.duration),
    )


def _joined(tag: TinyTag, name: str) -> str | None:
    return join_texts([getattr(tag, name), *tag.other.get(name, [])])
