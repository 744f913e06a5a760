"""What a Lyrion server says, and what it is taken for."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from shared.errors import ServerMisbehaved, ServerRefused
from shared.mediaservers.base import Played, RemoteLibrary, RemotePlaylist
from shared.mediaservers.http import Answer
from shared.mediaservers.lyrion_answers import (
    is_scanning,
    lies_in,
    parse_count,
    parse_entries,
    parse_libraries,
    parse_lyrics,
    parse_made,
    parse_played,
    parse_playlists,
    parse_result,
    parse_row,
    parse_version,
)
from shared.mediaservers.lyrion_playlists import MAX_NAME_BYTES, fitting_name, listed_name

SERVER = UUID(int=3)
URL = "file:///music/A%20%26%20B/Some%20album/01%20First%23one.flac"
SONG = {
    "id": 17,
    "title": "First",
    "artist": "A",
    "url": URL,
    "filesize": "123456",
    "modificationTime": "1700000000",
    "duration": "12.5",
    "year": "0",
    "tracknum": "3",
    "disc": 2,
    "type": "flc",
}


def row(**changes: Any) -> Any:
    return parse_row(SERVER, {key: value for key, value in (SONG | changes).items() if value is not None})


def track(**changes: Any) -> Any:
    return row(**changes).item.track


def test_a_song_becomes_a_track_whatever_its_types() -> None:
    found = track()
    assert (found.item_id, found.title, found.artist, found.suffix) == ("17", "First", "A", "flac")
    assert (found.size_bytes, found.duration_s, found.year) == (123456, 12.5, None)
    assert (found.track_number, found.disc_number) == (3, 2)
    other = track(id="17", filesize=123456, duration=12.5, year=0, tracknum=3, disc="2", modificationTime="1700000000")
    assert other == found


def test_the_artist_is_the_tracks_then_the_artist_then_the_albums() -> None:
    assert track(trackartist="T", artist="A", albumartist="L").artist == "T"
    assert track(artist="A", albumartist="L").artist == "A"
    assert track(artist=None, albumartist="L").artist == "L"
    assert track(artist=None, band="B").artist == "B"
    assert (track(albumartist="L", band="B").album_artist, track(band="B").album_artist) == ("L", "B")


def test_a_song_without_title_is_called_like_its_file() -> None:
    assert track(title=None).title == "01 First#one"
    assert track(title=" ", url="file:///music/noend").title == "noend"


def test_bytes_and_description_have_versions_of_their_own() -> None:
    before = row().item
    for change in ({"filesize": 1}, {"modificationTime": 5}, {"duration": 9}):
        assert row(**change).item.content_version != before.content_version
    retagged = row(title="Other").item
    assert retagged.content_version == before.content_version
    assert retagged.meta_version != before.meta_version
    moved = row(url="file:///elsewhere/01%20First%23one.flac").item
    assert moved.content_version == before.content_version


@pytest.mark.parametrize(
    "change",
    [
        {"url": "spotify:track:1"},
        {"url": "qobuz://1.flac"},
        {"url": "http://radio/stream.mp3"},
        {"remote": 1},
        {"remote": "1"},
        {"url": None},
    ],
)
def test_streams_are_left_out_silently(change: dict[str, Any]) -> None:
    found = row(**change)
    assert (found.row_id, found.item, found.problem) == ("17", None, None)


def test_a_part_of_a_file_is_left_out_with_a_word() -> None:
    found = row(url="file:///music/album.flac#0-61.5")
    assert found.item is None
    assert "First is only a part of a larger file" in found.problem


def test_a_song_without_id_is_a_problem() -> None:
    assert row(id=None).problem == "First has no usable id"
    assert row(id=None).row_id is None


def test_a_list_must_say_how_long_it_is() -> None:
    assert [parse_count({"count": value}) for value in (0, "0", 12, "12")] == [0, 0, 12, 12]
    for count in ({}, {"count": None}, {"count": "many"}, {"count": -1}):
        with pytest.raises(ServerMisbehaved):
            parse_count(count)


def test_a_list_of_nothing_has_no_rows() -> None:
    assert parse_playlists({"count": 0}) == []
    assert parse_entries({"count": 0}, 0) == []


def test_playlists_may_have_no_name() -> None:
    rows = [{"id": 3, "playlist": None}, {"id": "4", "playlist": "Four"}]
    assert parse_playlists({"playlists_loop": rows}) == [RemotePlaylist("3", ""), RemotePlaylist("4", "Four")]
    with pytest.raises(ServerMisbehaved):
        parse_playlists({"playlists_loop": [{"playlist": "no id"}]})


def test_entries_from_another_place_than_asked_for_are_none() -> None:
    rows = [{"playlist index": "1", "id": 8, "url": URL}, {"playlist index": 2, "id": -9, "url": "http://radio"}]
    assert parse_entries({"playlisttracks_loop": rows}, 1) == [("8", URL), ("-9", None)]
    assert parse_entries({"playlisttracks_loop": rows}, 5) == []


def test_a_taken_name_makes_no_playlist() -> None:
    assert parse_made({"playlist_id": 5}) == "5"
    assert parse_made({"overwritten_playlist_id": 5}) is None
    with pytest.raises(ServerMisbehaved):
        parse_made({})


def test_plays_and_ratings() -> None:
    local = {"id": 4, "url": URL}
    assert parse_played(local | {"playcount": "3", "rating": "70"}) == Played("4", 3, rating=3.5)
    assert parse_played(local | {"rating": 100}) == Played("4", 0, rating=5.0)
    assert parse_played(local | {"playcount": 0, "rating": 0}) is None
    assert parse_played({"id": 4, "url": "spotify:x", "playcount": 9}) is None


def test_lyrics_are_one_of_many_things_in_a_list() -> None:
    rows = [{"id": 3}, {"title": "x"}, {"lyrics": "[00:01.00]la\nla"}]
    assert parse_lyrics({"songinfo_loop": rows}) == "la\nla"
    assert parse_lyrics({}) is None


def test_libraries_are_virtual_ones_and_folders() -> None:
    folders = {
        "folder_loop": [
            {"id": 1, "filename": "Jazz", "type": "folder", "url": "file:///music/Jazz"},
            {"id": 2, "filename": "a.mp3", "type": "track", "url": "file:///music/a.mp3"},
            {"id": 3, "type": "folder"},
        ]
    }
    found = parse_libraries({"folder_loop": {"id": "ab12", "name": "Mine"}}, folders)
    assert found == (RemoteLibrary("library:ab12", "Mine"), RemoteLibrary("folder:file:///music/Jazz", "Jazz"))


def test_a_song_lies_in_a_folder_and_not_in_one_that_begins_alike() -> None:
    assert lies_in(SONG, ("file:///other", "file:///music/A%20%26%20B"))
    assert lies_in(SONG, ("file:///music/",))
    assert not lies_in(SONG, ("file:///music/A",))
    assert not lies_in(SONG, ())


def test_scanning_and_version() -> None:
    assert [is_scanning({"rescan": value}) for value in (1, "1", 0, "0", None)] == [True, True, False, False, False]
    assert parse_version({"_version": "9.0.2"}) == "Lyrion Music Server 9.0.2"
    assert parse_version({}) is None


def test_an_answer_of_another_server_is_told_apart() -> None:
    def result(body: object, status: int = 200) -> object:
        return parse_result(Answer(status, "application/json", json.dumps(body).encode()), "it")

    assert result({"result": {}}) == {}
    with pytest.raises(ServerMisbehaved, match="does not answer like a Lyrion server"):
        result({"result": []})
    with pytest.raises(ServerRefused, match="wants the user name and password") as caught:
        result({}, 401)
    assert caught.value.reason == "wrong_password"


def test_names_fit_into_a_file_name() -> None:
    assert fitting_name("  AC/DC\n live ") == "AC/DC live"
    assert listed_name("AC/DC / live") == "AC DC live"
    assert len(fitting_name("東" * 300).encode()) <= MAX_NAME_BYTES
    for name in ("", "  ", "///", "\n"):
        with pytest.raises(ServerRefused, match="needs a name"):
            fitting_name(name)
