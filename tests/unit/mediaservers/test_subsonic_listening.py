"""Libraries, playlists, plays and lyrics as Subsonic servers answer them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.errors import ServerMisbehaved
from shared.mediaservers.base import Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import moment, plain_lines
from shared.mediaservers.subsonic_answers import (
    parse_extensions,
    parse_libraries,
    parse_lyrics,
    parse_played,
    parse_playlist_items,
    parse_playlists,
    parse_structured_lyrics,
)
from shared.mediaservers.subsonic_client import MOST_FIELDS, cut


def test_one_object_is_a_list_of_one() -> None:
    assert parse_extensions({"openSubsonicExtensions": {"name": "formPost", "versions": [1]}}) == {"formPost"}
    assert parse_libraries({"musicFolders": {"musicFolder": {"id": 1}}}) == (RemoteLibrary("1", "1"),)
    playlist = {"id": "a", "name": "A", "songCount": "3", "owner": "me"}
    assert parse_playlists({"playlists": {"playlist": playlist}}) == (RemotePlaylist("a", "A", 3, "me"),)
    assert parse_playlist_items({"playlist": {"entry": {"id": 7}}}) == ("7",)


@pytest.mark.parametrize("nothing", [None, "", {}, {"playlist": None}])
def test_nothing_is_an_empty_list(nothing: object) -> None:
    assert parse_playlists({"playlists": nothing}) == ()
    assert parse_playlist_items({"playlist": nothing}) == ()


def test_what_has_no_id_is_the_servers_fault() -> None:
    with pytest.raises(ServerMisbehaved):
        parse_playlists({"playlists": {"playlist": [{"name": "A"}]}})
    with pytest.raises(ServerMisbehaved):
        parse_playlist_items({"playlist": {"entry": [{"id": "1"}, {"title": "x"}]}})


@pytest.mark.parametrize(
    ("song", "expected"),
    [
        ({}, None),
        ({"playCount": 0, "userRating": 0}, None),
        ({"playCount": "12"}, Played("s", 12)),
        ({"userRating": 5}, Played("s", rating=5.0)),
        ({"userRating": 9}, None),
        ({"starred": "2026-01-01T00:00:00Z"}, Played("s", favourite=True)),
        ({"played": "2026-01-01T02:00:00+02:00"}, Played("s", last_played_at=datetime(2026, 1, 1, tzinfo=UTC))),
        ({"played": "yesterday"}, None),
    ],
)
def test_plays_are_what_was_done_with_a_song(song: dict[str, Any], expected: Played | None) -> None:
    assert parse_played({"id": "s", **song}) == expected


def test_a_time_without_zone_is_utc_and_one_outside_of_time_is_none() -> None:
    assert moment("2026-01-01T00:00:00.123") == datetime(2026, 1, 1, 0, 0, 0, 123000, UTC)
    assert moment("0001-01-01T00:00:00+10:00") is None
    assert moment(17) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("La\r\nla\rla", "La\nla\nla"),
        ("\n\n  La  \n\n", "La"),
        ("[ar:Somebody]\n[length: 3:00]\n[00:01.00]La\n[00:02.00][00:05.123]la", "La\nla"),
        ("<00:01.00>La <00:01.50>la", "La la"),
        ("[Chorus]\nLa", "[Chorus]\nLa"),
        ("a\0b\x07", "a b"),
        (" \n ", None),
        ("x" * 100_001, None),
    ],
)
def test_words_are_plain_lines(text: str, expected: str | None) -> None:
    assert plain_lines(text) == expected


def test_words_without_times_come_first_and_empty_ones_not_at_all() -> None:
    timed = {"synced": True, "line": [{"start": 0, "value": "timed"}]}
    assert parse_structured_lyrics({"lyricsList": {"structuredLyrics": [timed]}}) == "timed"
    plain = {"synced": False, "line": {"value": "plain"}}
    assert parse_structured_lyrics({"lyricsList": {"structuredLyrics": [timed, plain]}}) == "plain"
    assert parse_structured_lyrics({"lyricsList": {"structuredLyrics": [timed, {"line": []}]}}) == "timed"
    assert parse_structured_lyrics({"lyricsList": {}}) is None


def test_words_of_another_title_are_not_these_words() -> None:
    answer = {"lyrics": {"artist": "A", "title": "Song two", "value": "La"}}
    assert parse_lyrics(answer, "song TWO") == "La"
    assert parse_lyrics(answer, "Song") is None
    assert parse_lyrics({"lyrics": {"value": "La"}}, "Song") == "La"
    assert parse_lyrics({"lyrics": {}}, "Song") is None


def test_fields_are_cut_by_their_length_in_a_url() -> None:
    fields = [("id", "é" * 10)] * 3
    assert [len(run) for run in cut(fields, 64 * 2)] == [2, 1]
    assert [len(run) for run in cut(fields, 10)] == [1, 1, 1]
    assert list(cut([], 10)) == []
    assert [len(run) for run in cut([("id", "x")] * (MOST_FIELDS + 1), 10**6)] == [MOST_FIELDS, 1]
