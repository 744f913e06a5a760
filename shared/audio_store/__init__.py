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

__all__ = ["AudioStore", "BlobAudioStore", "BlobStore", "FileStore", "borrow", "open_store"]


class AudioStore(Protocol):
    """Where audio lies between fetch and analysis."""

    async def put(self, key: UUID, chunks: AsyncIterator[bytes], suffix: str, size_hint: int | None) -> AudioRef:
        """Keep all of ``chunks`` and close them, whatever happens.

        ``size_hint`` is the size that the server announced: fewer bytes raise ``ServerUnavailable``. Raises
        ``Backpressure`` when the budget is used up, ``BadAudio`` (too_large) for what could never fit, and
        ``StoreUnavailable``.
        """
        ...

    def open_local(self, ref: AudioRef) -> AbstractAsyncContextManager[Path]:
        """A file that can be read by its path while the context lasts. Raises ``BadAudio`` with the reason
        file_missing or no_permission, and ``StoreUnavailable``."""
        ...

    async def delete(self, ref: AudioRef) -> None:
        """Forget owned audio; does nothing to a borrowed file, or when it is gone already."""
        ...

    async def sweep(self, older_than_s: float) -> int:
        """Delete what nobody came for; returns how many."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


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
