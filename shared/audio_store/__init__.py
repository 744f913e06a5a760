"""The hand-over of audio from fetcher to analyzer: a folder (``file://``) or the Redis-protocol server (``redis://``).

Both have a byte budget: what does not fit raises ``Backpressure``, and the fetch waits. What is there belongs to
Starling (``AudioRef.owned``) and is deleted after use; leftovers are swept or expire. A borrowed reference names the
listener's own file, which is only ever read; every store opens it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol
from uuid import UUID

from shared.audio_store.blobs import BlobAudioStore, BlobStore
from shared.audio_store.files import FileStore
from shared.audio_store.references import borrow
from shared.commands import AudioRef
from shared.errors import ConfigurationError
from shared.settings import Settings

__all__ = [
    "AudioSource",
    "AudioStore",
    "BlobAudioStore",
    "BlobStore",
    "FileStore",
    "borrow",
    "open_source",
    "open_store",
]


class AudioSource(Protocol):
    """Where audio is taken from."""

    def open_local(self, ref: AudioRef) -> AbstractAsyncContextManager[Path]:
        """A file that can be read by its path while the context lasts. Raises ``BadAudio`` with the reason
        file_missing or no_permission, and ``StoreUnavailable``."""
        ...

    async def delete(self, ref: AudioRef) -> None:
        """Forget owned audio; does nothing to a borrowed file, or when it is gone already."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class AudioStore(AudioSource, Protocol):
    """Where audio lies between fetch and analysis."""

    async def put(self, key: UUID, chunks: AsyncIterator[bytes], suffix: str, size_hint: int | None) -> AudioRef:
        """Keep all of ``chunks`` and close them, whatever happens.

        ``size_hint`` is the size that the server announced: fewer bytes raise ``ServerUnavailable``. Raises
        ``Backpressure`` when the budget is used up, ``BadAudio`` (too_large) for what could never fit, and
        ``StoreUnavailable``.
        """
        ...

    async def sweep(self, older_than_s: float) -> int:
        """Delete what nobody came for; returns how many."""
        ...


class AnySource:
    """Takes audio from wherever its reference says that it lies."""

    def __init__(self, files: AudioSource, blobs: AudioSource) -> None:
        self._files = files
        self._blobs = blobs

    def open_local(self, ref: AudioRef) -> AbstractAsyncContextManager[Path]:
        """See ``AudioSource``."""
        return self._of(ref).open_local(ref)

    async def delete(self, ref: AudioRef) -> None:
        """See ``AudioSource``."""
        await self._of(ref).delete(ref)

    async def close(self) -> None:
        """See ``AudioSource``."""
        await self._files.close()
        await self._blobs.close()

    def _of(self, ref: AudioRef) -> AudioSource:
        return self._blobs if ref.uri.startswith("redis://") else self._files


def open_source(settings: Settings) -> AudioSource:
    """For who only takes audio: an analyzer that joins with REDIS_URL alone has not been told where it lies."""
    from shared.redis_blobs import RedisBlobs

    stated = open_store(settings)
    if isinstance(stated, BlobAudioStore):
        return stated
    return AnySource(stated, BlobAudioStore(RedisBlobs.open(settings), settings.audio_budget_mb * 1024**2))


def open_store(settings: Settings) -> AudioStore:
    """The store that STARLING_AUDIO_STORE names. Raises ``ConfigurationError``."""
    name = settings.audio_store or f"file://{settings.data_dir.absolute() / 'audio'}"
    budget = settings.audio_budget_mb * 1024**2
    if name.startswith("file:///"):
        return FileStore(Path(name.removeprefix("file://")), budget)
    if name == "redis://":
        from shared.redis_blobs import RedisBlobs

        return BlobAudioStore(RedisBlobs.open(settings), budget)
    raise ConfigurationError(
        "STARLING_AUDIO_STORE must be file:///a/full/path, or redis:// for the server that REDIS_URL names"
    )
