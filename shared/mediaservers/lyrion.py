"""Lyrion Music Server (once Logitech Media Server, once SlimServer), by its JSON-RPC.

It knows no users, only an optional password for everything (HTTP basic authentication). Track ids are numbers of its
database: they last until its library is cleared and scanned anew. Audio is always the original file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import islice
from pathlib import Path

import aiohttp

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused, StarlingError
from shared.events import LibraryTrack
from shared.mediaservers.base import (
    Abilities,
    AudioStream,
    ListedItem,
    ListingPage,
    Played,
    RemoteLibrary,
    RemotePlaylist,
    ServerConfig,
    ServerTest,
)
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.http import Patience, server_url
from shared.mediaservers.json_answers import Json
from shared.mediaservers.lyrion_answers import (
    is_scanning,
    lies_in,
    parse_count,
    parse_libraries,
    parse_lyrics,
    parse_played,
    parse_row,
    parse_songs,
    parse_total,
    parse_version,
)
from shared.mediaservers.lyrion_calls import LyrionCalls, LyrionHttp
from shared.mediaservers.lyrion_playlists import MAX_NAME_BYTES, LyrionPlaylists
from shared.mediaservers.offset_walk import OffsetWalk, Part, Row, Window
from shared.mediaservers.original import original_audio
from shared.mediaservers.tasting import look_around, taste_some

TAGS = "tags:aAlGdtiyofnrux"
CHUNK = 500


class LyrionServer:
    """See the module; raises what ``PlaylistServer`` says."""

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        url = server_url(config.url)
        if config.password and not config.username:
            raise InvalidInput("username", "give the user name that belongs to the password")
        self._headers = {**_login(config.username, config.password), "Connection": "close"}
        self._http = LyrionHttp(url.with_path(url.path.rstrip("/") + "/"), patience or Patience())
        self._calls = LyrionCalls(self._http, self._headers)
        self._lists = LyrionPlaylists(self._calls, self._http.name)
        self._server_id = config.server_id
        self._account = config.username or ""
        self._chosen = config.libraries
        self._walk = OffsetWalk(self._parts, self._window)

    @property
    def account(self) -> str:
        """The user name of the login, if there is one; playlists are everybody's."""
        return self._account

    @property
    def abilities(self) -> Abilities:
        """One name once, one track once, and everybody sees everything."""
        return Abilities(unique_names=True, repeats=False, public_by_default=True, name_limit=MAX_NAME_BYTES)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 tracks by title. ``incomplete`` while the server scans its library."""
        return await self._walk.page(cursor)

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """What the listing said already; items from elsewhere are asked for one by one."""
        return tuple([item.track or await self._ask_for(item) for item in items])

    async def local_path(self, item_id: str) -> Path | None:
        """None: the paths of the server need not be paths of this machine."""
        return None

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file."""
        if not item_id.isascii() or not item_id.isdigit():
            raise ServerRefused("not_found", f"{self._http.name} has no track {clean_text(item_id)}")
        return await original_audio(self._http, f"music/{item_id}/download", {}, self._headers, byte_range)

    async def test(self) -> ServerTest:
        """Ask for the version, list a page, read the beginning of one track; never raises."""
        version = None
        try:
            version = parse_version(await self._calls.ask("version", "?"))
            return await self._test(version)
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), server_version=version)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The server's virtual libraries, and the folders at the top of its music."""
        return parse_libraries(await self._ask_if_known("libraries"), await self._folders())

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All saved playlists."""
        return await self._lists.all()

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The track ids of a playlist in order."""
        return await self._lists.items(remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist and return its id. Raises ``ServerRefused`` when the name is taken."""
        return await self._lists.create(name, item_ids)

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold just these; tracks the server does not know are left out."""
        await self._lists.set_items(remote_id, item_ids)

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """Raises ``ServerRefused`` when the name is taken."""
        await self._lists.rename(remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """Delete a playlist; no error when it is gone already."""
        await self._lists.delete(remote_id)

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """How often tracks were played and how they are rated; when, the server does not tell."""
        async for songs in self._calls.songs("tags:ORux"):
            found = filter(None, map(parse_played, songs))
            while chunk := tuple(islice(found, CHUNK)):
                yield chunk

    async def lyrics(self, item_id: str) -> str | None:
        """The words in the track's tags."""
        return parse_lyrics(await self._calls.ask("songinfo", 0, 100, f"track_id:{item_id}", "tags:w"))

    async def _parts(self) -> tuple[Part, ...]:
        """The whole library, or each chosen virtual library and then all chosen folders in one go."""
        if self._chosen is None:
            return (Part("", parse_total(await self._calls.ask("info", "total", "songs", "?"))),)
        known = {library.library_id for library in await self.libraries()}
        for library_id in self._chosen:
            if library_id not in known:
                raise ServerRefused("not_found", f"{self._http.name} has no {clean_text(library_id)} (any more)")
        parts = [Part(library_id) for library_id in self._chosen if library_id.startswith("library:")]
        return tuple(parts + [Part("folders")] * bool(self._chosen_folders()))

    async def _window(self, part: str, offset: int, count: int) -> Window:
        library = [part.replace("library:", "library_id:", 1)] if part.startswith("library:") else []
        result = await self._calls.ask("titles", offset, count, TAGS, *library)
        rows = tuple(self._row(part, song) for song in parse_songs(result))
        return Window(rows, parse_count(result), settled=not is_scanning(result))

    def _row(self, part: str, song: Json) -> Row:
        row = parse_row(self._server_id, song)
        if part == "folders" and not lies_in(song, self._chosen_folders()):
            return Row(row.row_id)
        return row

    def _chosen_folders(self) -> tuple[str, ...]:
        """As URLs."""
        chosen = self._chosen or ()
        return tuple(name.removeprefix("folder:") for name in chosen if name.startswith("folder:"))

    async def _folders(self) -> Json:
        return await self._ask_if_known("musicfolder", 0, 999, "tags:u")

    async def _ask_if_known(self, *command: str | int) -> Json:
        """Nothing where the server is too old, or too new, for a command."""
        try:
            return await self._calls.ask(*command)
        except ServerRefused as error:
            if error.reason != "refused":
                raise
            return {}

    async def _ask_for(self, item: ListedItem) -> LibraryTrack:
        result = await self._calls.ask("titles", 0, 1, f"track_id:{item.item_id}", TAGS)
        rows = [parse_row(self._server_id, song) for song in parse_songs(result)]
        found = next((row.item.track for row in rows if row.item and row.row_id == item.item_id), None)
        if found is None:
            raise ServerRefused("not_found", f"{self._http.name} has no track {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found.model_copy(update=versions)

    async def _test(self, version: str | None) -> ServerTest:
        libraries = await self.libraries()
        page = await look_around(self.list_page)
        if not page.items:
            problem = "the server answers, but lists no tracks"
            return ServerTest(False, problem, server_version=version, libraries=libraries)
        await taste_some(page.items, self._taste)
        more = " or more" if page.next_cursor else ""
        count = len(page.items)
        return ServerTest(True, f"found {count}{more} tracks", count, version, libraries)

    async def _taste(self, item: ListedItem) -> None:
        """Read the first bytes of a track."""
        async with await self.open_audio(item.item_id) as stream:
            async for _ in stream.chunks:
                return
        raise ServerMisbehaved("incomplete_answer", f"{self._http.name} sent an empty file for track {item.item_id}")


def _login(username: str | None, password: str | None) -> dict[str, str]:
    """The header that goes with every request; none where the server asks for no password."""
    if not username:
        return {}
    if ":" in username:
        raise InvalidInput("username", "a user name with a colon cannot be sent")
    try:
        return {"Authorization": aiohttp.encode_basic_auth(username, password or "")}
    except UnicodeEncodeError:
        pass
    raise InvalidInput("password", "this is not valid text")
