"""What the adapters of all servers reached over a network do alike; each adds how its own server wants to be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shared.errors import ServerRefused, StarlingError
from shared.events import LibraryTrack
from shared.mediaservers.base import (
    Abilities,
    ListedItem,
    PlaylistServer,
    RemoteLibrary,
    RemotePlaylist,
    ServerConfig,
    ServerTest,
)
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.tasting import look_around, taste_some


class Connection(Protocol):
    """What leads to the server; ``name`` is how it is called in messages."""

    @property
    def name(self) -> str: ...

    async def close(self) -> None: ...


class Playlists(Protocol):
    """The playlists of one account. The methods promise what those of ``PlaylistServer`` do."""

    async def listing(self) -> tuple[RemotePlaylist, ...]: ...

    async def items(self, remote_id: str) -> tuple[str, ...]: ...

    async def create(self, name: str, item_ids: Sequence[str]) -> str: ...

    async def set_items(self, remote_id: str, item_ids: Sequence[str]) -> None: ...

    async def rename(self, remote_id: str, name: str) -> None: ...

    async def delete(self, remote_id: str) -> None: ...


class RemoteServer(PlaylistServer, ABC):
    """A ``PlaylistServer`` but for ``list_page``, ``open_audio``, ``libraries``, ``plays`` and ``lyrics``."""

    abilities = Abilities()

    def __init__(self, config: ServerConfig, connection: Connection, playlists: Playlists) -> None:
        self._account = config.username or ""
        self._name = connection.name
        self._server_id = config.server_id
        self._chosen = config.libraries or None
        self._connection = connection
        self._playlists = playlists

    @property
    def account(self) -> str:
        """The user name in the settings; it does not depend on an answer, since links are kept under it."""
        return self._account

    @abstractmethod
    async def _introduce(self) -> tuple[str | None, str]:
        """The server's name and version, and what else to say of a login that works. Raises for another server."""

    @abstractmethod
    async def _look_up(self, item_ids: Sequence[str]) -> Mapping[str, LibraryTrack]:
        """Descriptions by item id; what the server does not know is missing, or raises ``ServerRefused``."""

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """What the listing said already; items from elsewhere are asked for."""
        found = await self._look_up([item.item_id for item in items if item.track is None])
        return tuple([item.track or self._as_listed(item, found) for item in items])

    def _as_listed(self, item: ListedItem, found: Mapping[str, LibraryTrack]) -> LibraryTrack:
        if item.item_id not in found:
            raise ServerRefused("not_found", f"{self._name} has no track {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found[item.item_id].model_copy(update=versions)

    async def local_path(self, item_id: str) -> Path | None:
        """None: the paths that a server reports need not be real, nor on this machine."""
        return None

    async def test(self) -> ServerTest:
        """Ask who it is, list a page, read the beginning of one track; never raises."""
        version, libraries = None, tuple[RemoteLibrary, ...]()
        try:
            version, more = await self._introduce()
            libraries = await self.libraries()
            page = await look_around(self)
            if not page.items:
                return ServerTest(False, "the server answers, but lists no music", 0, version, libraries)
            message = await taste_some(self, page) + more
            return ServerTest(True, message, len(page.items), version, libraries)
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), 0, version, libraries)

    async def close(self) -> None:
        """Give the connections back."""
        await self._connection.close()

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All playlists that the account can see."""
        return await self._playlists.listing()

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The item ids of a playlist in order."""
        return await self._playlists.items(remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist and return its id."""
        return await self._playlists.create(name, item_ids)

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold just these; tracks the server does not know are left out."""
        await self._playlists.set_items(remote_id, item_ids)

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """Give a playlist another name."""
        await self._playlists.rename(remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """Delete a playlist; no error when it is gone already."""
        await self._playlists.delete(remote_id)

    async def _known(self, chosen: Sequence[str]) -> frozenset[str]:
        """The libraries there are. Raises ``ServerRefused`` when a chosen one is gone: servers list everything, or
        nothing, when asked for one they do not know."""
        known = frozenset(library.library_id for library in await self.libraries())
        for library_id in chosen:
            if library_id not in known:
                gone = f"library {clean_text(library_id)} is not on {self._name} any more"
                raise ServerRefused("not_found", f"{gone}; choose the libraries of this server again")
        return known
