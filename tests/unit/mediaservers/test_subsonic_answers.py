"""Answers of Subsonic servers, read without one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from shared.errors import InvalidInput, ServerMisbehaved, ServerRefused
from shared.mediaservers.base import ServerConfig
from shared.mediaservers.http import Answer, retry_after, server_url
from shared.mediaservers.subsonic import SubsonicServer, server_version
from shared.mediaservers.subsonic_answers import (
    parse_album_songs,
    parse_albums,
    parse_error,
    parse_id,
    parse_no_audio,
    parse_response,
    parse_search,
    parse_song,
)
from shared.messages import track_id

SERVER = UUID(int=7)
WHO = "the server at music:4533"

# A song as an OpenSubsonic server sends it, put together by hand from the API's description.
SONG: dict[str, Any] = {
    "id": "tr-1",
    "isDir": False,
    "title": "Beta (feat. Guest)",
    "album": "Second Steps",
    "artist": "The Fixtures",
    "displayArtist": "The Fixtures & Guest",
    "displayAlbumArtist": "The Fixtures",
    "track": 2,
    "discNumber": 1,
    "year": 2003,
    "genre": "Rock",
    "genres": [{"name": "Rock"}, {"name": "Pop"}],
    "size": 8421341,
    "suffix": "FLAC",
    "duration": 146,
    "bitRate": 980,
    "created": "2023-01-02T03:04:05Z",
    "playCount": 3,
    "path": "The Fixtures/Second Steps/02 Beta.flac",
}


def test_a_song_becomes_a_track() -> None:
    item = parse_song(SERVER, SONG, {})
    assert item is not None
    assert item.track is not None
    assert item.track.model_dump() == {
        "track_id": track_id(SERVER, "tr-1"),
        "item_id": "tr-1",
        "content_version": item.content_version,
        "meta_version": item.meta_version,
        "title": "Beta (feat. Guest)",
        "artist": "The Fixtures & Guest",
        "album": "Second Steps",
        "album_artist": "The Fixtures",
        "genre": "Rock; Pop",
        "year": 2003,
        "track_number": 2,
        "disc_number": 1,
        "duration_s": 146.0,
        "size_bytes": 8421341,
        "suffix": "flac",
    }


@pytest.mark.parametrize("field", ["size", "duration", "suffix", "bitRate", "created"])
def test_the_content_version_changes_with_the_file(field: str) -> None:
    before, after = parse_song(SERVER, SONG, {}), parse_song(SERVER, {**SONG, field: "77"}, {})
    assert before is not None
    assert after is not None
    assert before.content_version != after.content_version


@pytest.mark.parametrize("field", ["title", "displayArtist", "album", "displayAlbumArtist", "year", "track", "genres"])
def test_the_meta_version_changes_with_the_description_alone(field: str) -> None:
    before, after = parse_song(SERVER, SONG, {}), parse_song(SERVER, {**SONG, field: "77"}, {})
    assert before is not None
    assert after is not None
    assert before.meta_version != after.meta_version
    assert before.content_version == after.content_version


def test_listening_changes_nothing() -> None:
    assert parse_song(SERVER, SONG, {}) == parse_song(SERVER, {**SONG, "playCount": 4, "played": "now"}, {})


@pytest.mark.parametrize(
    ("song", "title"),
    [
        ({"title": " "}, "Track x"),
        ({"title": "", "path": "a/b/03 Name.flac"}, "03 Name"),
        ({"title": None, "path": "Name"}, "Name"),
        ({"path": 7}, "Track x"),
    ],
)
def test_a_missing_title_is_replaced(song: dict[str, Any], title: str) -> None:
    item = parse_song(SERVER, {"id": "x", **song}, {})
    assert item is not None
    assert item.track is not None
    assert item.track.title == title


def test_wrong_types_leave_fields_empty() -> None:
    odd: dict[str, Any] = {name: {"unexpected": []} for name in SONG}
    item = parse_song(SERVER, {**odd, "id": "x"}, {"name": [], "year": {}, "artist": 0.5})
    assert item is not None
    assert item.track is not None
    assert item.track.title == "Track x"


def test_ids() -> None:
    assert [parse_id({"id": value}) for value in ("a", 5, "", None, True, "n\0", "\ud800", ["a"], 1.5)] == (
        ["a", "5"] + [None] * 7
    )
    assert parse_id({}) is None


def test_albums_and_songs_are_found_where_they_are() -> None:
    assert parse_albums({}) == parse_albums({"albumList2": None}) == parse_albums({"albumList2": ""}) == []
    assert parse_albums({"albumList2": {"album": {"id": "1"}}}) == [{"id": "1"}]
    assert parse_album_songs({"album": {"name": "A", "song": {"id": "s"}}}) == (
        {"name": "A", "song": {"id": "s"}},
        [{"id": "s"}],
    )
    assert parse_search({"searchResult3": {"song": [{"id": "s"}]}}) == [{"id": "s"}]
    with pytest.raises(ServerMisbehaved, match="without an id"):
        parse_albums({"albumList2": {"album": [{"name": "nameless"}]}})


def test_errors_are_told_in_the_servers_words_without_secrets() -> None:
    error = parse_error({"code": 40, "message": "bad token abc123\n for alice"}, WHO, ("abc123",))
    assert (error.reason, error.detail) == ("wrong_password", f"{WHO} says: bad token *** for alice (code 40)")
    assert parse_error(None, WHO).detail == f"{WHO} says: no reason given"
    assert parse_error({"code": "70"}, WHO).reason == "not_found"
    assert parse_error({"code": 0, "message": "Invalid ID"}, WHO).reason == "not_found"
    assert parse_error({"code": 0, "message": "out of memory"}, WHO).reason == "refused"


def test_raw_control_characters_in_json_are_tolerated() -> None:
    body = b'{"subsonic-response": {"status": "ok", "x": "a\tb\xff"}}'
    assert parse_response(Answer(200, "application/json", body), WHO)["x"] == "a\tb\ufffd"


def test_an_xml_error_is_understood() -> None:
    body = b'<?xml version="1.0"?><subsonic-response status="failed"><error message="Not &lt;you&gt;" code="50"/>'
    error = parse_no_audio(Answer(200, "text/xml", body), WHO)
    assert isinstance(error, ServerRefused)
    assert (error.reason, error.detail) == ("forbidden", f"{WHO} says: Not <you> (code 50)")


@pytest.mark.parametrize(
    ("response", "version"),
    [
        ({"type": "navidrome", "serverVersion": "0.60", "version": "1.16.1"}, "navidrome 0.60"),
        ({"type": "gonic", "version": "1.15"}, "gonic"),
        ({"version": "1.12.0"}, "Subsonic API 1.12.0"),
        ({}, None),
    ],
)
def test_the_version_is_what_the_server_says(response: dict[str, Any], version: str | None) -> None:
    assert server_version(response) == version


@pytest.mark.parametrize(
    "url",
    ["http://host", "https://host/", "http://host:4533/music/", " HTTP://Host/rest ", "http://[::1]:80", "http://ö.de"],
)
def test_addresses_that_are_good(url: str) -> None:
    assert server_url(url).host


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "host",
        "host:4533",
        "ftp://host",
        "file:///etc/passwd",
        "http://",
        "http://host:99999",
        "http://[1",
        "http://u:sesame@host",
        "http://sesame@host",
        "http://host/?p=sesame",
        "http://host/#sesame",
        "http://a b/",
    ],
)
def test_addresses_that_are_not_are_refused_without_repeating_them(url: str | None) -> None:
    with pytest.raises(InvalidInput) as caught:
        server_url(url)
    assert caught.value.field == "url"
    assert "sesame" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("username", "password", "field"),
    [
        (None, "p", "username"),
        ("", "p", "username"),
        ("u", None, "password"),
        ("u", "", "password"),
        ("\ud800", "p", "username"),
    ],
)
def test_a_login_that_is_missing_is_named(username: str | None, password: str | None, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SubsonicServer(ServerConfig(SERVER, "subsonic", "x", None, "http://host", username, password))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        ("1.5", 1.5),
        ("nan", None),
        ("inf", 600.0),
        ("soon", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2115 07:28:00 GMT", 600.0),
    ],
)
def test_how_long_to_wait(header: str | None, wait: float | None) -> None:
    assert retry_after(header) == wait
