"""What kind of sound file this is, by its content alone.

The answer is the name of the ffmpeg demuxer to use. ffmpeg is never left to guess: its own probing would take a text
file for a playlist and follow the addresses in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

_HEAD: Final = 1 << 16
"""Bytes looked at: enough for the rubbish that some MP3 files start with."""
_MAX_TAGS: Final = 8

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"OggS", "ogg"),
    (0, b"fLaC", "flac"),
    (8, b"WAVE", "wav"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (4, b"ftyp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (4, b"wide", "mp4"),
    (0, bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "asf"),
    (0, bytes.fromhex("1a45dfa3"), "matroska"),
    (0, b"wvpk", "wv"),
    (0, b"MAC ", "ape"),
    (0, b"TTA1", "tta"),
    (0, b"MPCK", "mpc8"),
    (0, b"MP+", "mpc"),
    (0, b"caff", "caf"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (0, b".snd", "au"),
    (0, b"DSD ", "dsf"),
    (0, b"FRM8", "iff"),
    (0, b"\x0b\x77", "ac3"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
)
_RIFF_HEADS: Final = (b"RIFF", b"RF64", b"FORM")

_BIT_RATES: Final = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s by (MPEG version, layer), ISO/IEC 11172-3 and 13818-3."""
_RATES: Final = (44100, 48000, 32000)


def sniff(path: Path) -> str | None:
    """The ffmpeg demuxer for the file at ``path``, or None when it is nothing that holds sound.

    Raises ``OSError``.
    """
    with path.open("rb") as file:
        start = 0
        head = file.read(_HEAD)
        for _ in range(_MAX_TAGS):
            size = _id3_size(head)
            if not size:
                break
            start += size
            file.seek(start)
            head = file.read(_HEAD)
        return sniff_bytes(head)


def sniff_bytes(head: bytes) -> str | None:
    """The same for the first bytes of a file, any leading ID3v2 tag taken off."""
    for at, magic, name in _MAGIC:
        if head[at : at + len(magic)] == magic and (at != 8 or head[:4] in _RIFF_HEADS):
            return name
    return _find_frames(head)


def _id3_size(head: bytes) -> int:
    """Bytes of the ID3v2 tag at the start, 0 for none. The size is four 7-bit numbers; a footer adds ten bytes."""
    if head[:3] != b"ID3" or len(head) < 10 or any(byte & 0x80 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _find_frames(head: bytes) -> str | None:
    """MPEG audio or AAC without a container: frames that follow each other at the distance their headers give."""
    at = head.find(b"\xff")
    while at != -1:
        for name, length in (("mp3", _mpeg_length), ("aac", _adts_length)):
            if _chained(head, at, length):
                return name
        at = head.find(b"\xff", at + 1)
    return None


def _chained(head: bytes, start: int, length: Callable[[bytes], int]) -> bool:
    """Whether three frame headers in a row begin at ``start``; fewer will do for a file that is nothing else, while
    one header near the end of a file is nothing but chance."""
    at = start
    for found in range(3):
        if at + 4 > len(head):
            return found >= 1 and start == 0 and len(head) < _HEAD
        size = length(head[at : at + 6])
        if not size:
            return False
        at += size
    return True


def _mpeg_length(header: bytes) -> int:
    """Bytes of the MPEG audio frame with this header, 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate_code, bit_rate_code = header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or layer == 4 or rate_code == 3 or bit_rate_code in (0, 15):
        return 0
    kbits = _BIT_RATES[1 if version == 3 else 2, layer][bit_rate_code - 1]
    rate = _RATES[rate_code] >> {3: 0, 2: 1, 0: 2}[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12000 * kbits // rate + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples * 125 * kbits // rate + padding


def _adts_length(header: bytes) -> int:
    """Bytes of the AAC frame with this ADTS header, 0 if it is none."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if size > 7 else 0
