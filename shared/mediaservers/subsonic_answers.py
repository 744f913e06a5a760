"""What a Subsonic or OpenSubsonic server answers, read by pure functions.

Errors come as HTTP 200 with ``status: failed``. Some servers turn XML into JSON and send one object where a list of one
belongs, numbers as text, or nothing at all for an empty list.
"""

from __future__ import annotations

import html
import re
from uuid import UUID

from shared.errors import ServerMisbehaved, ServerRefused, StarlingError
from shared.mediaservers.base import ListedItem, Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import (
    clean_suffix,
    clean_text,
    fingerprint,
    join_texts,
    listed_item,
    moment,
    plain_lines,
    seconds,
    title_of_file,
    whole_number,
    year_of,
)
from shared.mediaservers.http import Answer
from shared.mediaservers.json_answers import Json, json_or_none, objects, refusal, text_of, unreadable

KIND = "a Subsonic server"

_REASONS = {
    40: "wrong_password",
    41: "wrong_password",
    42: "wrong_password",
    43: "wrong_password",
    44: "wrong_password",
    50: "forbidden",
    60: "forbidden",
    70: "not_found",
}
_UNKNOWN_ID = re.compile(r"invalid id|badly formed|not found|no such|unknown id|does not exist", re.IGNORECASE)
_XML_ERROR = re.compile(rb"<error\b([^>]{0,4000})>")
_XML_ATTRIBUTE = re.compile(r"""\b(code|message)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def parse_response(answer: Answer, who: str, hide: tuple[str, ...] = ()) -> Json:
    """The ``subsonic-response`` object of a successful answer.

    ``who`` names the server in messages, ``hide`` is blotted out of what it says. Raises ``ServerRefused`` with the
    server's own words, ``ServerUnavailable`` for half an answer, ``ServerMisbehaved`` for anything else.
    """
    response = _subsonic_object(answer, who)
    if response is None:
        if answer.status >= 400 and answer.status not in (404, 410):
            raise refusal(answer.status, who)
        raise ServerMisbehaved("not_subsonic", f"{who} has no Subsonic API at this address (HTTP {answer.status})")
    if response.get("status") == "failed" or "error" in response:
        raise parse_error(response.get("error"), who, hide)
    if answer.status >= 400:
        raise refusal(answer.status, who)
    return response


def _subsonic_object(answer: Answer, who: str) -> Json | None:
    """None for JSON, or an error page, that is no answer of a Subsonic server."""
    body = text_of(answer)
    data = json_or_none(body)
    if data is None and answer.status < 400:
        raise unreadable(body, who, KIND)
    response = data.get("subsonic-response") if isinstance(data, dict) else None
    return response if isinstance(response, dict) else None


def parse_error(error: object, who: str, hide: tuple[str, ...] = ()) -> ServerRefused:
    """The refusal that an ``error`` object means."""
    details: Json = error if isinstance(error, dict) else {}
    code = whole_number(details.get("code"), low=0, high=9999)
    words = clean_text(details.get("message")) or "no reason given"
    for secret in hide:
        words = words.replace(secret, "***")
    reason = _REASONS.get(code or 0, "refused")
    if not code and _UNKNOWN_ID.search(words):
        reason = "not_found"
    return ServerRefused(reason, f"{who} says: {words}" + (f" (code {code})" if code is not None else ""))


def parse_no_audio(answer: Answer, who: str, hide: tuple[str, ...] = ()) -> StarlingError:
    """Why a server sent text where audio was asked for."""
    found = _XML_ERROR.search(answer.body)
    if found:
        attributes = _XML_ATTRIBUTE.findall(found.group(1).decode("utf-8", "replace"))
        return parse_error({name: html.unescape(one or two) for name, one, two in attributes}, who, hide)
    if answer.status >= 400 and not answer.body.lstrip().startswith(b"{"):
        return refusal(answer.status, who)
    try:
        parse_response(answer, who, hide)
    except StarlingError as error:
        return error
    return ServerMisbehaved("wrong_type", f"{who} sent an answer without audio in it")


def child(response: Json, name: str) -> Json:
    """The object ``name`` of an answer; empty where it is missing or null, as some servers do for nothing."""
    value = response.get(name)
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ServerMisbehaved("wrong_type", f"the server's {name} is not an object")
    return value


def parse_albums(response: Json) -> list[Json]:
    """The albums of ``getAlbumList2``; one without an id cannot be asked for and is a fault of the server."""
    albums = objects(child(response, "albumList2").get("album"), "albums")
    if any(parse_id(album) is None for album in albums):
        raise ServerMisbehaved("incomplete_answer", "the server lists an album without an id")
    return albums


def parse_album_songs(response: Json) -> tuple[Json, list[Json]]:
    """The album and its songs of ``getAlbum``."""
    album = child(response, "album")
    return album, objects(album.get("song"), "songs")


def parse_search(response: Json) -> list[Json]:
    """The songs of ``search3``."""
    return objects(child(response, "searchResult3").get("song"), "songs")


def parse_extensions(response: Json) -> frozenset[str]:
    """The names of what ``getOpenSubsonicExtensions`` announces."""
    announced = objects(response.get("openSubsonicExtensions"), "extensions")
    return frozenset(str(extension.get("name")) for extension in announced)


def parse_libraries(response: Json) -> tuple[RemoteLibrary, ...]:
    """The music folders of ``getMusicFolders``; one without an id cannot be chosen."""
    folders = objects(child(response, "musicFolders").get("musicFolder"), "music folders")
    found = [(parse_id(folder), clean_text(folder.get("name"))) for folder in folders]
    return tuple(RemoteLibrary(library_id, name or library_id) for library_id, name in found if library_id)


def parse_playlists(response: Json) -> tuple[RemotePlaylist, ...]:
    """The playlists of ``getPlaylists``. Raises ``ServerMisbehaved`` on one without an id."""
    found = []
    for playlist in objects(child(response, "playlists").get("playlist"), "playlists"):
        remote_id = parse_id(playlist)
        if remote_id is None:
            raise ServerMisbehaved("incomplete_answer", "the server lists a playlist without an id")
        name = playlist.get("name")
        owner = clean_text(playlist.get("owner"))
        found.append(RemotePlaylist(remote_id, str(name or ""), song_count(playlist), owner))
    return tuple(found)


def parse_playlist_items(response: Json) -> tuple[str, ...]:
    """The song ids of ``getPlaylist``, in order. Raises ``ServerMisbehaved`` on a song without an id."""
    ids = [parse_id(song) for song in objects(child(response, "playlist").get("entry"), "songs")]
    if None in ids:
        raise ServerMisbehaved("incomplete_answer", "the server lists a song without an id")
    return tuple(item_id for item_id in ids if item_id is not None)


def parse_played(song: Json) -> Played | None:
    """What the account did with a song; None for nothing."""
    item_id = parse_id(song)
    count = whole_number(song.get("playCount"), low=0, high=10**9) or 0
    rating = whole_number(song.get("userRating"), low=1, high=5)
    at = moment(song.get("played"))
    favourite = bool(song.get("starred"))
    if item_id is None or not (count or rating or at or favourite):
        return None
    return Played(item_id, count, at, None if rating is None else float(rating), favourite)


def parse_structured_lyrics(response: Json) -> str | None:
    """The words of ``getLyricsBySongId``: those without times if there are any, else the first."""
    versions = objects(child(response, "lyricsList").get("structuredLyrics"), "lyrics")
    texts = []
    for version in sorted(versions, key=lambda version: version.get("synced") is True):
        lines = objects(version.get("line"), "lines")
        texts.append(plain_lines("\n".join(str(line.get("value") or "") for line in lines)))
    return next((text for text in texts if text), None)


def parse_lyrics(response: Json, title: str) -> str | None:
    """The words of ``getLyrics``, which looks for a title; None where it found another one."""
    found = child(response, "lyrics")
    named = clean_text(found.get("title"))
    if named is not None and named.casefold() != (clean_text(title) or "").casefold():
        return None
    text = found.get("value")
    return plain_lines(text) if isinstance(text, str) else None


def parse_id(entry: Json) -> str | None:
    """The id as text, or None where there is none that can be stored."""
    value = entry.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value and "\0" not in value and len(value) <= 1000:
        try:
            value.encode()
        except UnicodeEncodeError:
            return None
        return value
    return None


def song_count(album: Json) -> int | None:
    """How many songs the server says the album has."""
    return whole_number(album.get("songCount"), low=0, high=1_000_000)


def parse_song(server_id: UUID, song: Json, album: Json) -> ListedItem | None:
    """One song as a listing item; None where it has no usable id. ``album`` fills in what the song does not say."""
    item_id = parse_id(song)
    if item_id is None:
        return None
    size = whole_number(song.get("size"), low=0, high=2**53)
    suffix = clean_suffix(song.get("suffix"))
    content = fingerprint(size, song.get("duration"), suffix, song.get("bitRate"), song.get("created"))
    description: Json = {
        "title": clean_text(song.get("title")) or title_of_file(song.get("path")) or f"Track {clean_text(item_id)}",
        "artist": clean_text(song.get("displayArtist")) or clean_text(song.get("artist")),
        "album": clean_text(song.get("album")) or clean_text(album.get("name")),
        "album_artist": _album_artist(song, album),
        "genre": _genres(song),
        "year": year_of(song.get("year")) or year_of(album.get("year")),
        "track_number": whole_number(song.get("track")),
        "disc_number": whole_number(song.get("discNumber")),
        "duration_s": seconds(song.get("duration")),
        "size_bytes": size,
        "suffix": suffix,
    }
    return listed_item(server_id, item_id, content, description)


def _album_artist(song: Json, album: Json) -> str | None:
    for entry in (song, album):
        for name in ("displayAlbumArtist", "albumArtist"):
            if text := clean_text(entry.get(name)):
                return text
    return clean_text(album.get("displayArtist")) or clean_text(album.get("artist"))


def _genres(song: Json) -> str | None:
    """OpenSubsonic's list of genres, else the one genre."""
    several = song.get("genres")
    names = [entry.get("name") for entry in several if isinstance(entry, dict)] if isinstance(several, list) else []
    return join_texts(names) or clean_text(song.get("genre"))
