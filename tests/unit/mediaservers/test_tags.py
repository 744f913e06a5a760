"""Reading tags is bounded in bytes and time."""

from __future__ import annotations

import io
import time

import pytest
from tinytag import TinyTag

from shared.mediaservers import tags
from shared.mediaservers.tags import Tags, parse_tags, read_tags


class Endless(io.RawIOBase):
    """A file that never ends, and counts what is read of it."""

    def __init__(self, beginning: bytes) -> None:
        self.beginning = beginning
        self.position = 0
        self.total = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "nobody may read all of it"
        chunk = self.beginning[self.position : self.position + size].ljust(size, b"\xff")
        self.position += size
        self.total += size
        return chunk

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = {0: 0, 1: self.position, 2: 10**12}[whence] + offset
        return self.position

    def tell(self) -> int:
        return self.position


@pytest.mark.parametrize(
    "beginning", [b"ID3\x04\x00\x00\x7f\x7f\x7f\x7fTIT2", b"fLaC\x04\xff\xff\xff", b"\xff\xfb\x90\x64"]
)
def test_a_file_that_leads_nowhere_is_given_up(beginning: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_BYTES", 100_000)
    file = Endless(beginning)
    started = time.monotonic()
    read_tags(file, "x.mp3")  # type: ignore[arg-type]
    assert file.total <= 4 * (100_000 + 2)
    assert time.monotonic() - started < tags.MAX_SECONDS


def test_a_reader_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_SECONDS", -1.0)
    assert read_tags(io.BytesIO(b"ID3" + bytes(1000)), "x.mp3") == Tags()


@pytest.mark.parametrize("text", [b"", b"x", b"\0" * 5000, b"OggS", b"RIFF", b"FORM", b"0&\xb2u\x8ef\xcf\x11"])
def test_nothing_is_found_in_nothing(text: bytes) -> None:
    found = read_tags(io.BytesIO(text), "x.ogg")
    assert (found.title, found.artist, found.duration_s) == (None, None, None)


def test_fields_are_cleaned() -> None:
    tag = TinyTag()
    tag.title, tag.artist, tag.year, tag.track, tag.duration = "A\0b", "One", "2001-02", 3, float("inf")
    tag.other["artist"] = ["Two", "One"]
    found = parse_tags(tag)
    assert found == Tags(title="A b", artist="One; Two", year=2001, track_number=3)
