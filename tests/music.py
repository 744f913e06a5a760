"""Generated music for the tests: short tones with tags, in every format that pip can write.

``make_library`` gives a small tagged library with awkward names; ``write_tone`` and ``write_tags`` make single files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import mutagen
import numpy as np
import numpy.typing as npt
import soundfile
from mutagen import id3

BLOCK_S = 10.0
_SOUNDFILE = {
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "oga": ("OGG", "VORBIS"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "wav": ("WAV", "PCM_16"),
}
_PYAV = {"m4a": ("ipod", "aac"), "wma": ("asf", "wmav2")}


@dataclass(frozen=True, slots=True)
class Song:
    """A generated file: where it is (relative to the library), what its tags say, how long it lasts."""

    path: str
    title: str
    artist: str
    album: str
    track_number: int
    year: int = 1999
    genre: str = "Rock"
    album_artist: str | None = None
    disc_number: int = 1
    duration_s: float = 1.0
    hertz: float = 440.0


_ALBUMS = (
    ("Björk Tësts", "Ünïcode Album", 2001, "Electronic", "ogg", ("Jóga", "Øresund", "東京")),
    ("The Fixtures", "First Steps", 1999, "Rock", "mp3", ("Intro", "Middle", "Outro")),
    ("The Fixtures", "Second Steps", 2003, "Rock", "flac", ("Alpha", "Beta (feat. Björk Tësts)", "Gamma")),
    ("Various Players", "Sampler", 2010, "Jazz", "opus", ("Don't Stop", "R&B / Soul", "50% Off?")),
    ("The Waves", "Raw", 2015, "Ambient", "wav", ("Plain",)),
    ("The Waves", "Boxed", 2016, "Ambient", "m4a", ("Crate",)),
)
_AWKWARD = (
    ("Tab\there/Line\nbreak.mp3", "Line and break"),
    ("Tab\there/Bell \x07 rings.ogg", "Bell"),
    ("  spaces  / leading and trailing .flac", "Spaces"),
    ("emoji 🎵/👩‍🎤 star.ogg", "🎵 👩‍🎤"),
    ("rtl/שלום עולם.ogg", "שלום עולם"),
    ("#1 100%+&?/=\"quoted\" 'name'.mp3", "#1 100%+&?=\"'"),
    ("UPPER/LOUD.MP3", "Loud"),
)


def library() -> tuple[Song, ...]:
    """The songs of ``make_library``: six albums and a handful of names that break careless code."""
    songs = []
    for album_number, (artist, album, year, genre, suffix, titles) in enumerate(_ALBUMS):
        for number, title in enumerate(titles, 1):
            songs.append(
                Song(
                    path=f"{artist}/{album}/{number:02d} {title.replace('/', '_')}.{suffix}",
                    title=title,
                    artist=artist,
                    album=album,
                    track_number=number,
                    year=year,
                    genre=genre,
                    album_artist=artist,
                    duration_s=0.5 + 0.25 * number,
                    hertz=220.0 * (album_number + 1) + 55 * number,
                )
            )
    for number, (path, title) in enumerate(_AWKWARD, 1):
        songs.append(Song(path, title, "Awkward Ärtist", "Awkward Names", number, hertz=300.0 + 40 * number))
    return tuple(songs)


def make_library(root: Path, songs: tuple[Song, ...] | None = None) -> tuple[Song, ...]:
    """Write ``songs`` (all of ``library`` by default) under ``root``; a second's work."""
    chosen = library() if songs is None else songs
    for song in chosen:
        write_song(root, song)
    return chosen


def write_song(root: Path, song: Song) -> Path:
    """One song with its tags."""
    path = write_tone(root / song.path, seconds=song.duration_s, hertz=song.hertz)
    write_tags(path, song)
    return path


def many_songs(count: int, *, suffix: str = "ogg", seconds: float = 1.0, album_size: int = 10) -> tuple[Song, ...]:
    """``count`` short songs that all sound different, in albums of ``album_size``."""
    songs = []
    for number in range(count):
        album, track = divmod(number, album_size)
        title = f"Song {number:04d}"
        one = Song(
            f"Artist {album % 7}/Album {album:03d}/{track + 1:02d} {title}.{suffix}",
            title,
            f"Artist {album % 7}",
            f"Album {album:03d}",
            track + 1,
        )
        songs.append(replace(one, duration_s=seconds, hertz=110.0 * 2 ** ((number % 60) / 12)))
    return tuple(songs)


def write_tone(
    path: Path, *, seconds: float = 1.0, hertz: float = 440.0, gain: float = 0.2, sample_rate: int = 44_100
) -> Path:
    """A sine (silence with ``gain`` 0) in the format that the suffix names; written in blocks, so it may last hours."""
    suffix = path.suffix[1:].lower()
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == "opus":
        sample_rate = 48_000
    blocks = _tone(seconds, hertz, gain, sample_rate)
    if suffix in _PYAV:
        _write_with_pyav(path, blocks, sample_rate, *_PYAV[suffix])
        return path
    container, codec = _SOUNDFILE[suffix]
    with soundfile.SoundFile(path, "w", sample_rate, 1, codec, format=container) as file:
        for block in blocks:
            file.write(block)
    return path


def _tone(seconds: float, hertz: float, gain: float, sample_rate: int) -> Iterator[npt.NDArray[np.float32]]:
    total = int(seconds * sample_rate)
    step = int(BLOCK_S * sample_rate)
    for start in range(0, total, step):
        times = np.arange(start, min(total, start + step)) / sample_rate
        yield (gain * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def _write_with_pyav(
    path: Path, blocks: Iterator[npt.NDArray[np.float32]], sample_rate: int, container: str, codec: str
) -> None:
    with av.open(str(path), "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=sample_rate)
        stream.layout = "mono"
        stream.bit_rate = 128_000
        stream.codec_context.open()
        fifo = av.AudioFifo()
        done = 0
        for block in blocks:
            frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = sample_rate, done, Fraction(1, sample_rate)
            done += block.size
            fifo.write(frame)
            for full in fifo.read_many(stream.codec_context.frame_size):
                file.mux(stream.encode(full))
        if rest := fifo.read(0, partial=True):
            file.mux(stream.encode(rest))
        file.mux(stream.encode(None))


def write_tags(path: Path, song: Song) -> None:
    """Write the tags of ``song`` in the way of the file's format."""
    file: Any = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    texts = {
        "title": song.title,
        "artist": song.artist,
        "album": song.album,
        "albumartist": song.album_artist,
        "date": str(song.year),
        "genre": song.genre,
        "tracknumber": f"{song.track_number}/9",
        "discnumber": f"{song.disc_number}/1",
    }
    present = {name: value for name, value in texts.items() if value is not None}
    add: Any = getattr(file.tags, "add", None)
    for name, value in present.items():
        if isinstance(file.tags, id3.ID3):
            add(_ID3_FRAMES[name](encoding=3, text=value))
        elif path.suffix.lower() == ".wma":
            file[_ASF_NAMES[name]] = value.partition("/")[0]
        else:
            file[name] = value
    file.save()


_ID3_FRAMES: dict[str, Any] = {
    "title": id3.TIT2,
    "artist": id3.TPE1,
    "album": id3.TALB,
    "albumartist": id3.TPE2,
    "date": id3.TDRC,
    "genre": id3.TCON,
    "tracknumber": id3.TRCK,
    "discnumber": id3.TPOS,
}
_ASF_NAMES = {
    "title": "Title",
    "artist": "Author",
    "album": "WM/AlbumTitle",
    "albumartist": "WM/AlbumArtist",
    "date": "WM/Year",
    "genre": "WM/Genre",
    "tracknumber": "WM/TrackNumber",
    "discnumber": "WM/PartOfSet",
}
