"""Lyrion Music Server (once Logitech Media Server, once SlimServer), by its JSON-RPC.

It knows no users, only an optional password for everything (HTTP basic authentication). Track ids are numbers of its
database: they last until its library is cleared and scanned anew. Audio is always the original file.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import aiohttp

from shared.errors import InvalidInput, ServerRefused
from shared.events import LibraryTrack
from shared.mediaservers.audio import original_audio, range_header
from shared.mediaservers.base import (
    Abilities,
    AudioStream,
    ListingPage,
    Played,
    RemoteLibrary,
    ServerConfig,
)
from shared.mediaservers.descriptions import clean_text
from shared.mediaservers.edits import chunked
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
from shared.mediaservers.offset_walk import OffsetWalk, Part, Row, Window, tracks_of
from shared.mediaservers.remote_server import RemoteServer

TAGS = "tags:aAlGdtiyofnrux"
CHUNK = 500


class LyrionServer(RemoteServer):
    """See the module; raises what ``PlaylistServer`` says. ``account`` is the login's: playlists are everybody's."""

    abilities = Abilities(unique_names=True, repeats=False, public_by_default=True, name_limit=MAX_NAME_BYTES)

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the login works is seen later."""
        url = server_url(config.url)
        if config.password and not config.username:
            raise InvalidInput("username", "give the user name that belongs to the password")
        self._headers = {**_login(config.username, config.password), "Connection": "close"}
        self._http = LyrionHttp(url.with_path(url.path.rstrip("/") + "/"), patience or Patience())
        self._calls = LyrionCalls(self._http, self._headers)
        super().__init__(config, self._http, LyrionPlaylists(self._calls, self._http.name))
        self._walk = OffsetWalk(self._parts, self._window)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 tracks by title. ``incomplete`` while the server scans its library."""
        return await self._walk.page(cursor)

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file."""
        if not item_id.isascii() or not item_id.isdigit():
            raise ServerRefused("not_found", f"{self._name} has no track {clean_text(item_id)}")
        headers = {**self._headers, **range_header(byte_range)}
        return await original_audio(self._http, await self._http.open(f"music/{item_id}/download", {}, headers))

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The server's virtual libraries, and the folders at the top of its music."""
        return parse_libraries(await self._ask_if_known("libraries"), await self._folders())

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """How often tracks were played and how they are rated; when, the server does not tell."""
        async for songs in self._calls.songs("tags:ORux"):
            found = filter(None, map(parse_played, songs))
            for chunk in chunked(tuple(found), CHUNK):
                yield chunk

    async def lyrics(self, item_id: str) -> str | None:
        """The words in the track's tags."""
        return parse_lyrics(await self._calls.ask("songinfo", 0, 100, f"track_id:{item_id}", "tags:w"))

    async def _introduce(self) -> tuple[str | None, str]:
        return parse_version(await self._calls.ask("version", "?")), ""

    async def _parts(self) -> tuple[Part, ...]:
        """The whole library, or each chosen virtual library and then all chosen folders in one go."""
        if self._chosen is None:
            return (Part("", parse_total(await self._calls.ask("info", "total", "songs", "?"))),)
        await self._known(self._chosen)
        parts = [Part(library_id) for library_id in self._chosen if library_id.startswith("library:")]
        return tuple(parts + [Part("folders")] * bool(self._chosen_folders()))

    async def _window(self, part: str, offset: int, count: int) -> Window:
        library = [part.replace("library:", "library_id:", 1)] if part.startswith("library:") else []
        result = await self._calls.ask("titles", offset, count, TAGS, *library)
        rows = tuple(self._row(part, song) for song in parse_songs(result))
        total = parse_count(result)
        return Window(rows, total, more=offset + len(rows) < total, settled=not is_scanning(result))

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

    async def _look_up(self, item_ids: Sequence[str]) -> dict[str, LibraryTrack]:
        found: dict[str, LibraryTrack] = {}
        for item_id in item_ids:
            result = await self._calls.ask("titles", 0, 1, f"track_id:{item_id}", TAGS)
            found |= tracks_of(parse_row(self._server_id, song) for song in parse_songs(result))
        return found


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
