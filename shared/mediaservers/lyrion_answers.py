"""What a Lyrion Music Server answers, read by pure functions.

Numbers come as numbers or as text, a list of nothing has no key at all, and a name that is missing is null.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit
from uuid import UUID

from shared.errors import ServerMisbehaved, ServerRefused
from shared.mediaservers.base import ListedItem, Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import (
    clean_suffix,
    clean_text,
    fingerprint,
    listed_item,
    plain_lines,
    seconds,
    title_of_file,
    whole_number,
    year_of,
)
from shared.mediaservers.http import Answer
from shared.mediaservers.json_answers import Json, objects, read_object, text_id
from shared.mediaservers.offset_walk import Row
from shared.mediaservers.paths import suffix_of

KIND = "a Lyrion server"
MAX_COUNT = 10**8


def parse_result(answer: Answer, who: str) -> Json:
    """The ``result`` of a JSON-RPC answer. Raises like ``read_object``."""
    if answer.status == 401:
        words = "wants the user name and password of its security settings (HTTP 401 Unauthorized)"
        raise ServerRefused("wrong_password", f"{who} {words}")
    result = read_object(answer, who, KIND).get("result")
    if not isinstance(result, dict):
        raise ServerMisbehaved("wrong_type", f"{who} does not answer like {KIND}")
    return result


def parse_count(result: Json) -> int:
    """How many there are in all. Raises ``ServerMisbehaved`` where the server does not say."""
    count = whole_number(result.get("count"), low=0, high=MAX_COUNT)
    if count is None:
        raise ServerMisbehaved("incomplete_answer", "the server does not say how long its list is")
    return count


def parse_total(result: Json) -> int:
    """The answer to ``info total songs ?``; 0 where it says nothing."""
    return whole_number(result.get("_songs"), low=0, high=MAX_COUNT) or 0


def parse_version(result: Json) -> str | None:
    """What to call the server."""
    version = clean_text(result.get("_version"))
    return f"Lyrion Music Server {version}" if version else None


def is_scanning(result: Json) -> bool:
    """The server rebuilds its library at the moment."""
    return bool(whole_number(result.get("rescan")))


def parse_row(server_id: UUID, song: Json) -> Row:
    """A row of ``titles``. Streams of other services are left out silently, tracks that are only a part of a larger
    file (out of a cue sheet) with a word, since their bytes cannot be had alone."""
    item_id = text_id(song.get("id"))
    name = clean_text(song.get("title")) or "a track"
    if item_id is None:
        return Row(None, problem=f"{name} has no usable id")
    url = song.get("url")
    if not is_local(song):
        return Row(item_id)
    if isinstance(url, str) and "#" in url:
        return Row(item_id, problem=f"{name} is only a part of a larger file and cannot be fetched alone")
    return Row(item_id, item=_item(server_id, item_id, song))


def is_local(song: Json) -> bool:
    """A file of the server's own, and no stream."""
    url = song.get("url")
    return isinstance(url, str) and url.startswith("file:") and not whole_number(song.get("remote"))


def parse_url(song: Json) -> str | None:
    """What a track is called when it is added to a playlist; None for what may not be added."""
    url = song.get("url")
    return url if isinstance(url, str) and is_local(song) else None


def _item(server_id: UUID, item_id: str, song: Json) -> ListedItem:
    size = whole_number(song.get("filesize"), low=0, high=2**53)
    file_name = unquote(urlsplit(str(song.get("url"))).path).rsplit("/", 1)[-1]
    modified = song.get("modificationTime")
    content = fingerprint(size, modified, seconds(song.get("duration")), song.get("type"), song.get("bitrate"))
    artists = [clean_text(song.get(role)) for role in ("trackartist", "artist", "albumartist", "band")]
    description: Json = {
        "title": clean_text(song.get("title")) or title_of_file(file_name) or f"Track {item_id}",
        "artist": next(filter(None, artists), None),
        "album": clean_text(song.get("album")),
        "album_artist": clean_text(song.get("albumartist")) or clean_text(song.get("band")),
        "genre": clean_text(song.get("genres")) or clean_text(song.get("genre")),
        "year": year_of(song.get("year")),
        "track_number": whole_number(song.get("tracknum")),
        "disc_number": whole_number(song.get("disc")),
        "duration_s": seconds(song.get("duration")),
        "size_bytes": size,
        "suffix": clean_suffix(suffix_of(file_name)),
    }
    return listed_item(server_id, item_id, content, description)


def parse_songs(result: Json) -> list[Json]:
    """The rows of ``titles``."""
    return objects(result.get("titles_loop"), "tracks")


def parse_playlists(result: Json) -> list[RemotePlaylist]:
    """The rows of ``playlists``. Raises ``ServerMisbehaved`` on one without an id."""
    rows = objects(result.get("playlists_loop"), "playlists")
    return [RemotePlaylist(_id(row, "playlist"), clean_text(row.get("playlist")) or "") for row in rows]


def parse_entries(result: Json, start: int) -> list[tuple[str, str | None]]:
    """(track id, URL to add it by) of ``playlists tracks``, asked for from ``start`` on; empty where the server has
    begun elsewhere, as it does for a place behind the end."""
    rows = objects(result.get("playlisttracks_loop"), "playlist tracks")
    if rows and whole_number(rows[0].get("playlist index"), low=0, high=MAX_COUNT) != start:
        return []
    return [(_id(row, "track of a playlist"), parse_url(row)) for row in rows]


def _id(row: Json, what: str) -> str:
    found = text_id(row.get("id"))
    if found is None:
        raise ServerMisbehaved("incomplete_answer", f"the server lists a {what} without an id")
    return found


def parse_made(result: Json) -> str | None:
    """The id of a playlist just made; None when there was one of that name already, and none was made."""
    if "overwritten_playlist_id" in result:
        return None
    made = text_id(result.get("playlist_id"))
    if made is None:
        raise ServerMisbehaved("incomplete_answer", "the server does not say which playlist it has made")
    return made


def parse_played(song: Json) -> Played | None:
    """What is known of a track's plays; None for nothing. Ratings come as 0..100, the last play not at all."""
    item_id = text_id(song.get("id"))
    count = whole_number(song.get("playcount"), low=1, high=MAX_COUNT) or 0
    rating = whole_number(song.get("rating"), high=100)
    if item_id is None or not is_local(song) or not (count or rating):
        return None
    return Played(item_id, count, rating=rating / 20 if rating else None)


def parse_lyrics(result: Json) -> str | None:
    """The words out of ``songinfo``, which lists each thing it knows in an object of its own."""
    for row in objects(result.get("songinfo_loop"), "track details"):
        if isinstance(text := row.get("lyrics"), str):
            return plain_lines(text)
    return None


def parse_libraries(libraries: Json, folders: Json) -> tuple[RemoteLibrary, ...]:
    """Virtual libraries as ``library:<id>``, which come in no order, and folders at the top as ``folder:<url>``."""
    rows = objects(libraries.get("folder_loop"), "libraries")
    ids = [(text_id(row.get("id")), clean_text(row.get("name"))) for row in rows]
    found = [RemoteLibrary(f"library:{library_id}", name or library_id) for library_id, name in ids if library_id]
    found.sort(key=lambda library: library.library_id)
    for row in objects(folders.get("folder_loop"), "folders"):
        url = row.get("url")
        if row.get("type") == "folder" and isinstance(url, str) and url.startswith("file:"):
            name = clean_text(row.get("filename")) or clean_text(unquote(url.rstrip("/").rsplit("/", 1)[-1]))
            found.append(RemoteLibrary(f"folder:{url}", name or url))
    return tuple(found)


def lies_in(song: Json, folders: tuple[str, ...]) -> bool:
    """The track's file is inside one of these folders, given as URLs."""
    url = song.get("url")
    return isinstance(url, str) and any(url.startswith(folder.rstrip("/") + "/") for folder in folders)
