"""Starting, watching and steering runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID, uuid4

from structlog.testing import capture_logs

from shared.commands import COMMANDS, StartAnalysis
from shared.events import (
    LibraryScanCompleted,
    LibraryScanStarted,
    RunCancelled,
    TrackAnalysisFailed,
    TrackAnalysisSkipped,
)
from shared.messages import Send, decode_raw, derived_id, wrap
from shared.streams import Unit
from shared.upcasts import read
from tests.given import RUN, SERVER, fetch_audio, track
from tests.integration.gateway.conftest import gateway
from tests.integration.gateway.system import System, analysed, asked, completed, discovered, folder, song
from tests.waiting import until


async def commands(system: System) -> list[StartAnalysis]:
    """What the fetcher was told, urgent first."""
    queue = system.gateway.streams.queue("fetcher", "test")
    await queue.ensure_groups()
    return [read(COMMANDS, decode_raw(delivery.fields)).message for delivery in await queue.read(100)]


def failure(number: int, reason: str, run: UUID = RUN) -> TrackAnalysisFailed:
    return TrackAnalysisFailed(
        run_id=run, server_id=SERVER, track_id=track(number), reason=reason, detail=f"{reason}!", permanent=True
    )


async def test_a_request_becomes_a_command_and_a_run_at_its_position(system: System) -> None:
    await system.tell(folder())
    answer = await system.api.post("/api/v1/analysis", {"server_id": str(SERVER), "profile": "full", "force": True})
    assert answer.status == 202
    run = answer.body["run_id"]
    assert answer.headers["Location"] == f"/api/v1/runs/{run}"
    shown = await system.get(f"/api/v1/runs/{run}", after=answer.body["position"])
    assert (shown["state"], shown["profile"], shown["scope"]) == ("requested", "full", "all")
    assert shown["server_ids"] == [str(SERVER)]
    [command] = await commands(system)
    assert (str(command.run_id), command.server_ids, command.profile, command.scope) == (run, (SERVER,), "full", "all")


async def test_the_line_of_a_request_names_the_run_that_it_began(system: System) -> None:
    await system.tell(folder())
    with capture_logs() as logs:
        answer = await system.api.post("/api/v1/analysis", {"server_id": str(SERVER)})
    (line,) = [line for line in logs if line["event"] == "request"]
    assert (line["route"], line["status"], line["run"]) == ("/api/v1/analysis", 202, answer.body["run_id"])


async def test_without_a_library_there_is_nothing_to_analyse(system: System) -> None:
    nothing = await system.api.post("/api/v1/analysis", {})
    assert (nothing.status, nothing.body["reason"]) == (409, "no_server")
    unknown = await system.api.post("/api/v1/analysis", {"server_id": str(uuid4())})
    assert (unknown.status, unknown.body["reason"]) == (404, "no_server")


async def test_a_library_can_be_analysed_in_the_moment_it_was_added(system: System, music: Path) -> None:
    added = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(music)})
    answer = await system.api.post("/api/v1/analysis", {"server_id": added.body["id"]})
    assert answer.status == 202


async def test_without_a_choice_all_libraries_are_analysed(system: System) -> None:
    other = uuid4()
    await system.tell(folder(), folder("/other", other, "Other"))
    await until(lambda: _libraries(system, 2), "both libraries are visible")
    assert (await system.api.post("/api/v1/analysis")).status == 202
    [command] = await commands(system)
    assert set(command.server_ids) == {SERVER, other}


async def _libraries(system: System, n: int) -> bool:
    return len((await system.get("/api/v1/servers"))["items"]) == n


async def test_the_same_key_gives_the_same_run_even_after_it_has_ended(system: System) -> None:
    await system.tell(folder())
    first = await system.api.post("/api/v1/analysis", {}, Idempotency_Key="monday")
    at_once = await system.api.post("/api/v1/analysis", {}, Idempotency_Key="monday")
    assert at_once.body == first.body
    await system.get(f"/api/v1/runs/{first.body['run_id']}", after=first.body["position"])
    seen = await system.api.post("/api/v1/analysis", {}, Idempotency_Key="monday")
    assert seen.body == first.body

    ended = await system.tell(completed(UUID(first.body["run_id"])))
    await system.get("/api/v1/runs", after=ended)
    other = await system.api.post("/api/v1/analysis", {}, Idempotency_Key="tuesday")
    assert other.status == 202
    assert other.body["run_id"] != first.body["run_id"]
    again = await system.api.post("/api/v1/analysis", {}, Idempotency_Key="monday")
    assert again.body == first.body
    assert len(await commands(system)) == 2


async def test_a_key_that_cannot_be_one_is_refused(system: System) -> None:
    for key in ("x" * 300, "Björk"):
        answer = await system.api.post("/api/v1/analysis", {}, Idempotency_Key=key)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, "Idempotency-Key")


async def test_a_library_has_one_run_at_a_time(system: System) -> None:
    await system.tell(folder())
    first = await system.api.post("/api/v1/analysis", {})
    second = await system.api.post("/api/v1/analysis", {"server_id": str(SERVER)})
    assert (second.status, second.body["reason"]) == (409, "run_active")
    assert second.body["run_id"] == first.body["run_id"]

    ended = await system.tell(completed(UUID(first.body["run_id"])))
    await system.get("/api/v1/runs", after=ended)
    assert (await system.api.post("/api/v1/analysis", {})).status == 202


async def test_of_two_gateways_asked_at_once_one_starts_the_run(system: System) -> None:
    await system.tell(folder())
    await until(lambda: _libraries(system, 1), "the library is visible")
    async with gateway(system.settings) as other:
        await until(lambda: _trusted(other), "the second gateway has looked at its stores")
        answers = await asyncio.gather(*(one.api.post("/api/v1/analysis", {}) for one in (system, other) * 4))
    assert sorted(answer.status for answer in answers) == [202] + [409] * 7
    [winner] = [answer for answer in answers if answer.status == 202]
    assert {answer.body["run_id"] for answer in answers} == {winner.body["run_id"]}
    assert len(await commands(system)) == 1


async def _trusted(system: System) -> bool:
    return system.gateway.intake.trusted


async def test_a_run_shows_its_totals_stages_failures_and_skips(system: System) -> None:
    seen = await system.tell(
        folder(),
        *asked(),
        LibraryScanStarted(run_id=RUN, server_id=SERVER),
        discovered(*(song(number) for number in range(6))),
        LibraryScanCompleted(run_id=RUN, server_id=SERVER, total=6),
        analysed(0),
        analysed(1),
        failure(2, "corrupt"),
        failure(3, "corrupt"),
        TrackAnalysisSkipped(run_id=RUN, server_id=SERVER, track_id=track(4), reason="unchanged"),
    )
    run = await system.get(f"/api/v1/runs/{RUN}", after=seen)
    assert run["totals"] == {"discovered": 6, "analysed": 2, "skipped": 1, "failed": 2, "remaining": 1}
    assert (run["state"], run["listing_done"]) == ("running", True)
    assert run["audio_s"] == 360.0
    assert (run["stages_s"]["decode"], run["stages_s"]["tempo"]) == (1.0, 0.0)
    [group] = run["failures"]
    assert (group["reason"], group["count"], group["example_detail"]) == ("corrupt", 2, "corrupt!")
    assert group["example_title"] in ("Song 0002", "Song 0003")
    assert run["skips"] == [{"reason": "unchanged", "count": 1}]
    assert [(scan["state"], scan["listed"]) for scan in run["scans"]] == [("completed", 6)]
    assert run["tracks_per_minute"] > 0
    assert run["eta_s"] > 0


async def test_failed_tracks_are_listed_page_by_page(system: System) -> None:
    seen = await system.tell(
        folder(), *asked(), discovered(*(song(n) for n in range(5))), *(failure(n, "not_audio") for n in range(5))
    )
    found, cursor, after = [], None, seen
    while True:
        page = await system.get(f"/api/v1/runs/{RUN}/failures", limit=2, cursor=cursor, after=after)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len({item["track_id"] for item in found}) == 5
    assert found[0]["permanent"] is True
    assert (await system.api.get(f"/api/v1/runs/{uuid4()}/failures")).status == 404


async def test_runs_are_listed_newest_first_page_by_page(system: System) -> None:
    runs = [derived_id("run", number) for number in range(5)]
    seen = await system.tell(folder(), *(event for run in runs for event in asked(run)))
    found: list[str] = []
    cursor = None
    while True:
        page = await system.get("/api/v1/runs", limit=2, cursor=cursor, after=seen)
        found += [run["id"] for run in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [str(run) for run in reversed(runs)]


async def test_a_run_is_paused_resumed_and_cancelled(system: System) -> None:
    streams = system.gateway.streams
    await system.tell(folder(), *asked())

    paused = await system.api.post(f"/api/v1/runs/{RUN}/pause")
    assert paused.status == 202
    assert (await system.get(f"/api/v1/runs/{RUN}", after=paused.body["position"]))["state"] == "paused"
    assert await streams.run_states([RUN]) == {RUN: "paused"}
    assert (await system.api.post(f"/api/v1/runs/{RUN}/pause")).status == 409

    resumed = await system.api.post(f"/api/v1/runs/{RUN}/resume")
    assert (await system.get(f"/api/v1/runs/{RUN}", after=resumed.body["position"]))["state"] == "running"
    assert await streams.run_states([RUN]) == {}
    assert (await system.api.post(f"/api/v1/runs/{RUN}/resume")).status == 409

    cancelled = await system.api.post(f"/api/v1/runs/{RUN}/cancel")
    assert (await system.get(f"/api/v1/runs/{RUN}", after=cancelled.body["position"]))["state"] == "cancelled"
    assert await streams.run_states([RUN]) == {RUN: "cancelled"}
    for action in ("cancel", "pause", "resume"):
        answer = await system.api.post(f"/api/v1/runs/{RUN}/{action}")
        assert (answer.status, answer.body["reason"]) == (409, "wrong_state")
    assert (await system.api.post(f"/api/v1/runs/{uuid4()}/cancel")).status == 404


async def test_what_was_parked_goes_on_when_its_run_does(system: System) -> None:
    streams = system.gateway.streams
    await system.tell(folder(), *asked())
    await system.api.post(f"/api/v1/runs/{RUN}/pause")
    queue = streams.queue("fetcher", "test")
    await queue.ensure_groups()
    await streams.log.append(Unit(id=uuid4(), commands=[Send(wrap(fetch_audio()))]))
    [delivery] = await queue.read(10)
    assert await queue.park(delivery, read(COMMANDS, decode_raw(delivery.fields)))
    assert await streams.promote() == 0

    await system.api.post(f"/api/v1/runs/{RUN}/resume")
    assert await streams.promote() == 1


async def test_of_many_who_steer_at_once_each_sees_the_others(system: System) -> None:
    await system.tell(folder(), *asked())
    await until(lambda: _run_is_visible(system), "the run is visible")
    answers = await asyncio.gather(
        *(system.api.post(f"/api/v1/runs/{RUN}/{action}") for action in ("cancel", "pause") * 5)
    )
    assert {answer.status for answer in answers} == {202, 409}
    final = await system.api.post(f"/api/v1/runs/{RUN}/cancel")
    assert final.status in (202, 409)
    assert await system.gateway.streams.run_states([RUN]) == {RUN: "cancelled"}
    log = await system.gateway.streams.log.page(0, 100)
    assert [entry.raw.type for entry in log].count(RunCancelled.wire_type) == 1


async def _run_is_visible(system: System) -> bool:
    return (await system.api.get(f"/api/v1/runs/{RUN}")).status == 200
