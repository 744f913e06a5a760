"""What Jellyfin and Emby answer, read by pure functions.

Both grew from one server, MediaBrowser, and speak of the same things: items, users, views, entries of a playlist.
Times are counted in ticks of 100 ns. Lists may be plain or wrapped as ``{"Items": [...], "TotalRecordCount": n}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from uuid import UUID

from shared.errors import ServerMisbehaved, ServerRefused
from shared.mediaservers.base import ListedItem, Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import (
    clean_suffix,
    clean_text,
    fingerprint,
    join_texts,
    listed_item,
    moment,
    seconds,
    title_of_file,
    whole_number,
    year_of,
)
from shared.mediaservers.http import Answer
from shared.mediaservers.json_answers import Json, json_or_none, objects, refusal, several, text_of, unreadable
from shared.mediaservers.offset_walk import Row
from shared.mediaservers.paths import suffix_of

TICKS_PER_S = 10_000_000
MAX_WORDS = 300
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Entries:
    """A slice of a list; ``total`` is how many the server says the whole list has, None where it does not say."""

    items: list[Json]
    total: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in a playlist: ``entry_id`` is what removes it."""

    item_id: str
    entry_id: str


@dataclass(frozen=True, slots=True)
class User:
    """A user of the server."""

    user_id: str
    name: str
    administrator: bool = False


def parse_json(answer: Answer, who: str, kind: str, hide: tuple[str, ...] = ()) -> object:
    """The JSON of an answer, None for an empty one (what writes are answered with).

    ``who`` and ``kind`` name the server in messages, ``hide`` is blotted out of what it says.
    Raises ``ServerRefused`` with the server's own words for a status of 400 and above, ``ServerUnavailable`` for half
    an answer, ``ServerMisbehaved`` for anything that is no JSON.
    """
    if answer.status >= 400:
        raise parse_refusal(answer, who, hide)
    body = text_of(answer)
    if not body and answer.status == 204:
        return None
    data = json_or_none(body)
    if data is None and body != "null":
        raise unreadable(body, who, kind)
    return data


def parse_refusal(answer: Answer, who: str, hide: tuple[str, ...] = ()) -> ServerRefused:
    """A refusal in the server's own words, as far as it has any."""
    words = _words(answer)
    for secret in filter(None, hide):
        words = words and words.replace(secret, "***")
    return refusal(answer.status, who, words)


def _words(answer: Answer) -> str | None:
    """The detail or title of a problem, or a short plain text; never a page."""
    text = text_of(answer)[:8000]
    said = json_or_none(text)
    if said is None and "<" not in text:
        said = text
    if isinstance(said, dict):
        said = said.get("detail") or said.get("title") or said.get("Message")
    cleaned = clean_text(said) if isinstance(said, str) else None
    return cleaned[:MAX_WORDS] if cleaned else None


def an_object(value: object, what: str) -> Json:
    """``value`` if it is an object; raises ``ServerMisbehaved`` that names what was asked for."""
    if not isinstance(value, dict):
        raise ServerMisbehaved("wrong_type", f"the server's {what} is not an object")
    return value


def parse_entries(value: object, what: str) -> Entries:
    """A list, plain or wrapped; one object stands for a list of one, nothing for an empty one."""
    if not isinstance(value, dict | list):
        raise ServerMisbehaved("wrong_type", f"the server's list of {what} is no list")
    wrapped = isinstance(value, dict) and ("Items" in value or "TotalRecordCount" in value)
    found = value.get("Items") if wrapped and isinstance(value, dict) else value
    items = objects(found, what)
    total = whole_number(value.get("TotalRecordCount"), low=0, high=10**9) if isinstance(value, dict) else None
    return Entries(items, total if wrapped else len(items))


def parse_id(value: object) -> str | None:
    """An id as text: hex digits on Jellyfin, a number on Emby; None for what cannot stand in an address."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def parse_login(value: object) -> tuple[str, User]:
    """Token and user of a successful login."""
    found = an_object(value, "answer to the login")
    token, user = found.get("AccessToken"), parse_user(an_object(found.get("User"), "user"))
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or '"' in token or not token:
        raise ServerMisbehaved("incomplete_answer", "the server accepted the login but sent no usable token")
    if user is None:
        raise ServerMisbehaved("incomplete_answer", "the server accepted the login but did not say whose it is")
    return token, user


def parse_user(entry: Json) -> User | None:
    """A user, None without an id or when its account is disabled."""
    user_id, name = parse_id(entry.get("Id")), clean_text(entry.get("Name"))
    policy = entry.get("Policy") if isinstance(entry.get("Policy"), dict) else {}
    if user_id is None or name is None or (isinstance(policy, dict) and policy.get("IsDisabled") is True):
        return None
    return User(user_id, name, isinstance(policy, dict) and policy.get("IsAdministrator") is True)


def choose_user(users: list[User], username: str | None, who: str) -> User:
    """The user of that name, in any case; without a name the first administrator. Raises ``ServerRefused``."""
    for user in users:
        if user.name.casefold() == username.casefold() if username else user.administrator:
            return user
    if username:
        raise ServerRefused("not_found", f"{who} has no user named {clean_text(username)}")
    raise ServerRefused("not_found", f"{who} shows no administrator; name the user whose playlists are written")


def parse_library(view: Json) -> RemoteLibrary | None:
    """A view as a library, None for one that holds no music (films, playlists)."""
    library_id = parse_id(view.get("Id"))
    if library_id is None or view.get("CollectionType") not in {"music", "mixed", "unknown", None, ""}:
        return None
    return RemoteLibrary(library_id, clean_text(view.get("Name")) or library_id)


def parse_version(value: object, kind: str) -> str | None:
    """Name and version of the server, as far as it says."""
    info = value if isinstance(value, dict) else {}
    version = clean_text(info.get("Version"))
    return f"{kind} {version}" if version else None


def other_kind(value: object, kind: str) -> str | None:
    """Which of the two kinds of server this is if it is not ``kind``: each answers some calls of the other. Only
    Jellyfin names its product."""
    product = value.get("ProductName") if isinstance(value, dict) else None
    found = "Jellyfin" if isinstance(product, str) and "jellyfin" in product.lower() else "Emby"
    return None if found == kind else found


def parse_row(server_id: UUID, item: Json) -> Row:
    """A row of a list of tracks; what is no audio is left out."""
    item_id = parse_id(item.get("Id"))
    if item.get("Type") not in {"Audio", None}:
        return Row(item_id)
    found = parse_item(server_id, item)
    problem = None if found else f"{clean_text(item.get('Name')) or 'a track'} has no usable id"
    return Row(item_id, found, problem)


def parse_item(server_id: UUID, item: Json) -> ListedItem | None:
    """One track as a listing item; None where it has no usable id."""
    item_id = parse_id(item.get("Id"))
    if item_id is None:
        return None
    source = _source(item)
    size = whole_number(source.get("Size", item.get("Size")), low=0, high=2**53)
    length = _length(item, source)
    container, path = item.get("Container") or source.get("Container"), _path(item, source)
    changed = (source.get("ETag"), item.get("DateModified"), source.get("Bitrate"), item.get("DateCreated"))
    content = fingerprint(size, length, container, *changed)
    description: Json = {
        "title": clean_text(item.get("Name")) or title_of_file(path) or f"Track {item_id}",
        "artist": _artist(item),
        "album": clean_text(item.get("Album")),
        "album_artist": clean_text(item.get("AlbumArtist")),
        "genre": join_texts(several(item.get("Genres"))),
        "year": year_of(item.get("ProductionYear")),
        "track_number": whole_number(item.get("IndexNumber")),
        "disc_number": whole_number(item.get("ParentIndexNumber")),
        "duration_s": length,
        "size_bytes": size,
        "suffix": clean_suffix(suffix_of(path)) or clean_suffix(container),
    }
    return listed_item(server_id, item_id, content, description)


def _source(item: Json) -> Json:
    """The first file of a track; the others are other versions of it."""
    sources = several(item.get("MediaSources"))
    return sources[0] if sources and isinstance(sources[0], dict) else {}


def _length(item: Json, source: Json) -> float | None:
    ticks = item.get("RunTimeTicks") or source.get("RunTimeTicks")
    return seconds(ticks / TICKS_PER_S) if isinstance(ticks, int | float) and not isinstance(ticks, bool) else None


def _path(item: Json, source: Json) -> str:
    """The path as the server's system writes it; good for a suffix and a title, not for opening."""
    path = item.get("Path") or source.get("Path")
    return path.replace("\\", "/").rsplit("/", 1)[-1] if isinstance(path, str) else ""


def _artist(item: Json) -> str | None:
    named = [entry.get("Name") for entry in several(item.get("ArtistItems")) if isinstance(entry, dict)]
    return join_texts(several(item.get("Artists"))) or join_texts(named) or clean_text(item.get("AlbumArtist"))


def parse_played(item: Json) -> Played | None:
    """What the user data of a track say; None where it was neither played nor liked nor rated. The server's rating
    goes from 0 to 10, ours to 5 stars."""
    item_id, data = parse_id(item.get("Id")), item.get("UserData")
    if item_id is None or not isinstance(data, dict):
        return None
    rating = data.get("Rating")
    stars = min(max(rating / 2, 0.0), 5.0) if isinstance(rating, int | float) else None
    count = whole_number(data.get("PlayCount"), low=0, high=10**9) or 0
    at = moment(data.get("LastPlayedDate"))
    heart = data.get("IsFavorite") is True
    if not (count or stars or heart or at):
        return None
    return Played(item_id, count, at, stars or None, heart)


def parse_playlist(item: Json) -> RemotePlaylist:
    """A playlist of a listing. Raises ``ServerMisbehaved`` for one without an id: it could be ours."""
    playlist_id = parse_id(item.get("Id"))
    if playlist_id is None:
        raise ServerMisbehaved("incomplete_answer", "the server lists a playlist without an id")
    name = item.get("Name")
    return RemotePlaylist(playlist_id, name if isinstance(name, str) else "")


def parse_entry(item: Json) -> Entry:
    """One place of a playlist. Raises ``ServerMisbehaved`` where an id is missing."""
    item_id, entry_id = parse_id(item.get("Id")), parse_id(item.get("PlaylistItemId"))
    if item_id is None or entry_id is None:
        raise ServerMisbehaved("incomplete_answer", "the server lists an entry of a playlist without an id")
    return Entry(item_id, entry_id)


def parse_created(value: object) -> str:
    """The id of a new playlist."""
    playlist_id = parse_id(an_object(value, "answer to a new playlist").get("Id"))
    if playlist_id is None:
        raise ServerMisbehaved("incomplete_answer", "the server did not say which playlist it has made")
    return playlist_id


def parse_lyrics(value: object) -> str | None:
    """Jellyfin's lyrics as plain lines."""
    return _lines(several(value.get("Lyrics")) if isinstance(value, dict) else [])


def parse_track_events(value: object) -> str | None:
    """Emby's lyrics, which come as the events of a subtitle stream, as plain lines."""
    return _lines(several(value.get("TrackEvents")) if isinstance(value, dict) else [])


def _lines(entries: list[object]) -> str | None:
    texts = [entry.get("Text") for entry in entries if isinstance(entry, dict)]
    lines = [line.strip() for text in texts if isinstance(text, str) for line in text.replace("\0", "").split("\n")]
    return "\n".join(lines).strip() or None


def lyrics_stream(item: Json) -> tuple[str, int] | None:
    """Media source and index of the stream that holds a track's words on Emby: a subtitle stream made of text."""
    for source in several(item.get("MediaSources")):
        source_id = parse_id(source.get("Id")) if isinstance(source, dict) else None
        for stream in several(source.get("MediaStreams")) if isinstance(source, dict) else []:
            if not isinstance(stream, dict) or stream.get("Type") != "Subtitle":
                continue
            index = whole_number(stream.get("Index"), low=0)
            if source_id is not None and index is not None and stream.get("IsTextSubtitleStream") is not False:
                return source_id, index
    return None
