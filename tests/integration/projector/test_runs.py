"""Given what happened in a run, then its state and its totals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from structlog.testing import capture_logs

from shared import events
from shared.messages import derived_id
from tests.integration.projector.projecting import Projecting
from tests.integration.projector.telling import (
    OTHER,
    RUN,
    SERVER,
    analysed,
    described,
    discovered,
    ended,
    failed,
    listed,
    not_listed,
    requested,
    skipped,
    started,
    track,
)

TOTALS = ("discovered", "analysed", "skipped", "failed")


async def run_row(projector: Projecting, run: UUID = RUN) -> dict[str, Any]:
    return await projector.one("SELECT * FROM runs WHERE run_id = $1", run)


async def totals(projector: Projecting, run: UUID = RUN) -> tuple[int, ...]:
    row = await run_row(projector, run)
    return tuple(row[name] for name in TOTALS)


async def outcomes(projector: Projecting) -> dict[UUID, str | None]:
    return {row["track_id"]: row["outcome"] for row in await projector.all("SELECT track_id, outcome FROM run_tracks")}


async def test_a_run_counts_each_track_once_under_its_last_outcome(projector: Projecting) -> None:
    await projector.tell(requested(), started(), discovered(described(1), described(2), unchanged=(track(3), track(4))))
    assert await totals(projector) == (4, 0, 0, 0)
    await projector.tell(skipped(3), analysed(1), failed(2), failed(4), failed(4))
    assert await totals(projector) == (4, 1, 1, 2)
    await projector.tell(analysed(2), discovered(described(1)))
    assert await totals(projector) == (4, 2, 1, 1)
    assert await outcomes(projector) == {
        track(1): "analysed",
        track(2): "analysed",
        track(3): "skipped",
        track(4): "failed",
    }


async def test_a_run_that_ended_keeps_its_failures_and_only_they_may_change(projector: Projecting) -> None:
    await projector.tell(requested(), started(), discovered(*(described(number) for number in range(1, 7))))
    await projector.tell(analysed(1), skipped(2), failed(3), failed(4), failed(5), listed(6))
    await projector.tell(skipped(6, "cancelled"), ended())
    assert await totals(projector) == (6, 1, 2, 3)
    assert json.loads((await run_row(projector))["skips"]) == {"unchanged": 1, "cancelled": 1}
    assert set(await outcomes(projector)) == {track(3), track(4), track(5)}

    await projector.tell(analysed(3), skipped(4), failed(5, reason="time_limit"), failed(1), analysed(9))
    await projector.tell(discovered(described(10)))
    assert await totals(projector) == (6, 2, 3, 1)
    row = await projector.one("SELECT track_id, reason, permanent FROM run_tracks")
    assert row == {"track_id": track(5), "reason": "time_limit", "permanent": False}


def paused(run: UUID) -> events.Event:
    return events.RunPaused(run_id=run)


def resumed(run: UUID) -> events.Event:
    return events.RunResumed(run_id=run)


def cancelled(run: UUID) -> events.Event:
    return events.RunCancelled(run_id=run)


STORIES: list[tuple[str, list[Callable[[UUID], events.Event]]]] = [
    ("requested", [requested]),
    ("running", [requested, started]),
    ("running", [started]),
    ("paused", [requested, paused]),
    ("paused", [requested, paused, started]),
    ("requested", [requested, paused, resumed]),
    ("running", [requested, started, paused, resumed]),
    ("cancelled", [requested, started, cancelled]),
    ("cancelled", [requested, cancelled, started, resumed]),
    ("completed", [requested, started, ended, paused, cancelled]),
]


async def test_the_state_of_a_run(projector: Projecting) -> None:
    for number, (state, story) in enumerate(STORIES):
        run = derived_id("story", number)
        first = len(projector.log)
        last = await projector.tell(*(step(run) for step in story))
        row = await run_row(projector, run)
        assert (row["state"], row["position"]) == (state, last), number
        assert row["requested_at"] == projector.log[first].raw.occurred_at
        assert (row["ended_at"] is not None) == (state == "completed")


async def test_the_listing_is_done_when_every_library_is_listed_or_given_up(projector: Projecting) -> None:
    await projector.tell(requested(RUN, SERVER, OTHER), started(RUN, SERVER, OTHER))
    await projector.tell(*(events.LibraryScanStarted(run_id=RUN, server_id=server) for server in (SERVER, OTHER)))
    await projector.tell(discovered(described(1), problems=("a.ogg: leads out", "b.ogg: too")))
    assert await projector.all("SELECT server_id, state, listed, problem_count FROM run_scans ORDER BY listed") == [
        {"server_id": OTHER, "state": "running", "listed": 0, "problem_count": 0},
        {"server_id": SERVER, "state": "running", "listed": 1, "problem_count": 2},
    ]
    await projector.tell(listed(1, incomplete=True))
    assert (await run_row(projector))["listing_done"] is False
    await projector.tell(not_listed(server=OTHER))
    assert (await run_row(projector))["listing_done"] is True
    rows = await projector.all("SELECT state, reason, detail, problems FROM run_scans ORDER BY state")
    assert rows == [
        {"state": "completed", "reason": "incomplete", "detail": None, "problems": ["a.ogg: leads out", "b.ogg: too"]},
        {"state": "failed", "reason": "server_unavailable", "detail": "It does not answer.", "problems": []},
    ]


async def test_a_run_tells_how_long_its_stages_took_and_how_fast_it_is(projector: Projecting) -> None:
    await projector.tell(requested(), started(), discovered(described(1), described(2), described(3)))
    first = await projector.tell(analysed(1, duration_s=100.0004, stages_s={"decode": 0.1004, "tempo": 0.25}))
    last = await projector.tell(skipped(3), analysed(2, duration_s=60.0, stages_s={"decode": 0.2, "odd": 1e300}))
    row = await run_row(projector)
    assert row["audio_ms"] == 160_000
    assert json.loads(row["stages_ms"]) == {"decode": 300, "tempo": 250, "odd": 0}
    times = {item.position: item.raw.occurred_at for item in projector.log}
    assert (row["first_outcome_at"], row["last_outcome_at"]) == (times[first], times[last])
    assert await projector.one("SELECT sum(analysed) AS analysed FROM run_minutes") == {"analysed": 2}


async def test_what_is_said_about_a_run_nobody_asked_for_changes_no_run(projector: Projecting) -> None:
    stray = derived_id("stray")
    await projector.tell(analysed(1, run=stray), failed(2, run=stray), listed(1, run=stray), ended(stray))
    await projector.tell(events.RunCancelled(run_id=stray), discovered(described(3), run=stray))
    for table in ("runs", "run_tracks", "run_scans", "run_minutes"):
        assert await projector.count(table) == 0
    assert await projector.count("track_analysis") == 1


async def test_runs_do_not_mix(projector: Projecting) -> None:
    second = derived_id("second run")
    await projector.tell(requested(), requested(second), discovered(described(1)), discovered(described(1), run=second))
    await projector.tell(analysed(1), failed(1, run=second), ended())
    assert await totals(projector) == (1, 1, 0, 0)
    assert await totals(projector, second) == (1, 0, 0, 1)
    assert await outcomes(projector) == {track(1): "failed"}


async def test_an_event_that_cannot_be_projected_is_left_out_alone(projector: Projecting) -> None:
    """A number too large for its column: nothing our services would say, and no reason to stop."""
    with capture_logs() as logs:
        await projector.tell(requested(), started(), discovered(described(1)), listed(1 << 40), analysed(1))
    assert [(line["event"], line["projection"]) for line in logs] == [("event_not_projected", "runs")]
    assert await totals(projector) == (1, 1, 0, 0)
    assert await projector.count("event_log") == 5
    assert await projector.count("track_analysis") == 1
