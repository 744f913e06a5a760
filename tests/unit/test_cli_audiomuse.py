"""What is read out of AudioMuse-AI's rows, and where its database may be said to be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from services.cli.audiomuse.address import VARIABLE, database_url
from services.cli.audiomuse.reading import Refused, key_of, playlist_name, tags_of, tempo_of, to_track
from services.cli.audiomuse.source import Layout, choose
from services.cli.audiomuse.tally import NAMED, Tally
from shared.errors import InvalidInput


def squeezed(probability: float) -> float:
    """As AudioMuse-AI writes it."""
    return round(1 / (1 + math.exp(-probability)), 3)


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.3, 0.9, 1.0])
def test_a_mood_that_was_squeezed_is_a_probability_again(probability: float) -> None:
    found = tags_of(f"rock:{squeezed(probability)},Hip-Hop:{squeezed(0.5)}")
    assert found.get("msd:rock", 0.0) == pytest.approx(probability, abs=0.003)
    assert found["msd:Hip-Hop"] == pytest.approx(0.5, abs=0.003)


def test_moods_that_were_never_squeezed_are_taken_as_they_are() -> None:
    assert tags_of("rock:0.61,pop:0.20, FEMALE VOCALISTS:0.1") == {
        "msd:rock": 0.61,
        "msd:pop": 0.2,
        "msd:female vocalists": 0.1,
    }


@pytest.mark.parametrize("moods", [None, "", "rock:0.000,pop:0.000", "a label of one's own:0.7"])
def test_where_no_mood_is_said_there_is_no_tag(moods: str | None) -> None:
    assert tags_of(moods) == {}


@pytest.mark.parametrize("moods", ["rock", "rock:", ":0.5", "rock:1.5", "rock:-0.1", "rock:nan", "rock:0.5;pop:0.4"])
def test_moods_that_make_no_sense_are_refused(moods: str) -> None:
    with pytest.raises(Refused, match="mood_vector"):
        tags_of(moods)


def test_keys_have_sharps_and_silence_has_no_tempo() -> None:
    assert [key_of(key) for key in ("Bb", "F#", "", None)] == ["A#", "F#", None, None]
    assert [tempo_of(tempo) for tempo in (None, 0.0, 20.0, 400.0)] == [None, None, 20.0, 400.0]
    with pytest.raises(Refused, match="20 to 400"):
        tempo_of(math.inf)


def test_a_row_without_an_id_is_refused() -> None:
    row: dict[str, Any] = dict.fromkeys(("item_id", "file_path", "title", "author", "album", "duration"))
    assert to_track(row | {"item_id": "1", "duration": math.nan, "title": "T"}) == {"item_id": "1", "title": "T"}
    with pytest.raises(Refused, match="no id"):
        to_track(row)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Rock_Happy_automatic", "Rock_Happy"),
        ("Rock_automatic (2)", "Rock (2)"),
        ("My_automatic_mix", "My_automatic_mix"),
        ("_automatic", "AudioMuse-AI"),
        ("a\x00b", "a b"),
    ],
)
def test_playlists_lose_the_mark_of_their_maker(theirs: str, ours: str) -> None:
    assert playlist_name(theirs) == ours


@pytest.mark.parametrize("url", ["postgresql://me:secret@nas/db", "postgres://nas/db?password=secret"])
def test_a_password_has_no_place_among_the_arguments(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidInput, match="--database-url-file") as refusal:
        database_url(url, None)
    assert "secret" not in refusal.value.detail
    file = tmp_path / "url"
    file.write_text(f"{url}\n")
    assert database_url(None, file) == url
    monkeypatch.setenv(VARIABLE, url)
    assert database_url(None, None) == url
    assert database_url("postgresql://me@nas/db", None) == "postgresql://me@nas/db"


def test_an_address_that_cannot_be_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    for argument, file in ((None, None), ("mysql://nas/db", None), (None, tmp_path / "not there")):
        with pytest.raises(InvalidInput, match=r"say where|no address|cannot be read"):
            database_url(argument, file)
    with pytest.raises(InvalidInput, match="once"):
        database_url("postgresql://nas/db", tmp_path)


def test_the_server_of_the_same_kind_is_meant_unless_one_is_named() -> None:
    home = {"server_id": "1", "name": "Home", "server_type": "navidrome"}
    work = {"server_id": "2", "name": "Work", "server_type": "jellyfin"}
    assert choose([home, work], "subsonic", None) is home
    assert choose([home, work], "subsonic", "Work") is work
    assert choose([home], "plex", None) is home
    with pytest.raises(InvalidInput, match=r"Home \(navidrome\), Work \(jellyfin\)"):
        choose([home, work], "folder", None)


def test_columns_of_later_releases_are_asked_for_only_where_they_are() -> None:
    old = Layout("item_id", {"score": frozenset({"item_id", "album"})}).analyses
    assert "s.album AS album" in old and "NULL::real AS energy" in old and "NULL::text AS file_path" in old
    score, mapping = frozenset({"item_id", "energy", "file_path"}), frozenset({"item_id", "file_path"})
    new = Layout("track_server_map", {"score": score, "track_server_map": mapping}, "1", is_default=False).analyses
    assert "coalesce(m.file_path, s.file_path) AS file_path" in new and "UNION" not in new


def test_a_summary_names_a_few_however_many_there_are() -> None:
    tally = Tally()
    for number in range(NAMED + 1000):
        tally.refuse({"item_id": str(number), "title": "T\x1b", "author": None}, "the tempo is odd")
    lines = tally.lines("Nas", dry_run=False)
    assert (lines[1], lines[2], lines[-1]) == ("1,020 refused: the tempo is odd", "  T\ufffd (0)", "  and 1,000 more")
    assert len(lines) == NAMED + 3
