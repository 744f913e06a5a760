"""Plex Media Server, by its HTTP API with a token.

The token travels in a header, never in an address. Audio is the first file of a track as it is, never transcoded.
Whose playlists are written is a matter of the token; the server names its user only to its owner, so ``account`` is
what the settings say and does not depend on an answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

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
from shared.mediaservers.http import Answer, HttpServer, Patience, server_url
from shared.mediaservers.json_answers import Json, refusal
from shared.mediaservers.offset_walk import OffsetWalk, Part, Window, tracks_of
from shared.mediaservers.plex_answers import (
    is_key,
    parse_album,
    parse_container,
    parse_file,
    parse_genre,
    parse_lyric_keys,
    parse_metadata,
    parse_played,
    parse_row,
    parse_sections,
    parse_total,
    parse_user,
    parse_version,
    parse_words,
)
from shared.mediaservers.plex_genres import PlexGenres
from shared.mediaservers.plex_playlists import MAX_NAME, PlexPlaylists, pages
from shared.mediaservers.remote_server import RemoteServer

TRACKS = {"type": "10"}
CHUNK = 500


class PlexServer(RemoteServer):
    """See the module; raises what ``PlaylistServer`` says."""

    abilities = Abilities(name_limit=MAX_NAME)

    def __init__(self, config: ServerConfig, patience: Patience | None = None) -> None:
        """Raises ``InvalidInput`` that names the field at fault; whether the token works is seen later."""
        url = server_url(config.url)
        token = (config.password or "").strip()
        if not token:
            raise InvalidInput("token", "give the X-Plex-Token for this server")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise InvalidInput("token", "this is not an X-Plex-Token")
        self._login = {
            "X-Plex-Token": token,
            "X-Plex-Product": "Starling",
            "X-Plex-Client-Identifier": f"starling-{config.server_id}",
        }
        self._http = HttpServer(url.with_path(url.path.rstrip("/") + "/"), patience or Patience())
        super().__init__(config, self._http, PlexPlaylists(self._call, self._http.name))
        self._genres = PlexGenres(self._call)
        self._walk = OffsetWalk(self._parts, self._window)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 tracks, one library after the other."""
        if cursor is None:
            self._genres.forget()
        return await self._walk.page(cursor)

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file."""
        for track in parse_metadata(await self._metadata(item_id)):
            file = parse_file(track)
            if file is not None:
                headers = {**self._login, **range_header(byte_range)}
                answer = await self._http.open(file.key.lstrip("/"), {"download": "1"}, headers)
                return await original_audio(self._http, answer)
        raise ServerRefused("not_found", f"{self._name} has no file for track {item_id}")

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The libraries of music."""
        return parse_sections(await self._call("GET", "library/sections"))

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Every track with a play or a rating, of the libraries in use."""
        for part in await self._parts():
            path = f"library/sections/{part.name}/all"
            async for container in pages(self._call, self._name, path, TRACKS):
                found = filter(None, map(parse_played, parse_metadata(container)))
                for chunk in chunked(tuple(found), CHUNK):
                    yield chunk

    async def lyrics(self, item_id: str) -> str | None:
        """The words that Plex has found or the file has beside it."""
        for key in parse_lyric_keys(await self._metadata(item_id)):
            answer = await self._http.fetch(key.lstrip("/"), {}, self._login)
            if answer.status >= 400:
                raise refusal(answer.status, self._name)
            if words := parse_words(answer, self._name):
                return words
        return None

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, page: tuple[int, int] | None = None
    ) -> Json:
        """One request -> its container, empty for an answer of nothing. ``page`` is (start, size)."""
        headers = {**self._login, "Accept": "application/json"}
        if page is not None:
            headers |= {"X-Plex-Container-Start": str(page[0]), "X-Plex-Container-Size": str(page[1])}
        answer: Answer = await self._http.send(method, path, query or {}, headers)
        if method != "GET" and answer.status < 300 and not answer.body.strip():
            return {}
        return parse_container(answer, self._name)

    async def _metadata(self, item_id: str) -> Json:
        if not is_key(item_id):
            raise ServerRefused("not_found", f"{self._name} has no track {clean_text(item_id)}")
        return await self._call("GET", f"library/metadata/{item_id}")

    async def _introduce(self) -> tuple[str | None, str]:
        root = await self._call("GET", "")
        user = parse_user(root)
        return parse_version(root), f"; playlists will belong to {user}" if user else ""

    async def _parts(self) -> tuple[Part, ...]:
        """The libraries in use."""
        known = await self._known(self._chosen or ())
        return tuple(map(Part, self._chosen or sorted(known)))

    async def _window(self, part: str, offset: int, count: int) -> Window:
        container = await self._call("GET", f"library/sections/{part}/all", TRACKS, (offset, count))
        tracks = parse_metadata(container)
        genres = await self._genres.of(part) if any(parse_genre(track) is None for track in tracks) else {}
        rows = tuple(parse_row(self._server_id, track, genres) for track in tracks)
        total = parse_total(container, offset, count)
        return Window(rows, total, more=offset + len(rows) < total)

    async def _look_up(self, item_ids: Sequence[str]) -> dict[str, LibraryTrack]:
        found: dict[str, LibraryTrack] = {}
        for item_id in item_ids:
            tracks = parse_metadata(await self._metadata(item_id))
            genres = await self._album_genres(tracks)
            found |= tracks_of(parse_row(self._server_id, track, genres) for track in tracks)
        return found

    async def _album_genres(self, tracks: list[Json]) -> dict[str, str]:
        """The genres of the albums of single tracks that have none of their own."""
        albums = {album for track in tracks if parse_genre(track) is None and (album := parse_album(track))}
        found = {album: parse_metadata(await self._metadata(album)) for album in albums}
        return {album: genre for album, rows in found.items() for row in rows if (genre := parse_genre(row))}
