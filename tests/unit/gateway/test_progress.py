"""Speed and time left of a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.progress import seconds_left, tracks_per_minute

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def run(**values: Any) -> dict[str, Any]:
    return {
        "state": "running",
        "started_at": NOW - timedelta(minutes=10),
        "requested_at": NOW - timedelta(minutes=10),
        "ended_at": None,
        "analysed": 500,
        **values,
    }


def test_speed_is_that_of_the_last_minute() -> None:
    lately = {"analysed": 90, "since": NOW - timedelta(seconds=60)}
    assert tracks_per_minute(run(), lately, NOW) == 90.0


def test_a_run_that_has_just_begun_is_measured_from_its_start() -> None:
    lately = {"analysed": 10, "since": NOW - timedelta(seconds=19)}
    assert tracks_per_minute(run(started_at=NOW - timedelta(seconds=12)), lately, NOW) == 50.0


def test_the_first_seconds_do_not_promise_wonders() -> None:
    lately = {"analysed": 2, "since": NOW - timedelta(seconds=1)}
    assert tracks_per_minute(run(started_at=NOW - timedelta(seconds=1)), lately, NOW) == 24.0


def test_an_ended_run_has_the_speed_of_all_its_time() -> None:
    assert tracks_per_minute(run(ended_at=NOW), None, NOW) == 50.0


def test_a_paused_run_has_none() -> None:
    lately = {"analysed": 90, "since": NOW - timedelta(seconds=60)}
    assert tracks_per_minute(run(state="paused"), lately, NOW) is None


def test_time_left_is_what_remains_at_this_speed() -> None:
    assert seconds_left("running", 45, 90.0) == 30.0
    assert seconds_left("running", 45, None) is None
    assert seconds_left("paused", 45, 90.0) is None
