"""What a Plex server says, and what it is taken for."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.errors import ServerMisbehaved, ServerRefused
from shared.mediaservers.base import Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.http import Answer
from shared.mediaservers.plex_answers import (
    parse_container,
    parse_entries,
    parse_file,
    parse_lyric_keys,
    parse_machine,
    parse_made,
    parse_metadata,
    parse_played,
    parse_playlists,
    parse_row,
    parse_sections,
    parse_total,
    parse_user,
    parse_words,
)

SERVER = UUID(int=4)
PART = {"id": 9, "key": "/library/parts/9/1700000000/file.flac", "file": "C:\\music\\One.FLAC", "size": 1234}
TRACK = {
    "ratingKey": "58",
    "title": "One",
    "grandparentTitle": "Various Artists",
    "originalTitle": "Somebody",
    "parentTitle": "Sampler",
    "parentYear": 2004,
    "index": 3,
    "parentIndex": 2,
    "duration": 61_500,
    "updatedAt": 1_700_000_001,
    "Genre": [{"tag": "Pop"}, {"tag": "Rock"}],
    "Media": [{"id": 1, "Part": [PART]}],
}


def row(**changes: Any) -> Any:
    return parse_row(SERVER, {key: value for key, value in (TRACK | changes).items() if value is not None})


def track(**changes: Any) -> Any:
    return row(**changes).item.track


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, "application/json", body if isinstance(body, bytes) else json.dumps(body).encode())


def test_a_track_is_described() -> None:
    found = track()
    assert (found.item_id, found.title, found.artist, found.album_artist) == (
        "58",
        "One",
        "Somebody",
        "Various Artists",
    )
    assert (found.album, found.year, found.genre) == ("Sampler", 2004, "Pop; Rock")
    assert (found.track_number, found.disc_number, found.duration_s) == (3, 2, 61.5)
    assert (found.size_bytes, found.suffix) == (1234, "flac")


def test_the_artist_is_the_tracks_own_where_it_has_one() -> None:
    assert track(originalTitle=None).artist == "Various Artists"


def test_one_object_may_stand_for_a_list() -> None:
    assert track(Media={"Part": PART}, Genre={"tag": "Pop"}).genre == "Pop"


def test_a_refreshed_description_is_not_another_file() -> None:
    before = row().item
    assert row(updatedAt=9).item == before
    renamed = row(title="Two").item
    assert (renamed.content_version == before.content_version, renamed.meta_version == before.meta_version) == (
        True,
        False,
    )
    for change in ({"size": 1}, {"key": "/library/parts/9/1800000000/file.flac"}):
        other = row(Media=[{"Part": [PART | change]}]).item
        assert other.content_version != before.content_version


def test_a_track_without_file_or_id_is_left_out_with_a_word() -> None:
    assert row(Media=None).problem == "One has no file"
    assert row(Media=None).row_id == "58"
    assert row(ratingKey=None).problem == "One has no usable id"
    assert row(ratingKey="../x").row_id is None


@pytest.mark.parametrize("key", ["http://elsewhere/x", "library/parts/1", "/library/../accounts", "/:/prefs", None, 5])
def test_files_outside_the_library_are_not_asked_for(key: object) -> None:
    assert parse_file(TRACK | {"Media": [{"Part": [PART | {"key": key}]}]}) is None


def test_the_suffix_is_the_files_or_its_containers() -> None:
    def suffix(**changes: Any) -> Any:
        found = parse_file(TRACK | {"Media": [{"Part": [{**PART, **changes}]}]})
        return found and found.suffix

    assert suffix(file="/music/one.mp3") == "mp3"
    assert suffix(file=None, container="mp4") == "mp4"
    assert suffix(file=None) is None


def test_only_music_is_a_library() -> None:
    sections = [
        {"key": "1", "type": "movie", "title": "Films"},
        {"key": 5, "type": "artist", "title": "Music"},
        {"key": "../6", "type": "artist", "title": "No key"},
    ]
    assert parse_sections({"Directory": sections}) == (RemoteLibrary("5", "Music"),)
    assert parse_sections({"Directory": sections[1]}) == (RemoteLibrary("5", "Music"),)
    assert parse_sections({}) == ()


def test_totals() -> None:
    rows = [{"ratingKey": str(number)} for number in range(10)]
    assert parse_total({"Metadata": rows, "totalSize": 35}, 0, 10) == 35
    assert parse_total({"Metadata": rows[:5], "totalSize": "35"}, 30, 10) == 35
    assert parse_total({"Metadata": rows[:5]}, 30, 10) == 35
    assert parse_total({}, 0, 10) == 0
    assert parse_total({"Metadata": rows, "totalSize": 10}, 0, 10) == 11, "a full page may have another behind it"


def test_playlists_and_entries() -> None:
    lists = [{"ratingKey": "7", "title": "Seven", "leafCount": 3}, {"ratingKey": 8}]
    assert parse_playlists({"Metadata": lists}) == [RemotePlaylist("7", "Seven", 3), RemotePlaylist("8", "", None)]
    entries = [{"ratingKey": "1", "playlistItemID": 90}, {"ratingKey": "1", "playlistItemID": "91"}]
    assert parse_entries({"Metadata": entries}) == [("1", "90"), ("1", "91")]
    assert parse_made({"Metadata": [{"ratingKey": "7"}]}) == "7"
    for broken in ([{"title": "x"}], [{"ratingKey": "a/b"}]):
        with pytest.raises(ServerMisbehaved):
            parse_playlists({"Metadata": broken})
        with pytest.raises(ServerMisbehaved):
            parse_made({"Metadata": broken})
    with pytest.raises(ServerMisbehaved):
        parse_entries({"Metadata": [{"ratingKey": "1"}]})
    with pytest.raises(ServerMisbehaved):
        parse_made({})


def test_plays_and_ratings() -> None:
    moment = datetime(2024, 9, 6, 10, 37, 37, tzinfo=UTC)
    assert parse_played({"ratingKey": "1", "viewCount": 3, "lastViewedAt": 1725619057}) == Played("1", 3, moment)
    assert parse_played({"ratingKey": "1", "userRating": 7.0}) == Played("1", 0, rating=3.5)
    assert parse_played({"ratingKey": "1", "viewCount": 0, "userRating": -1}) is None
    assert parse_played({"viewCount": 3}) is None


def test_words_without_times_come_first() -> None:
    streams = [
        {"streamType": 2, "key": "/library/streams/1"},
        {"streamType": 4, "key": "/library/streams/2", "format": "lrc"},
        {"streamType": "4", "key": "/library/streams/3", "format": "txt"},
        {"streamType": 4, "key": "http://elsewhere/4"},
        {"streamType": 4},
    ]
    metadata = {"Metadata": {"Media": {"Part": {"Stream": streams}}}}
    assert parse_lyric_keys(metadata) == ["/library/streams/3", "/library/streams/2"]
    assert parse_lyric_keys({}) == []


def test_words_come_as_text_or_as_lines() -> None:
    assert parse_words(answer(b"[00:01.00]la\nla"), "it") == "la\nla"
    lines = [{"Span": [{"text": "la "}, {"text": "la"}]}, {}, {"Span": {"text": "end"}}]
    assert parse_words(answer({"MediaContainer": {"Lyrics": [{"Line": lines}]}}), "it") == "la la\n\nend"
    assert parse_words(answer({"MediaContainer": {}}), "it") is None


def test_answers_of_other_servers_and_bad_tokens_are_told_apart() -> None:
    assert parse_metadata(parse_container(answer({"MediaContainer": {"size": 0}}), "it")) == []
    with pytest.raises(ServerRefused, match="does not accept this token") as caught:
        parse_container(answer(b"<html>", 401), "it")
    assert caught.value.reason == "wrong_password"
    others: tuple[object, ...] = ({"subsonic-response": {}}, {"MediaContainer": []})
    for body in others:
        with pytest.raises(ServerMisbehaved, match="does not answer like a Plex server"):
            parse_container(answer(body), "it")


def test_who_the_server_and_the_user_are() -> None:
    assert parse_machine({"machineIdentifier": "abc123"}) == "abc123"
    for machine in ({}, {"machineIdentifier": "a/b"}):
        with pytest.raises(ServerMisbehaved):
            parse_machine(machine)
    assert parse_user({"myPlexUsername": "alice@example.com"}) == "alice@example.com"
    assert parse_user({"myPlexUsername": ""}) is None
