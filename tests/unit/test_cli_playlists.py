"""What the commands about playlists say, without a gateway."""

from __future__ import annotations

from typing import Any

import pytest

from services.cli import clusters, playlists, schedules, syncing
from shared.errors import InvalidInput

BEST = {"score": {"total": 0.614}, "configuration": {"algorithm": "minibatch_kmeans"}}
FOUND: dict[str, Any] = {
    "state": "running",
    "evaluated": 120,
    "planned": 240,
    "best": BEST,
    "eta_s": 75.0,
    "warnings": [],
    "notes": [],
    "winner": BEST,
    "playlists": 1,
    "tracks_used": 1200,
    "seed": 3,
    "kept": None,
    "keeping_problem": None,
    "reason": None,
    "detail": None,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "120 of at most 240 tried, best 0.61 (minibatch kmeans), 1 min 15 s left at most"),
        ({"best": None, "eta_s": None}, "120 of at most 240 tried"),
        ({"state": "requested"}, "waiting for a clusterer"),
        ({"state": "composing"}, "making playlists"),
    ],
)
def test_the_progress_of_a_clustering_fits_on_a_line(change: dict[str, Any], said: str) -> None:
    assert clusters.progress_words({**FOUND, **change}) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"state": "completed"}, ["Done: 1 playlist of 1,200 tracks, score 0.61, seed 3."]),
        ({"state": "cancelled", "warnings": ["Few."]}, ["Few.", "Cancelled."]),
        ({"state": "failed", "detail": "Only 3 tracks."}, ["No playlists: Only 3 tracks."]),
        ({"state": "failed", "reason": "too_few"}, ["No playlists: too few"]),
        (
            {"state": "completed", "winner": None, "keeping_problem": "It is gone."},
            ["Done: 1 playlist of 1,200 tracks, seed 3.", "They could not be kept: It is gone."],
        ),
    ],
)
def test_the_end_of_a_clustering_is_told_in_sentences(change: dict[str, Any], said: list[str]) -> None:
    assert clusters.outcome({**FOUND, **change}) == said


def test_a_playlist_is_meant_by_name_or_by_the_beginning_of_its_id() -> None:
    known = [
        {"id": "abcd1234", "name": "Soul"},
        {"id": "abcd9999", "name": "Night"},
        {"id": "ffff0000", "name": "night"},
    ]
    assert playlists.choose("SOUL", known) == "abcd1234"
    assert playlists.choose("abcd1", known) == "abcd1234"
    for text, words in (("night", "abcd9999, ffff0000"), ("abcd", "several"), ("abc", "there is no playlist abc")):
        with pytest.raises(InvalidInput, match=words):
            playlists.choose(text, known)


def test_where_a_playlist_stands_is_said_in_a_word() -> None:
    link = {"server_name": "Nas", "state": "synced", "number": 2}
    assert playlists.link_words({"version": 2}, link) == "Nas"
    assert playlists.link_words({"version": 3}, link) == "Nas (older)"
    assert playlists.link_words({"version": 2}, {**link, "state": "deleted_on_server"}) == "Nas (deleted on server)"


def test_the_end_of_a_sync_names_what_did_not_reach_its_server() -> None:
    problem = {"name": "Soul", "server_name": "Nas", "reason": "no_tracks", "detail": None, "restored": None}
    lost = {**problem, "name": None, "playlist_id": "p", "reason": "server_unavailable", "detail": "5xx"}
    found = {"detail": None, "state": "completed", "targets": 3, "synced": 1, "skipped": 1, "failed": 1}
    assert syncing.outcome({**found, "problems": [problem, {**lost, "restored": False}]}) == [
        "Done: 1 of 3 written or up to date, 1 skipped, 1 failed.",
        "  Soul on Nas: no tracks",
        "  p on Nas: server unavailable - 5xx; the server does not hold it as before",
    ]
    assert syncing.outcome({**found, "detail": "It is away.", "problems": []}) == ["Nothing was written: It is away."]
    assert syncing.change_words({"change": "skip", "reason": "deleted_on_server"}) == "skip: deleted on server"


def test_a_schedule_is_meant_by_name_or_id() -> None:
    known = [{"id": "7a0f6a3e-51f2-5d0b-9d3b-6a53746c6e67", "name": "Nightly"}]
    assert schedules.choose("NIGHTLY", known) == schedules.choose("7a0f6a3e51f25d0b9d3b6a53746c6e67", known)
    with pytest.raises(InvalidInput, match="several"):
        schedules.choose("nightly", known * 2)
