"""What every media server looks like to the rest of Starling.

An adapter is a client plus pure ``parse_*`` functions. It raises only the exceptions of ``shared.errors``; a listing
that breaks off raises, it never returns less.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, Self
from uuid import UUID

from shared.events import LibraryTrack


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How to reach one library. ``password`` comes from the secrets table and is never logged or put in an event."""

    server_id: UUID
    server_type: str
    name: str
    path: str | None = None
    url: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    login: str = "password"
    """``password``: the secret is the password of ``username``; ``token``: it is an API key."""
    libraries: tuple[str, ...] | None = None
    """The server's ids of the libraries to use; None is all of them."""


@dataclass(frozen=True, slots=True)
class ListedItem:
    """One line of a listing: enough to see whether the track is known as it is.

    ``track`` is filled by servers whose listing says everything already; others read it in ``describe``.
    """

    item_id: str
    content_version: str
    meta_version: str
    track: LibraryTrack | None = None


@dataclass(frozen=True, slots=True)
class ListingPage:
    """``next_cursor`` None ends the walk; a page before that may be empty, and an item may come twice.

    ``problems`` are sentences about what the server names but could not be listed. ``incomplete``: something that was
    there before may be missing from this walk, so nothing may be removed on its account. Once a page says so, every
    later page of the walk does: the last page speaks for all.
    """

    items: tuple[ListedItem, ...]
    next_cursor: str | None
    problems: tuple[str, ...] = ()
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class AudioStream:
    """The original bytes of a track, whole or in part (``status`` 200 or 206; 416 where the range lies outside).

    ``size_bytes`` is the length of ``chunks`` as announced, None where it is not. Whoever may stop before the end
    closes the stream; ``async with`` does.
    """

    chunks: AsyncIterator[bytes]
    size_bytes: int | None
    content_type: str
    status: int = 200
    content_range: str | None = None
    on_close: Callable[[], Awaitable[None]] | None = field(default=None, repr=False)

    async def close(self) -> None:
        """Give the file or the connection back; may be called twice."""
        if self.on_close is not None:
            await self.on_close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@dataclass(frozen=True, slots=True)
class RemoteLibrary:
    """A part of a server's music that can be used or left out."""

    library_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ServerTest:
    """What a test of a server found; ``ok`` only if a page of tracks and the bytes of one track could be had."""

    ok: bool
    message: str
    tracks_seen: int = 0
    server_version: str | None = None
    libraries: tuple[RemoteLibrary, ...] = ()
    """What could be chosen from, where the server has such a thing."""


@dataclass(frozen=True, slots=True)
class RemotePlaylist:
    """A playlist as a server lists it. ``track_count`` and ``owner`` are None where the listing does not say."""

    remote_id: str
    name: str
    track_count: int | None = None
    owner: str | None = None
    """The user it belongs to; only what belongs to the account can be written."""


@dataclass(frozen=True, slots=True)
class Played:
    """How often a track was played, as far as the server counts. ``rating`` is in stars, 0..5."""

    item_id: str
    play_count: int = 0
    last_played_at: datetime | None = None
    rating: float | None = None
    favourite: bool = False


@dataclass(frozen=True, slots=True)
class Abilities:
    """What differs between servers and matters to who writes playlists."""

    unique_names: bool = False
    """Two playlists cannot have one name."""
    repeats: bool = True
    """A playlist may hold a track twice."""
    public_by_default: bool = False
    name_limit: int = 255


class MediaServer(Protocol):
    """One library. Implementations are used by one task at a time per call and are safe to call concurrently."""

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next page (about 100 tracks) in an order that does not depend on what was analysed."""
        ...

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """Read the descriptions of new or changed items; one that cannot be read gets its file name as title."""
        ...

    async def local_path(self, item_id: str) -> Path | None:
        """The file itself where analyzer and library share a disk and the path is inside the root, else None."""
        ...

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original bytes. ``byte_range`` is an HTTP Range header's value."""
        ...

    async def test(self) -> ServerTest:
        """Fetch a page of tracks and some bytes of one; failures are reported in the server's own words."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...


class PlaylistServer(MediaServer, Protocol):
    """A library whose playlists and listening history can be reached, too: what the syncer needs."""

    @property
    def account(self) -> str:
        """Whose playlists are written: the login's user name, empty where a server knows no users."""
        ...

    @property
    def abilities(self) -> Abilities:
        """What this kind of server can do."""
        ...

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The parts of the server's music; empty where it has only one and no name for it."""
        ...

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All playlists that the account can see. Whole, or raises."""
        ...

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The item ids of a playlist in order. Whole, or raises; ``ServerRefused`` with reason ``not_found`` when the
        playlist is not there (any more)."""
        ...

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a private playlist of any length and return its id. If it cannot be filled, what was made of it is
        deleted again before the error is raised."""
        ...

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold just these, by as few changes as the server allows, in chunks, never emptied between.

        May stop half way with an error: whoever calls knows what was there and puts it back. Items the server does
        not know are left out by some servers and refused by others; ``ServerRefused`` with reason ``not_found`` means
        that the playlist itself is gone.
        """
        ...

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """Give a playlist another name."""
        ...

    async def delete_playlist(self, remote_id: str) -> None:
        """Delete a playlist; no error when it is gone already."""
        ...

    def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """The listening history of the account, in chunks of up to 500: every track with a play, a rating or a heart.
        Whole, or raises."""
        ...

    async def lyrics(self, item_id: str) -> str | None:
        """The words of a track as plain lines, None where the server has none."""
        ...
