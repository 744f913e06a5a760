"""Decodes a sound file block by block, whatever its container, codec, name or claims about its length.

Two decoders, each where it was measured to be better, and each the other's fallback: ffmpeg (PyAV) reads everything
and is 1.6 times as fast on Vorbis and 2.6 times on Opus; libsndfile is 1.8 times as fast on PCM and reads some Vorbis
files whose headers ffmpeg refuses.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av
import av.error
import numpy as np
import numpy.typing as npt
import soundfile

from services.analyzer.sniff import sniff
from shared.errors import BadAudio

FloatArray = npt.NDArray[np.float32]

BLOCK: Final = 1 << 19
"""Samples of a block, all channels together: two megabytes, 6 s of a CD. A track costs a third more time in blocks of
an eighth of that, and nothing is gained beyond."""
MAX_DURATION_S: Final = 24 * 3600.0
_MAX_CHANNELS: Final = 64
_MAX_PLANES: Final = 7
"""PyAV 18 looks for an empty plane behind the last one, where AVFrame has room for eight: with as many channels or
more it reads outside the frame and crashes. Those are interleaved first."""
_RATES: Final = range(1000, 1_000_001)
_MAX_BAD_PACKETS: Final = 2000
"""In a row; after that the rest of the file is given up."""
_PCM: Final = frozenset({"wav", "aiff", "w64", "au", "caf"})
_FULL_SCALE: Final = {"u1": 128.0, "i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**63}


class DecodeError(Exception):
    """This decoder cannot go on. What it delivered before is sound."""


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive sound: ``samples`` float32 [channels, frames], full scale 1, and its sampling rate in Hz.

    Rate and channels may change from one block to the next (chained streams do that).
    """

    samples: FloatArray
    rate: int


Decoder = Callable[[Path, str], Iterator[Block]]


def decoders(path: Path, suffix: str = "") -> tuple[str, list[tuple[str, Decoder]]]:
    """The kind of the file at ``path`` and the (name, decoder) pairs to try, best first.

    A decoder is called with the path and the kind and yields blocks; it raises ``DecodeError``.
    Raises ``BadAudio`` (file_missing, empty_file, not_audio).
    """
    try:
        if path.stat().st_size == 0:
            raise BadAudio("empty_file", "The file is empty. Copy it again from where it came from.")
        kind = sniff(path)
    except OSError as error:
        detail = f"The file cannot be opened ({error.strerror}). Check that it is still there and readable."
        raise BadAudio("file_missing", detail) from error
    if kind is None:
        claim = f"It is called .{suffix.lstrip('.')}, but its" if suffix else "Its"
        raise BadAudio("not_audio", f"{claim} content is not sound in any known format.")
    order: list[tuple[str, Decoder]] = [("ffmpeg", _ffmpeg_blocks), ("libsndfile", _sndfile_blocks)]
    return kind, order[::-1] if kind in _PCM else order


def _check(rate: int, channels: int) -> None:
    if rate not in _RATES or not 1 <= channels <= _MAX_CHANNELS:
        raise DecodeError(f"{channels} channels at {rate} Hz cannot be handled")


def _sndfile_blocks(path: Path, _kind: str) -> Iterator[Block]:
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            _check(file.samplerate, file.channels)
            while True:
                data = file.read(BLOCK // file.channels, dtype="float32", always_2d=True)
                if not len(data):
                    return
                yield Block(_finite(data.T), file.samplerate)
    except soundfile.LibsndfileError as error:
        raise DecodeError(str(error.error_string)) from error


def _ffmpeg_blocks(path: Path, kind: str) -> Iterator[Block]:
    with ExitStack() as stack:
        try:
            # An open file, not its name: ffmpeg wants names in UTF-8 and takes some for network addresses.
            file = stack.enter_context(path.open("rb", buffering=0))
            container = stack.enter_context(av.open(file, "r", format=kind, metadata_errors="ignore"))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise DecodeError(_reason(error)) from error
        if not container.streams.audio:
            raise BadAudio("not_audio", "The file holds no sound, only other streams such as pictures or text.")
        yield from _frames_to_blocks(_frames(container, container.streams.audio[0]))


class _Queue:
    """Collects a codec's small frames (in C), which halves the time spent outside the codec."""

    def __init__(self, frame: av.AudioFrame) -> None:
        self.shape = _shape(frame)
        _, self._channels, rate = self.shape
        _check(rate, self._channels)
        self._fifo = av.AudioFifo()
        interleave = frame.format.is_planar and self._channels > _MAX_PLANES
        self._interleaved = av.AudioResampler(format=frame.format.packed) if interleave else None

    def put(self, frame: av.AudioFrame) -> bool:
        """Whether a block is full."""
        for part in self._interleaved.resample(frame) if self._interleaved else (frame,):
            part.pts = None
            self._fifo.write(part)
        return self._fifo.samples >= BLOCK // self._channels

    def take(self) -> Iterator[Block]:
        """All there is, in blocks."""
        while self._fifo.samples:
            frame = self._fifo.read(min(self._fifo.samples, BLOCK // self._channels))
            if frame is not None:
                yield Block(_finite(_planes(frame)), frame.sample_rate)


def _shape(frame: av.AudioFrame) -> tuple[str, int, int]:
    return frame.format.name, frame.layout.nb_channels, frame.sample_rate


def _frames_to_blocks(frames: Iterator[av.AudioFrame]) -> Iterator[Block]:
    """Blocks of all frames; when the frames break off, what came before them first, then ``DecodeError``."""
    queue: _Queue | None = None
    damage: Exception | None = None
    try:
        for frame in frames:
            if queue is None or _shape(frame) != queue.shape:
                yield from queue.take() if queue else ()
                queue = _Queue(frame)
            if queue.put(frame):
                yield from queue.take()
    except (DecodeError, av.error.FFmpegError, ValueError) as error:
        damage = error
    yield from queue.take() if queue else ()
    if damage is not None:
        raise DecodeError(_reason(damage)) from damage


def _frames(container: av.container.InputContainer, stream: av.AudioStream) -> Iterator[av.AudioFrame]:
    """Every frame that can be decoded; packets that cannot are left out."""
    context = stream.codec_context
    if context is None:
        raise BadAudio("unsupported", "The file's sound is in a format that cannot be decoded, or is copy-protected.")
    context.thread_count = 1
    bad, last = 0, ""
    packets = container.demux(stream)
    while bad < _MAX_BAD_PACKETS:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            yield from packet.decode()
            bad = 0
        except av.error.EOFError:
            break
        except (av.error.FFmpegError, ValueError) as error:
            bad, last = bad + 1, _reason(error)
            packets = container.demux(stream)
    if bad:
        raise DecodeError(last)


def _planes(frame: av.AudioFrame) -> FloatArray:
    """Any sample format as float32 [channels, frames]."""
    data = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    scale = _FULL_SCALE.get(data.dtype.str[1:])
    if scale is None:
        return data.astype(np.float32, copy=False)
    shifted = data.astype(np.float32) - (128 if data.dtype == np.uint8 else 0)
    return shifted * np.float32(1 / scale)


def _finite(samples: FloatArray) -> FloatArray:
    """Files of floating-point samples may hold anything: what is no number becomes silence, what is absurd is cut."""
    peak = max(samples.max(), -samples.min())
    return samples if peak <= 16 else np.clip(np.nan_to_num(samples, posinf=0, neginf=0), -16, 16)


def _reason(error: Exception) -> str:
    """ffmpeg's own words, without the path that it appends."""
    return str(getattr(error, "strerror", None) or error)
