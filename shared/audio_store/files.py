"""The ``file://`` store."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from uuid import UUID

from shared.audio_store.parts import Part, PrivateFolder, is_finished
from shared.audio_store.references import check_file, elsewhere, file_uri, path_of, store_problem, usable_suffix
from shared.audio_store.sizes import Reservation, close_chunks
from shared.commands import AudioRef
from shared.errors import Backpressure


class FileStore:
    """Audio in a private folder that several processes may share.

    A file under way has at once the length that is reserved for it (a hole takes no room on the disk), so the lengths
    of all files add up to the part of the budget that is in use.
    """

    def __init__(self, folder: Path, budget: int) -> None:
        """``budget`` in bytes. Raises ``ConfigurationError`` when the folder cannot be used."""
        self._folder = PrivateFolder(folder)
        self._budget = budget

    async def put(self, key: UUID, chunks: AsyncIterator[bytes], suffix: str, size_hint: int | None) -> AudioRef:
        """See ``AudioStore``. The file appears under its key when it is complete, in place of an earlier one."""
        part = Part()
        try:
            room = Reservation(size_hint, self._budget)
            await asyncio.to_thread(self._begin, part, room)
            async for chunk in chunks:
                if part.size + len(chunk) > room.size:
                    await asyncio.to_thread(self._reserve, part, room, room.grown(part.size + len(chunk)))
                await asyncio.to_thread(part.write, chunk)
            room.check_whole(part.size)
            ending = usable_suffix(suffix)
            name = f"{key.hex}.{ending}" if ending else key.hex
            path = await asyncio.to_thread(part.finish, self._folder.path / name)
        except OSError as error:
            raise store_problem(error) from error
        finally:
            part.discard()
            await close_chunks(chunks)
        return AudioRef(uri=file_uri(path), size_bytes=part.size, owned=True, suffix=ending)

    def open_local(self, ref: AudioRef) -> AbstractAsyncContextManager[Path]:
        """The file itself."""
        return self._open(ref)

    @asynccontextmanager
    async def _open(self, ref: AudioRef) -> AsyncIterator[Path]:
        path = path_of(ref)
        if ref.owned and not self._is_ours(path):
            raise elsewhere(ref)
        await asyncio.to_thread(check_file, path, ref)
        yield path

    async def delete(self, ref: AudioRef) -> None:
        """Only a file of this store is deleted, whatever the reference says."""
        if ref.owned and ref.uri.startswith("file://") and self._is_ours(path_of(ref)):
            await asyncio.to_thread(path_of(ref).unlink, missing_ok=True)

    async def sweep(self, older_than_s: float) -> int:
        """Files by age, and the parts of dead writers."""
        return await asyncio.to_thread(self._sweep, older_than_s)

    async def close(self) -> None:
        """Nothing is held open."""

    def _is_ours(self, path: Path) -> bool:
        return path.parent == self._folder.path and is_finished(path)

    def _sweep(self, older_than_s: float) -> int:
        with self._folder.locked():
            count = self._folder.remove_abandoned()
            for path, found in self._folder.files():
                if is_finished(path) and found.st_mtime < time.time() - older_than_s:
                    path.unlink(missing_ok=True)
                    count += 1
        return count

    def _begin(self, part: Part, room: Reservation) -> None:
        with self._folder.locked():
            self._folder.open_part(part)
        self._reserve(part, room, room.size)

    def _reserve(self, part: Part, room: Reservation, size: int) -> None:
        """Let ``part`` take ``size`` bytes of the budget. Raises ``Backpressure`` when the others leave too little."""
        with self._folder.locked():
            self._folder.remove_abandoned()
            used = sum(found.st_size for path, found in self._folder.files() if path != part.path)
            if used + size > self._budget:
                raise Backpressure(f"the audio folder is full: {used} of {self._budget} bytes await analysis")
            part.stretch(size)
        room.size = size
