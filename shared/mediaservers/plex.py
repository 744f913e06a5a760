"""Plex Media Server, by its HTTP API with a token.

The token travels in a header, never in an address. Audio is the first file of a track as it is, never transcoded.
Whose playlists are written is a matter of the token; the server names its user only to its owner, so ``account`` is
what the settings say and does not depend on an answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

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
from shared.mediaservers.http import Answer, HttpServer, Patience, server_url
from shared.mediaservers.json_answers import Json, refusal
from shared.mediaservers.offset_walk import OffsetWalk, Part, Window
from shared.mediaservers.original import original_audio
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
from shared.mediaservers.tasting import look_around, taste_some

TRACKS = {"type": "10"}
CHUNK = 500


class PlexServer:
    """See the module; raises what ``PlaylistServer`` says."""

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
        self._lists = PlexPlaylists(self._call, self._http.name)
        self._genres = PlexGenres(self._call)
        self._server_id = config.server_id
        self._account = config.username or ""
        self._chosen = config.libraries
        self._walk = OffsetWalk(self._parts, self._window)

    @property
    def account(self) -> str:
        """The user name in the settings, if any; see the module."""
        return self._account

    @property
    def abilities(self) -> Abilities:
        """Playlists are their owner's alone."""
        return Abilities(name_limit=MAX_NAME)

    async def list_page(self, cursor: str | None) -> ListingPage:
        """The next 100 tracks, one library after the other."""
        if cursor is None:
            self._genres.forget()
        return await self._walk.page(cursor)

    async def describe(self, items: tuple[ListedItem, ...]) -> tuple[LibraryTrack, ...]:
        """What the listing said already; items from elsewhere are asked for one by one."""
        return tuple([item.track or await self._ask_for(item) for item in items])

    async def local_path(self, item_id: str) -> Path | None:
        """None: the paths of the server need not be paths of this machine."""
        return None

    async def open_audio(self, item_id: str, *, byte_range: str | None = None) -> AudioStream:
        """The original file."""
        for track in parse_metadata(await self._metadata(item_id)):
            file = parse_file(track)
            if file is not None:
                path = file.key.lstrip("/")
                return await original_audio(self._http, path, {"download": "1"}, self._login, byte_range)
        raise ServerRefused("not_found", f"{self._http.name} has no file for track {item_id}")

    async def test(self) -> ServerTest:
        """Ask for version and libraries, list a page, read the beginning of one track; never raises."""
        version = None
        try:
            root = await self._call("GET", "")
            version = parse_version(root)
            return await self._test(version, parse_user(root))
        except StarlingError as error:
            return ServerTest(False, str(getattr(error, "detail", error)), server_version=version)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()

    async def libraries(self) -> tuple[RemoteLibrary, ...]:
        """The libraries of music."""
        return parse_sections(await self._call("GET", "library/sections"))

    async def playlists(self) -> tuple[RemotePlaylist, ...]:
        """All playlists of music that the token's user can see."""
        return await self._lists.all()

    async def playlist_items(self, remote_id: str) -> tuple[str, ...]:
        """The track ids of a playlist in order."""
        return await self._lists.items(remote_id)

    async def create_playlist(self, name: str, item_ids: Sequence[str]) -> str:
        """Make a playlist and return its id; tracks the server does not know are left out."""
        return await self._lists.create(name, item_ids)

    async def set_playlist_items(self, remote_id: str, item_ids: Sequence[str]) -> None:
        """Make a playlist hold just these; tracks the server does not know are left out."""
        await self._lists.set_items(remote_id, item_ids)

    async def rename_playlist(self, remote_id: str, name: str) -> None:
        """Give a playlist another name."""
        await self._lists.rename(remote_id, name)

    async def delete_playlist(self, remote_id: str) -> None:
        """Delete a playlist; no error when it is gone already."""
        await self._lists.delete(remote_id)

    async def plays(self) -> AsyncIterator[tuple[Played, ...]]:
        """Every track with a play or a rating, of the libraries in use."""
        for part in await self._parts():
            path = f"library/sections/{part.name}/all"
            async for container in pages(self._call, self._http.name, path, TRACKS):
                found = filter(None, map(parse_played, parse_metadata(container)))
                while chunk := tuple(islice(found, CHUNK)):
                    yield chunk

    async def lyrics(self, item_id: str) -> str | None:
        """The words that Plex has found or the file has beside it."""
        for key in parse_lyric_keys(await self._metadata(item_id)):
            answer = await self._http.fetch(key.lstrip("/"), {}, self._login)
            if answer.status >= 400:
                raise refusal(answer.status, self._http.name)
            if words := parse_words(answer, self._http.name):
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
        return parse_container(answer, self._http.name)

    async def _metadata(self, item_id: str) -> Json:
        if not is_key(item_id):
            raise ServerRefused("not_found", f"{self._http.name} has no track {clean_text(item_id)}")
        return await self._call("GET", f"library/metadata/{item_id}")

    async def _parts(self) -> tuple[Part, ...]:
        """The libraries in use."""
        known = {library.library_id for library in await self.libraries()}
        for library_id in self._chosen or ():
            if library_id not in known:
                name = clean_text(library_id)
                raise ServerRefused("not_found", f"{self._http.name} has no music library {name} (any more)")
        return tuple(map(Part, sorted(known) if self._chosen is None else self._chosen))

    async def _window(self, part: str, offset: int, count: int) -> Window:
        container = await self._call("GET", f"library/sections/{part}/all", TRACKS, (offset, count))
        tracks = parse_metadata(container)
        genres = await self._genres.of(part) if any(parse_genre(track) is None for track in tracks) else {}
        rows = tuple(parse_row(self._server_id, track, genres) for track in tracks)
        return Window(rows, parse_total(container, offset, count))

    async def _ask_for(self, item: ListedItem) -> LibraryTrack:
        tracks = parse_metadata(await self._metadata(item.item_id))
        genres = await self._album_genres(tracks)
        rows = [parse_row(self._server_id, track, genres) for track in tracks]
        found = next((row.item.track for row in rows if row.item and row.row_id == item.item_id), None)
        if found is None:
            raise ServerRefused("not_found", f"{self._http.name} has no track {clean_text(item.item_id)}")
        versions = {"content_version": item.content_version, "meta_version": item.meta_version}
        return found.model_copy(update=versions)

    async def _album_genres(self, tracks: list[Json]) -> dict[str, str]:
        """The genres of the albums of single tracks that have none of their own."""
        albums = {album for track in tracks if parse_genre(track) is None and (album := parse_album(track))}
        found = {album: parse_metadata(await self._metadata(album)) for album in albums}
        return {album: genre for album, rows in found.items() for row in rows if (genre := parse_genre(row))}

    async def _test(self, version: str | None, user: str | None) -> ServerTest:
        libraries = await self.libraries()
        page = await look_around(self.list_page)
        if not page.items:
            problem = "the token works, but the server lists no music"
            return ServerTest(False, problem, server_version=version, libraries=libraries)
        await taste_some(page.items, self._taste)
        more = " or more" if page.next_cursor else ""
        count = len(page.items)
        whose = f"; playlists will belong to {user}" if user else ""
        return ServerTest(True, f"found {count}{more} tracks{whose}", count, version, libraries)

    async def _taste(self, item: ListedItem) -> None:
        """Read the first bytes of a track."""
        async with await self.open_audio(item.item_id) as stream:
            async for _ in stream.chunks:
                return
        raise ServerMisbehaved("incomplete_answer", f"{self._http.name} sent an empty file for track {item.item_id}")
