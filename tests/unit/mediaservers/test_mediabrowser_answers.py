"""Answers of Jellyfin and Emby, read without one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from shared.errors import ServerMisbehaved, ServerRefused, ServerUnavailable
from shared.mediaservers.base import Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.descriptions import moment
from shared.mediaservers.http import Answer
from shared.mediaservers.mediabrowser_answers import (
    Entries,
    Entry,
    User,
    choose_user,
    lyrics_stream,
    parse_created,
    parse_entries,
    parse_entry,
    parse_id,
    parse_item,
    parse_json,
    parse_library,
    parse_login,
    parse_lyrics,
    parse_played,
    parse_playlist,
    parse_track_events,
    parse_user,
    parse_version,
)
from shared.mediaservers.mediabrowser_playlists import fit_bytes, fit_name
from shared.messages import track_id

SERVER = UUID(int=7)
WHO = "the server at music:8096"
KIND = "a Jellyfin server"

# A track as Jellyfin sends it, put together by hand from the API's description.
JELLYFIN: dict[str, Any] = {
    "Name": "Beta (feat. Guest)",
    "ServerId": "0b1c2d3e4f5061728394a5b6c7d8e9f0",
    "Id": "7c5cb797eaf4844a5f754bb19bfbfbdd",
    "DateCreated": "2023-01-02T03:04:05.1234567Z",
    "Container": "flac",
    "MediaSources": [
        {
            "Protocol": "File",
            "Id": "7c5cb797eaf4844a5f754bb19bfbfbdd",
            "Path": "/music/The Fixtures/Second Steps/02 Beta.flac",
            "Container": "flac",
            "Size": 8421341,
            "ETag": "d41d8cd98f00b204e9800998ecf8427e",
            "Bitrate": 980123,
        }
    ],
    "Path": "/music/The Fixtures/Second Steps/02 Beta.flac",
    "Genres": ["Rock", "Pop"],
    "RunTimeTicks": 1460000000,
    "ProductionYear": 2003,
    "IndexNumber": 2,
    "ParentIndexNumber": 1,
    "Type": "Audio",
    "Artists": ["The Fixtures", "Guest"],
    "ArtistItems": [{"Name": "The Fixtures", "Id": "aa"}],
    "Album": "Second Steps",
    "AlbumArtist": "The Fixtures",
    "UserData": {"PlayCount": 3, "IsFavorite": False, "Played": True, "LastPlayedDate": "2024-05-06T07:08:09Z"},
}

# The same as Emby has it: a number for an id, a Windows path, no ETag of the file.
EMBY: dict[str, Any] = {
    **{name: value for name, value in JELLYFIN.items() if name not in {"Container", "Artists"}},
    "Id": "4711",
    "Path": "D:\\music\\02 Beta.FLAC",
    "MediaSources": [{"Id": "mediasource_4711", "Container": "flac", "Size": 8421341, "Bitrate": 980123}],
}


class TestItems:
    def test_a_track_becomes_a_track(self) -> None:
        item = parse_item(SERVER, JELLYFIN)
        assert item is not None
        assert item.track is not None
        assert item.track.model_dump() == {
            "track_id": track_id(SERVER, "7c5cb797eaf4844a5f754bb19bfbfbdd"),
            "item_id": "7c5cb797eaf4844a5f754bb19bfbfbdd",
            "content_version": item.content_version,
            "meta_version": item.meta_version,
            "title": "Beta (feat. Guest)",
            "artist": "The Fixtures; Guest",
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

    def test_emby_says_the_same_in_other_words(self) -> None:
        item = parse_item(SERVER, EMBY)
        assert item is not None
        assert item.track is not None
        assert (item.track.artist, item.track.suffix, item.track.size_bytes) == ("The Fixtures", "flac", 8421341)

    @pytest.mark.parametrize(
        "change",
        [
            {"MediaSources": [{**JELLYFIN["MediaSources"][0], "Size": 8421342}]},
            {"MediaSources": [{**JELLYFIN["MediaSources"][0], "ETag": "0"}]},
            {"MediaSources": [{**JELLYFIN["MediaSources"][0], "Bitrate": 1}]},
            {"RunTimeTicks": 1470000000},
            {"DateModified": "2025-01-01T00:00:00Z"},
            {"DateCreated": "2025-01-01T00:00:00Z"},
            {"Container": "mp3"},
        ],
    )
    def test_other_bytes_give_another_content_version(self, change: dict[str, Any]) -> None:
        before, after = parse_item(SERVER, JELLYFIN), parse_item(SERVER, {**JELLYFIN, **change})
        assert before is not None
        assert after is not None
        assert before.content_version != after.content_version

    @pytest.mark.parametrize(
        "change", [{"Name": "Other"}, {"Genres": []}, {"ProductionYear": 1999}, {"AlbumArtist": "Someone"}]
    )
    def test_another_description_changes_the_meta_version_alone(self, change: dict[str, Any]) -> None:
        before, after = parse_item(SERVER, JELLYFIN), parse_item(SERVER, {**JELLYFIN, **change})
        assert before is not None
        assert after is not None
        assert before.content_version == after.content_version
        assert before.meta_version != after.meta_version

    def test_what_the_listener_does_changes_no_version(self) -> None:
        assert parse_item(SERVER, JELLYFIN) == parse_item(SERVER, {**JELLYFIN, "UserData": {"PlayCount": 4}})

    @pytest.mark.parametrize("item_id", [None, "", "a/b", "x" * 65, True, 1.5, "é", "a\0"])
    def test_a_track_without_a_usable_id_is_none(self, item_id: object) -> None:
        assert parse_item(SERVER, {**JELLYFIN, "Id": item_id}) is None

    @pytest.mark.parametrize(
        ("item", "title", "artist"),
        [
            ({"Id": "1"}, "Track 1", None),
            ({"Id": "1", "Path": "/m/03 Song.mp3"}, "03 Song", None),
            ({"Id": "1", "Path": "C:\\m\\03 Song.mp3"}, "03 Song", None),
            ({"Id": "1", "Name": " A\nB ", "AlbumArtist": "C"}, "A B", "C"),
            ({"Id": 1, "Name": "N", "Artists": "One"}, "N", "One"),
            ({"Id": "1", "Name": 5, "Artists": [None, 3], "MediaSources": ["x"], "RunTimeTicks": True}, "5", "3"),
            ({"Id": "1", "Name": [], "Artists": {}, "MediaSources": {}, "Path": 4, "Genres": 9}, "Track 1", None),
        ],
    )
    def test_little_is_enough_and_nonsense_is_left_out(
        self, item: dict[str, Any], title: str, artist: str | None
    ) -> None:
        found = parse_item(SERVER, item)
        assert found is not None
        assert found.track is not None
        assert (found.track.title, found.track.artist) == (title, artist)


class TestPlayed:
    def test_what_was_played(self) -> None:
        at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
        assert parse_played(JELLYFIN) == Played(str(JELLYFIN["Id"]), 3, at)

    @pytest.mark.parametrize(
        ("data", "played"),
        [
            ({"IsFavorite": True}, Played("1", favourite=True)),
            ({"Rating": 9}, Played("1", rating=4.5)),
            ({"Rating": 99.0, "PlayCount": "2"}, Played("1", 2, rating=5.0)),
            ({"PlayCount": 0, "Rating": 0, "Played": True}, None),
            ({"PlayCount": 1, "LastPlayedDate": "0001-01-01T00:00:00Z"}, Played("1", 1)),
            ({}, None),
            (None, None),
        ],
    )
    def test_what_counts_as_listened_to(self, data: object, played: Played | None) -> None:
        assert parse_played({"Id": "1", "UserData": data}) == played

    @pytest.mark.parametrize(
        ("text", "time"),
        [
            ("2024-05-06T07:08:09.1234567Z", datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)),
            ("2024-05-06T09:08:09+02:00", datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)),
            ("2024-05-06T07:08:09.5", datetime(2024, 5, 6, 7, 8, 9, 500000, tzinfo=UTC)),
            ("2024-13-06T07:08:09Z", None),
            ("0001-01-01T00:00:00+10:00", None),
            ("yesterday", None),
            (5, None),
        ],
    )
    def test_times(self, text: object, time: datetime | None) -> None:
        assert moment(text) == time


class TestLists:
    @pytest.mark.parametrize(
        ("value", "entries"),
        [
            ({"Items": [{"Id": "1"}], "TotalRecordCount": 9}, Entries([{"Id": "1"}], 9)),
            ({"Items": {"Id": "1"}, "TotalRecordCount": 1}, Entries([{"Id": "1"}], 1)),
            ({"Items": [], "TotalRecordCount": 0}, Entries([], 0)),
            ({"Items": None, "TotalRecordCount": 0}, Entries([], 0)),
            ({"Items": [{}]}, Entries([{}], None)),
            ([{"Id": "1"}], Entries([{"Id": "1"}], 1)),
            ({"Id": "1"}, Entries([{"Id": "1"}], 1)),
            ([], Entries([], 0)),
        ],
    )
    def test_every_form_of_a_list(self, value: object, entries: Entries) -> None:
        assert parse_entries(value, "tracks") == entries

    @pytest.mark.parametrize("value", [None, "x", 3, ["x"], {"Items": "x"}, {"Items": [None]}])
    def test_anything_else_is_no_list(self, value: object) -> None:
        with pytest.raises(ServerMisbehaved):
            parse_entries(value, "tracks")

    @pytest.mark.parametrize(("value", "found"), [(5, "5"), ("a-1", "a-1"), (True, None), ("", None), (None, None)])
    def test_ids(self, value: object, found: str | None) -> None:
        assert parse_id(value) == found

    def test_libraries_are_views_with_music(self) -> None:
        view = {"Id": "1", "Name": "Music", "CollectionType": "music"}
        assert parse_library(view) == RemoteLibrary("1", "Music")
        assert parse_library({"Id": "1", "Name": "Mixed"}) == RemoteLibrary("1", "Mixed")
        assert parse_library({**view, "CollectionType": "movies"}) is None
        assert parse_library({"Name": "Music", "CollectionType": "music"}) is None

    def test_playlists_and_their_entries(self) -> None:
        assert parse_playlist({"Id": "1", "Name": " as it is "}) == RemotePlaylist("1", " as it is ")
        assert parse_entry({"Id": "1", "PlaylistItemId": 7}) == Entry("1", "7")
        assert parse_created({"Id": "9", "Name": "x"}) == "9"

    @pytest.mark.parametrize("entry", [{"Id": "1"}, {"PlaylistItemId": "1"}, {}])
    def test_an_entry_or_playlist_without_an_id_is_a_fault(self, entry: dict[str, Any]) -> None:
        with pytest.raises(ServerMisbehaved):
            parse_entry(entry)
        for read in (parse_playlist, parse_created):
            with pytest.raises(ServerMisbehaved):
                read({"Name": "x"})


class TestUsers:
    def test_a_login_gives_a_token_and_a_user(self) -> None:
        user = {"Id": "1", "Name": "Alice", "Policy": {"IsAdministrator": True}}
        assert parse_login({"AccessToken": "abc", "User": user}) == ("abc", User("1", "Alice", True))

    @pytest.mark.parametrize(
        "answer",
        [
            None,
            {},
            {"AccessToken": "abc"},
            {"AccessToken": "abc", "User": {}},
            {"AccessToken": "", "User": {"Id": "1", "Name": "A"}},
            {"AccessToken": 'a"b', "User": {"Id": "1", "Name": "A"}},
            {"AccessToken": "a\nb", "User": {"Id": "1", "Name": "A"}},
        ],
    )
    def test_a_login_without_them_is_a_fault(self, answer: object) -> None:
        with pytest.raises(ServerMisbehaved):
            parse_login(answer)

    def test_disabled_users_are_none(self) -> None:
        assert parse_user({"Id": "1", "Name": "A", "Policy": {"IsDisabled": True}}) is None
        assert parse_user({"Id": "1", "Name": "A", "Policy": None}) == User("1", "A")

    def test_a_user_is_chosen_by_name_else_the_first_administrator(self) -> None:
        users = [User("1", "Bob"), User("2", "Älice", True), User("3", "root", True)]
        assert choose_user(users, "BOB", WHO).user_id == "1"
        assert choose_user(users, "älice", WHO).user_id == "2"
        assert choose_user(users, "", WHO).user_id == "2"
        assert choose_user(users, None, WHO).user_id == "2"
        for name in ("Carol", None):
            with pytest.raises(ServerRefused):
                choose_user(users[:1], name, WHO)


class TestAnswers:
    def read(self, body: bytes, status: int = 200, content_type: str = "application/json") -> object:
        return parse_json(Answer(status, content_type, body), WHO, KIND, ("s3cret", ""))

    def test_json_is_read_and_nothing_is_none(self) -> None:
        assert self.read(b'{"a": 1}') == {"a": 1}
        assert self.read(b"", 204) is None

    @pytest.mark.parametrize("body", [b"", b"  ", b'{"Items": [', b'[{"a": 1}, '])
    def test_half_an_answer_is_asked_for_again(self, body: bytes) -> None:
        with pytest.raises(ServerUnavailable):
            self.read(body)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            (b"<!doctype html><html></html>", "a web page"),
            (b"hello", "else than expected"),
            (b'"text', "else than expected"),
        ],
    )
    def test_anything_else_is_another_server(self, body: bytes, words: str) -> None:
        with pytest.raises(ServerMisbehaved, match=words):
            self.read(body)

    def test_brackets_without_end_do_not_exhaust_the_stack(self) -> None:
        with pytest.raises(ServerMisbehaved):
            self.read(b"[" * 100_000)

    @pytest.mark.parametrize(
        ("status", "body", "reason", "words"),
        [
            (401, b"", "wrong_password", "HTTP 401 Unauthorized"),
            (403, b"", "forbidden", "HTTP 403 Forbidden"),
            (404, b'"Playlist not found"', "not_found", "HTTP 404 Not Found: Playlist not found"),
            (400, b'{"title": "Invalid", "detail": "no s3cret"}', "refused", "HTTP 400 Bad Request: no ***"),
            (400, b"Error processing request.", "refused", "Error processing request."),
            (404, b"<html>not here</html>", "not_found", "HTTP 404 Not Found"),
            (418, b"x" * 5000, "refused", "x" * 300),
        ],
    )
    def test_refusals_are_told_in_the_servers_words(self, status: int, body: bytes, reason: str, words: str) -> None:
        with pytest.raises(ServerRefused) as caught:
            self.read(body, status)
        assert caught.value.reason == reason
        assert caught.value.detail.endswith(words)
        assert caught.value.detail.startswith(WHO)


class TestWords:
    def test_lines_of_jellyfin(self) -> None:
        lyrics = {"Metadata": {}, "Lyrics": [{"Text": "One "}, {"Text": ""}, {"Text": "Two", "Start": 5}]}
        assert parse_lyrics(lyrics) == "One\n\nTwo"
        assert parse_lyrics({"Lyrics": []}) is None
        assert parse_lyrics(None) is None

    def test_events_of_emby(self) -> None:
        assert (
            parse_track_events({"TrackEvents": [{"Text": "One"}, {"Text": 4}, {"Text": "Two\nThree"}]})
            == "One\nTwo\nThree"
        )
        assert parse_track_events([]) is None

    @pytest.mark.parametrize(
        ("streams", "found"),
        [
            ([{"Type": "Audio", "Index": 0}, {"Type": "Subtitle", "Index": 1}], ("mediasource_1", 1)),
            ([{"Type": "Subtitle", "Index": 1, "IsTextSubtitleStream": False}], None),
            ([{"Type": "Subtitle"}, "x"], None),
            ({"Type": "Subtitle", "Index": 0}, ("mediasource_1", 0)),
            (None, None),
        ],
    )
    def test_the_stream_that_holds_them(self, streams: object, found: tuple[str, int] | None) -> None:
        assert lyrics_stream({"MediaSources": [{"Id": "mediasource_1", "MediaStreams": streams}]}) == found

    def test_no_source_no_stream(self) -> None:
        assert lyrics_stream({"MediaSources": ["x", {"MediaStreams": [{"Type": "Subtitle", "Index": 1}]}]}) is None
        assert lyrics_stream({}) is None


class TestNames:
    def test_the_version_of_a_server(self) -> None:
        assert parse_version({"Version": "10.11.0"}, "Jellyfin") == "Jellyfin 10.11.0"
        assert parse_version([], "Jellyfin") is None

    @pytest.mark.parametrize(("name", "kept"), [(" a ", "a"), ("", "Playlist"), ("x" * 300, "x" * 255)])
    def test_names_that_fit(self, name: str, kept: str) -> None:
        assert fit_name(name) == kept

    def test_bytes_that_fit_end_between_letters(self) -> None:
        assert fit_bytes("aé", 2) == "a"
        assert fit_bytes("東京", 5) == "東"
        assert fit_bytes("a b", 2) == "a"
