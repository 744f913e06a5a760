"""What a Plex Media Server answers, read by pure functions. Times are seconds since 1970, durations milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from shared.errors import ServerMisbehaved, ServerRefused
from shared.mediaservers.base import Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import (
    clean_suffix,
    clean_text,
    fingerprint,
    join_texts,
    listed_item,
    plain_lines,
    seconds,
    whole_number,
    year_of,
)
from shared.mediaservers.http import Answer
from shared.mediaservers.json_answers import Json, objects, read_object, text_id
from shared.mediaservers.offset_walk import Row
from shared.mediaservers.paths import suffix_of

KIND = "a Plex server"
LYRICS = 4
MAX_COUNT = 10**8


def parse_container(answer: Answer, who: str) -> Json:
    """The ``MediaContainer`` of an answer. Raises like ``read_object``; a login that fails is a matter of the token."""
    if answer.status == 401:
        raise ServerRefused("wrong_password", f"{who} does not accept this token (HTTP 401 Unauthorized)")
    container = read_object(answer, who, KIND).get("MediaContainer")
    if not isinstance(container, dict):
        raise ServerMisbehaved("wrong_type", f"{who} does not answer like {KIND}")
    return container


def parse_version(container: Json) -> str | None:
    """What to call the server."""
    version = clean_text(container.get("version"))
    return f"Plex Media Server {version}" if version else None


def parse_machine(container: Json) -> str:
    """The id that stands for the server in addresses of tracks."""
    machine = clean_text(container.get("machineIdentifier"))
    if not machine or not machine.isalnum():
        raise ServerMisbehaved("incomplete_answer", "the server does not say which machine it is")
    return machine


def parse_user(container: Json) -> str | None:
    """Whose token it is, where the server says so."""
    return clean_text(container.get("myPlexUsername"))


def parse_sections(container: Json) -> tuple[RemoteLibrary, ...]:
    """The sections that hold music."""
    found = []
    for section in objects(container.get("Directory"), "libraries"):
        key = text_id(section.get("key"))
        if key and key.isalnum() and section.get("type") == "artist":
            found.append(RemoteLibrary(key, clean_text(section.get("title")) or f"Library {key}"))
    return tuple(found)


def parse_metadata(container: Json) -> list[Json]:
    """The things of a listing."""
    return objects(container.get("Metadata"), "items")


def parse_total(container: Json, offset: int, asked: int) -> int:
    """How many rows there are in all, asked for ``asked`` from ``offset`` on. A full page may have another one behind
    it, whatever the announced total says."""
    rows = len(parse_metadata(container))
    seen = offset + rows
    total = whole_number(container.get("totalSize"), low=0, high=MAX_COUNT)
    return max(seen if total is None else total, seen + (rows >= asked))


@dataclass(frozen=True, slots=True)
class File:
    """The first file of a track: where its bytes are, and what is known of them."""

    key: str
    size: int | None
    suffix: str | None


def parse_file(track: Json) -> File | None:
    """None where a track has no file, or one with an address outside the library."""
    for media in objects(track.get("Media"), "media"):
        for part in objects(media.get("Part"), "files"):
            key = part.get("key")
            if not isinstance(key, str) or not key.startswith("/library/") or "/../" in key:
                continue
            name = part.get("file")
            suffix = suffix_of(name.replace("\\", "/").rsplit("/", 1)[-1]) if isinstance(name, str) else ""
            container = clean_suffix(suffix) or clean_suffix(part.get("container"))
            return File(key, whole_number(part.get("size"), low=0, high=2**53), container)
    return None


def parse_row(server_id: UUID, track: Json, genres: Mapping[str, str] | None = None) -> Row:
    """A track of a listing; ``genres`` are those of albums, for tracks without one of their own.

    The file's address holds the time the file was changed, so that with the size stands for the bytes; ``updatedAt``
    changes with every refresh of the description, too.
    """
    item_id = parse_key(track)
    name = clean_text(track.get("title")) or "a track"
    if item_id is None:
        return Row(None, problem=f"{name} has no usable id")
    file = parse_file(track)
    if file is None:
        return Row(item_id, problem=f"{name} has no file")
    duration = whole_number(track.get("duration"), low=1, high=10**10)
    content = fingerprint(file.key, file.size, duration)
    artist = clean_text(track.get("grandparentTitle"))
    description: Json = {
        "title": clean_text(track.get("title")) or f"Track {item_id}",
        "artist": clean_text(track.get("originalTitle")) or artist,
        "album": clean_text(track.get("parentTitle")),
        "album_artist": artist,
        "genre": parse_genre(track) or (genres or {}).get(parse_album(track) or ""),
        "year": year_of(track.get("year")) or year_of(track.get("parentYear")),
        "track_number": whole_number(track.get("index")),
        "disc_number": whole_number(track.get("parentIndex")),
        "duration_s": seconds(duration / 1000) if duration else None,
        "size_bytes": file.size,
        "suffix": file.suffix,
    }
    return Row(item_id, listed_item(server_id, item_id, content, description))


def parse_genre(entry: Json) -> str | None:
    """The genres of a track or an album in one line."""
    return join_texts([genre.get("tag") for genre in objects(entry.get("Genre"), "genres")])


def parse_album(track: Json) -> str | None:
    """The number of a track's album."""
    return parse_key({"ratingKey": track.get("parentRatingKey")})


def parse_key(entry: Json) -> str | None:
    """The number that Plex knows something by; None for anything else."""
    key = text_id(entry.get("ratingKey"))
    return key if key is not None and is_key(key) else None


def is_key(text: str) -> bool:
    """Plex counts; anything else must not get into an address."""
    return text.isascii() and text.isdigit()


def parse_playlists(container: Json) -> list[RemotePlaylist]:
    """The rows of ``/playlists``. Raises ``ServerMisbehaved`` on one without an id."""
    found = []
    for playlist in parse_metadata(container):
        count = whole_number(playlist.get("leafCount"), low=0, high=MAX_COUNT)
        found.append(RemotePlaylist(_key(playlist, "playlist"), clean_text(playlist.get("title")) or "", count))
    return found


def parse_entries(container: Json) -> list[tuple[str, str]]:
    """(track, the id of its place in the playlist) in order."""
    found = []
    for entry in parse_metadata(container):
        place = text_id(entry.get("playlistItemID"))
        if place is None or not is_key(place):
            raise ServerMisbehaved("incomplete_answer", "the server lists a playlist's track without its place")
        found.append((_key(entry, "track of a playlist"), place))
    return found


def parse_made(container: Json) -> str:
    """The id of a playlist just made."""
    made = [parse_key(playlist) for playlist in parse_metadata(container)]
    if len(made) != 1 or made[0] is None:
        raise ServerMisbehaved("incomplete_answer", "the server does not say which playlist it has made")
    return made[0]


def _key(entry: Json, what: str) -> str:
    found = parse_key(entry)
    if found is None:
        raise ServerMisbehaved("incomplete_answer", f"the server lists a {what} without an id")
    return found


def parse_played(track: Json) -> Played | None:
    """What is known of a track's plays; None for nothing. Ratings come as 0..10."""
    item_id = parse_key(track)
    count = whole_number(track.get("viewCount"), low=1, high=MAX_COUNT) or 0
    viewed = whole_number(track.get("lastViewedAt"), low=1, high=2**40)
    rating = track.get("userRating")
    stars = float(rating) / 2 if isinstance(rating, int | float) and 0 < rating <= 10 else None
    if item_id is None or not (count or viewed or stars):
        return None
    return Played(item_id, count, datetime.fromtimestamp(viewed, UTC) if viewed else None, stars)


def parse_lyric_keys(container: Json) -> list[str]:
    """Where the words of a track are, those without times first."""
    streams = [
        stream
        for track in parse_metadata(container)
        for media in objects(track.get("Media"), "media")
        for part in objects(media.get("Part"), "files")
        for stream in objects(part.get("Stream"), "streams")
        if whole_number(stream.get("streamType")) == LYRICS
    ]
    streams.sort(key=lambda stream: stream.get("format") == "lrc" or bool(stream.get("timed")))
    keys = [stream.get("key") for stream in streams]
    return [key for key in keys if isinstance(key, str) and key.startswith("/library/streams/") and "/../" not in key]


def parse_words(answer: Answer, who: str) -> str | None:
    """The words out of a stream: text, LRC, or JSON lines."""
    if not answer.body.lstrip().startswith(b"{"):
        return plain_lines(answer.body.decode("utf-8", "replace"))
    lines = []
    for lyrics in objects(parse_container(answer, who).get("Lyrics"), "lyrics"):
        for line in objects(lyrics.get("Line"), "lines"):
            spans = objects(line.get("Span"), "words")
            lines.append("".join(str(span.get("text") or "") for span in spans))
    return plain_lines("\n".join(lines))
