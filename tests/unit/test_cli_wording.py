"""Numbers, names and runs in the words of a terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from services.cli import wording
from services.cli.analysis import details
from services.cli.answers import Run, Status, Track
from services.cli.library import choose, overview


def a_run(**changes: Any) -> Run:
    """A run half-way through."""
    run: dict[str, Any] = {
        "id": "0199",
        "kind": "analysis",
        "state": "running",
        "profile": "fast",
        "scope": "needed",
        "server_ids": ["s"],
        "requested_at": "2025-01-01T10:00:00.000Z",
        "started_at": "2025-01-01T10:00:00.000Z",
        "ended_at": None,
        "totals": {"discovered": 100, "analysed": 40, "skipped": 8, "failed": 2, "remaining": 50},
        "listing_done": True,
        "tracks_per_minute": 93.4,
        "eta_s": 75.0,
        "audio_s": 9000.0,
        "realtime_factor": 230.4,
        "stages_s": {"fetch": 0.1, "decode": 12.0},
        "failures": [],
        "skips": [{"reason": "unchanged", "count": 8}],
        "scans": [],
    }
    return cast("Run", {**run, **changes})


def a_track(title: str, artist: str | None = None) -> Track:
    return cast("Track", {"id": title, "title": title, "artist": artist})


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (-3, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (183_600, "2 d 3 h"),
    ],
)
def test_durations_are_in_the_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_counts_agree_with_their_noun() -> None:
    assert [wording.count(n, "track") for n in (0, 1, 2000)] == ["0 tracks", "1 track", "2,000 tracks"]
    assert wording.count(2, "library") == "2 libraries"


def test_names_cannot_move_the_cursor_or_turn_the_line() -> None:
    hostile = "a\x1b[2Jb\rc\nd\x9be\u202ef\x7f\ud800"
    cleaned = wording.clean(hostile)
    assert cleaned == "a\ufffd[2Jb\ufffdc\ufffdd\ufffde\ufffdf\ufffd\ufffd"
    assert wording.clean("Björk 東京 🎵") == "Björk 東京 🎵"


def test_times_are_told_from_now() -> None:
    now = datetime(2025, 1, 1, 12, 0, 0, tzinfo=UTC)
    assert wording.ago(None, now) == "never"
    assert wording.ago("2025-01-01T11:59:58.000Z", now) == "just now"
    assert wording.ago("2025-01-01T11:56:40.000Z", now) == "3 min ago"


def test_sizes_are_readable() -> None:
    assert [wording.size(n) for n in (12, 2_500_000, 3e12)] == ["12 bytes", "2.5 MB", "3.0 TB"]


def test_a_running_run_says_how_far_it_is() -> None:
    assert wording.progress_line(a_run()) == "50 of 100, 93/min, 1 min 15 s left, 2 failed"


def test_a_run_that_is_still_listing_promises_no_end() -> None:
    line = wording.progress_line(a_run(listing_done=False, eta_s=None, tracks_per_minute=None))
    assert line == "50 of 100 found so far, 2 failed"


def test_a_paused_run_says_so() -> None:
    assert wording.progress_line(a_run(state="paused")).endswith(", paused")
    assert "left" not in wording.progress_line(a_run(state="paused"))


def test_the_summary_adds_up() -> None:
    totals = {"discovered": 100, "analysed": 90, "skipped": 8, "failed": 2, "remaining": 0}
    run = a_run(state="completed", ended_at="2025-01-01T10:01:04.000Z", totals=totals)
    assert wording.summary(run) == (
        "Done: 100 tracks, 90 analysed, 8 unchanged, 2 failed, in 1 min 4 s (93/min, 230 times real time)."
    )


def test_a_second_run_says_that_there_was_nothing_to_do() -> None:
    totals = {"discovered": 8, "analysed": 0, "skipped": 8, "failed": 0, "remaining": 0}
    assert wording.summary(a_run(state="completed", totals=totals)) == "Nothing to do: 8 tracks known and unchanged."


def test_an_empty_library_is_not_a_success_story() -> None:
    totals = {"discovered": 0, "analysed": 0, "skipped": 0, "failed": 0, "remaining": 0}
    assert wording.summary(a_run(state="completed", totals=totals, skips=[])) == "No tracks found."


def test_a_run_in_full_leaves_out_what_is_not_known() -> None:
    shown = dict(details(a_run(eta_s=None, realtime_factor=None)))
    assert shown["skipped"] == "8 (8 unchanged)"
    assert shown["speed"] == "93/min"
    assert shown["work"] == "decode 12 s"
    assert not {"ended", "time left"} & shown.keys()


def test_dead_letters_show_in_the_status_only_when_there_are_some() -> None:
    state: dict[str, Any] = {
        "version": "1",
        "tracks": {"total": 1200, "analysed": 7, "failed": 0},
        "servers": 1,
        "backlog": {"fetcher": 0, "analyzer": 3, "delayed": 0, "dead": 0},
        "projector_lag_events": 1,
        "index": {"ready": False, "vectors": 0, "position": "0-0"},
        "active_runs": [],
    }
    shown = dict(overview(cast("Status", state)))
    assert shown == {
        "Tracks": "1,200, 7 analysed, 0 failed",
        "Similar songs": "loading",
        "Waiting work": "3 analyzer",
        "Behind": "1 event not shown yet",
    }
    state["backlog"]["dead"] = 2
    assert dict(overview(cast("Status", state)))["Given up"].startswith("2 commands")


@pytest.mark.parametrize("words", ["Miles Davis So What", "miles davis - so what", "so what Miles Davis"])
def test_artist_and_title_choose_one_of_several(words: str) -> None:
    tracks = [a_track("So What", "Miles Davis"), a_track("So What", "Other"), a_track("So What Else", "Miles Davis")]
    assert choose(words, tracks) is tracks[0]


def test_a_title_alone_chooses_only_if_it_is_the_only_one() -> None:
    once = [a_track("Blue", "A"), a_track("Blue in Green", "A")]
    assert choose("blue", once) is once[0]
    assert choose("blue", [*once, a_track("Blue", "B")]) is None
    assert choose("green", once) is None


def test_one_match_is_the_one() -> None:
    track = a_track("Blue in Green")
    assert choose("green", [track]) is track
