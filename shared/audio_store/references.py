"""References to audio: making them, reading them, and what can be wrong with what they name."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

from shared.commands import AudioRef
from shared.errors import Backpressure, BadAudio, ServerUnavailable, StoreUnavailable

_SUFFIX = re.compile(r"[a-z0-9]{1,8}")


def borrow(path: Path, size_bytes: int) -> AudioRef:
    """A reference to the listener's own file, for an analyzer that shares its disk."""
    return AudioRef(uri=file_uri(path), size_bytes=size_bytes, owned=False, suffix=usable_suffix(path.suffix[1:]))


def file_uri(path: Path) -> str:
    """``path`` percent-encoded, so that names which are not UTF-8 survive."""
    return "file://" + quote_from_bytes(os.fsencode(path))


def path_of(ref: AudioRef) -> Path:
    """The path in a ``file://`` reference. Raises ``BadAudio`` for one of another store."""
    if not ref.uri.startswith("file://"):
        raise elsewhere(ref)
    return Path(os.fsdecode(unquote_to_bytes(ref.uri.removeprefix("file://"))))


def usable_suffix(suffix: str) -> str:
    """The suffix in lower case if it may be part of a file's name, else nothing."""
    return suffix.lower() if _SUFFIX.fullmatch(suffix.lower()) else ""


def check_file(path: Path, ref: AudioRef) -> None:
    """Raises ``BadAudio`` for a file that is not there or, if it is ours, not whole."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
    except PermissionError:
        raise BadAudio("no_permission", f"{path.name!a} may not be read by the user Starling runs as") from None
    except OSError as error:
        if error.errno in (errno.EIO, errno.ESTALE):
            raise ServerUnavailable(f"the disk does not answer at {path.name!a}") from None
        raise gone() if ref.owned else BadAudio("file_missing", f"{path.name!a} is no longer there") from None
    if ref.owned and size != ref.size_bytes:
        raise gone()


def gone() -> BadAudio:
    """Owned audio that has expired, or was lost in a power cut."""
    return BadAudio("file_missing", "the audio that was handed over is gone; analyse again to fetch it anew")


def elsewhere(ref: AudioRef) -> BadAudio:
    """Owned audio that lies where this process does not look."""
    scheme = ref.uri.partition("://")[0]
    return BadAudio(
        "file_missing",
        f"the audio lies in another store ({scheme}://); set STARLING_AUDIO_STORE alike for fetcher and analyzer",
    )


def store_problem(error: OSError) -> Backpressure | StoreUnavailable:
    """What an operating system error of the store's own disk means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Backpressure("the disk of the audio store is full")
    return StoreUnavailable(f"the audio store cannot be used: {error.strerror}")
