"""The ``redis://`` store: audio in chunks, for analyzers on other machines."""

from __future__ import annotations

import asyncio
import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol
from uuid import UUID

from shared.audio_store.parts import Part, PrivateFolder
from shared.audio_store.references import check_file, elsewhere, gone, path_of, store_problem, usable_suffix
from shared.audio_store.sizes import Reservation, close_chunks, regrouped
from shared.commands import AudioRef
from shared.errors import Backpressure, StoreUnavailable

CHUNK = 512 * 1024
TTL_S = 24 * 3600
_SCHEME = "redis://"


class BlobStore(Protocol):
    """The little that this store asks of a server. Raises ``StoreUnavailable`` when that does not answer."""

    def reserve(self, key: str, size: int, budget: int, ttl_s: int) -> Awaitable[bool]:
        """Set what ``key`` takes of the budget; False (and nothing changed) when that is too much."""
        ...

    def set_chunk(self, key: str, number: int, data: bytes, ttl_s: int) -> Awaitable[None]:
        """Keep one chunk."""
        ...

    def get_chunk(self, key: str, number: int) -> Awaitable[bytes | None]:
        """None when it is not there (any more)."""
        ...

    def delete(self, key: str, chunks: int) -> Awaitable[None]:
        """Delete that many chunks and the reservation."""
        ...

    def close(self) -> Awaitable[None]:
        """Give connections back."""
        ...


class BlobAudioStore:
    """Chunks on a ``BlobStore``; they expire by themselves."""

    def __init__(self, blobs: BlobStore, budget: int, *, chunk: int = CHUNK, ttl_s: int = TTL_S) -> None:
        """``budget`` and ``chunk`` in bytes; the writer's and the reader's ``chunk`` must be the same."""
        self._blobs = blobs
        self._budget = budget
        self._chunk = chunk
        self._ttl_s = ttl_s

    async def put(self, key: UUID, chunks: AsyncIterator[bytes], suffix: str, size_hint: int | None) -> AudioRef:
        """See ``AudioStore``. Every attempt has a name of its own: one that fails cannot take away the chunks of
        another that did not."""
        name, number, size, kept = f"{key}-{secrets.token_hex(4)}", 0, 0, False
        try:
            room = Reservation(size_hint, self._budget)
            await self._reserve(name, room, room.size)
            async for data in regrouped(chunks, self._chunk):
                size += len(data)
                if size > room.size:
                    await self._reserve(name, room, room.grown(size))
                number += 1
                await self._blobs.set_chunk(name, number - 1, data, self._ttl_s)
            room.check_whole(size)
            await self._reserve(name, room, size)
            kept = True
        finally:
            if not kept:
                with suppress(StoreUnavailable):
                    await asyncio.shield(self._blobs.delete(name, number))
            await close_chunks(chunks)
        return AudioRef(uri=_SCHEME + name, size_bytes=size, owned=True, suffix=usable_suffix(suffix))

    def open_local(self, ref: AudioRef) -> AbstractAsyncContextManager[Path]:
        """A private copy that lasts as long as the context; a borrowed file is opened where it is."""
        return self._open(ref)

    @asynccontextmanager
    async def _open(self, ref: AudioRef) -> AsyncIterator[Path]:
        if not ref.owned:
            path = path_of(ref)
            await asyncio.to_thread(check_file, path, ref)
            yield path
            return
        if not ref.uri.startswith(_SCHEME):
            raise elsewhere(ref)
        part = Part()
        try:
            await asyncio.to_thread(_open_copy, part, ref.suffix)
            await self._copy(ref, part)
            yield part.path
        finally:
            part.discard()

    async def delete(self, ref: AudioRef) -> None:
        """The chunks and what they take of the budget."""
        if ref.owned and ref.uri.startswith(_SCHEME):
            await self._blobs.delete(ref.uri.removeprefix(_SCHEME), self._chunks_of(ref))

    async def sweep(self, older_than_s: float) -> int:
        """Nothing to do: chunks expire by themselves, and so does what they take of the budget."""
        return 0

    async def close(self) -> None:
        """Close the connection."""
        await self._blobs.close()

    def _chunks_of(self, ref: AudioRef) -> int:
        return -(-ref.size_bytes // self._chunk)

    async def _reserve(self, name: str, room: Reservation, size: int) -> None:
        if not await self._blobs.reserve(name, size, self._budget, self._ttl_s):
            raise Backpressure(f"the audio store is full: {self._budget} bytes await analysis")
        room.size = size

    async def _copy(self, ref: AudioRef, part: Part) -> None:
        for number in range(self._chunks_of(ref)):
            data = await self._blobs.get_chunk(ref.uri.removeprefix(_SCHEME), number)
            if data is None:
                raise gone()
            try:
                await asyncio.to_thread(part.write, data)
            except OSError as error:
                raise store_problem(error) from error
        if part.size != ref.size_bytes:
            raise gone()


def _open_copy(part: Part, suffix: str) -> None:
    """A new private file; copies that dead processes left are removed."""
    ending = usable_suffix(suffix)
    folder = PrivateFolder(Path(tempfile.gettempdir()) / f"starling-audio-{os.geteuid()}")
    try:
        with folder.locked():
            folder.remove_abandoned()
            folder.open_part(part, f".{ending}" if ending else "")
    except OSError as error:
        raise store_problem(error) from error
