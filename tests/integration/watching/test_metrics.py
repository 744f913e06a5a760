"""What really running services show of known work."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from shared.commands import SERVICES, StartClustering
from shared.events import ClusteringOptions
from shared.messages import Send, uuid7, wrap
from shared.release import our_version
from shared.streams import Streams, Unit
from tests import given
from tests.integration.gateway.system import discovered, song
from tests.integration.watching.conftest import RUNNING
from tests.integration.watching.deployment import Deployment
from tests.waiting import until


@pytest.mark.parametrize("name", RUNNING)
async def test_every_process_says_who_it_is_and_what_it_uses(deployment: Deployment, name: str) -> None:
    shown = await deployment.scrape(name)
    assert shown.value("starling_build_info", service=name, version=our_version()) == 1
    resident, held = shown.value("process_resident_memory_bytes"), shown.value("starling_memory_bytes")
    assert resident is not None
    assert held is not None
    assert held > 0.9 * resident > 10_000_000
    assert (shown.value("starling_memory_limit_bytes") or 0) > held
    assert (shown.value("process_cpu_seconds_total") or 0) > 0


async def test_memory_of_children_counts(deployment: Deployment) -> None:
    shown = await deployment.scrape("analyzer")
    assert (shown.value("starling_memory_bytes") or 0) > 1.5 * (shown.value("process_resident_memory_bytes") or 0)


async def test_a_library_that_does_not_answer_is_a_retry(deployment: Deployment) -> None:
    shown = await deployment.scrape("fetcher")
    of_fetching = {"service": "fetcher", "type": "track.fetch_audio"}
    assert shown.value("starling_commands_total", **of_fetching, result="retry") == 1
    assert shown.value("starling_command_retries_total", **of_fetching, reason="server_unavailable") == 1
    assert shown.value("starling_command_seconds_count", **of_fetching) == 1
    assert shown.value("starling_worker_slots", service="fetcher") == 8
    assert shown.value("starling_worker_slots_busy", service="fetcher") == 0
    shown = await deployment.scrape("gateway")
    assert (shown.value("starling_delayed_commands"), shown.value("starling_parked_commands")) == (1, 0)
    assert shown.value("starling_delayed_overdue_seconds") == 0


async def test_nonsense_is_a_dead_letter(deployment: Deployment) -> None:
    shown = await deployment.scrape("syncer")
    assert shown.value("starling_commands_total", service="syncer", type="unreadable", result="buried") == 1
    assert (await deployment.scrape("gateway")).value("starling_dead_letters") == 1


async def test_every_delivery_has_one_line_in_the_log(deployment: Deployment) -> None:
    (line,) = deployment.lines("fetcher", "command")
    assert line["seconds"] > 0
    expected = {
        "service": "fetcher",
        "type": "track.fetch_audio",
        "run": str(given.RUN),
        "subject": f"track:{given.track(2)}",
        "result": "retry",
        "reason": "server_unavailable",
        "attempt": 1,
        "delivery": 1,
    }
    assert {name: line[name] for name in expected} == expected
    (line,) = deployment.lines("syncer", "command")
    assert (line["type"], line["result"], line["reason"]) == ("unreadable", "buried", "unreadable_command")


async def test_work_that_nobody_does_is_counted_and_gets_older_until_somebody_comes(
    deployment: Deployment, streams: Streams
) -> None:
    orders = [StartClustering(run_id=uuid7(), options=ClusteringOptions(), seed=seed) for seed in range(3)]
    await streams.log.append(Unit(uuid7(), commands=[Send(wrap(order)) for order in orders]))
    work = {"service": "clusterer", "priority": "normal"}
    await until(lambda: deployment.shows("gateway", "starling_backlog", 3, **work), "three commands wait")
    first = (await deployment.scrape("gateway")).value("starling_backlog_oldest_seconds", **work)
    assert first is not None

    async def is_older() -> bool:
        age = (await deployment.scrape("gateway")).value("starling_backlog_oldest_seconds", **work)
        return age is not None and age > first + 1

    await until(is_older, "the oldest is older")
    deployment.start("clusterer")
    await until(lambda: deployment.shows("gateway", "starling_backlog", 0, **work), "somebody came", seconds=60)
    assert (await deployment.scrape("gateway")).value("starling_backlog_oldest_seconds", **work) == 0
    assert (await deployment.scrape("clusterer")).value("starling_commands_total", type="clustering.start") == 3


async def test_the_streams_of_every_service_are_shown(deployment: Deployment) -> None:
    shown = await deployment.scrape("gateway")
    for service in SERVICES:
        for priority in ("high", "normal"):
            assert shown.value("starling_backlog", service=service, priority=priority) is not None


async def test_who_follows_the_log_says_so(deployment: Deployment) -> None:
    for name in ("projector", "coordinator"):
        shown = await deployment.scrape(name)
        assert shown.value("starling_follower_active", follower=name) == 1
        assert (shown.value("starling_events_applied_total", follower=name) or 0) >= 4
        assert (shown.value("starling_follower_position_seconds", follower=name) or 0) > 1_700_000_000


async def test_a_second_projector_stands_by(deployment: Deployment, stores: dict[str, str], tmp_path: Path) -> None:
    standby = Deployment(stores, tmp_path)
    standby.start("projector")
    try:
        await until(
            lambda: standby.shows("projector", "starling_follower_active", 0, follower="projector"),
            "it stands by",
            seconds=40,
        )
    finally:
        standby.stop()


async def test_a_projector_that_hangs_is_seen_from_outside(deployment: Deployment, streams: Streams) -> None:
    await until(
        lambda: deployment.shows("gateway", "starling_follower_lag_seconds", 0, follower="projector"), "it follows"
    )
    deployment.processes["projector"].send_signal(signal.SIGSTOP)
    await streams.log.append(Unit(uuid7(), events=[wrap(discovered(song(2)))]))

    async def lags() -> bool:
        shown = await deployment.scrape("gateway")
        lag = shown.value("starling_follower_lag_seconds", follower="projector") or 0
        return lag > 1 and (shown.value("starling_index_lag_seconds") or 0) > 1

    await until(lags, "projector and index are behind")
    assert await deployment.shows("gateway", "starling_follower_lag_seconds", 0, follower="coordinator")
    deployment.processes["projector"].send_signal(signal.SIGCONT)
    await until(
        lambda: deployment.shows("gateway", "starling_follower_lag_seconds", 0, follower="projector"), "it catches up"
    )
    await until(lambda: deployment.shows("gateway", "starling_index_lag_seconds", 0), "the index catches up")


async def test_requests_are_counted_by_what_they_ask_for_and_never_by_id(deployment: Deployment) -> None:
    shown = await deployment.scrape("gateway")
    route = "/api/v1/tracks/{track_id}"
    assert shown.value("starling_http_requests_total", method="GET", route=route, status="200") == 1
    assert shown.value("starling_http_request_seconds_count", route=route) == 1
    shown_labels = {value for _, labels in shown.samples for _, value in labels}
    assert not [value for value in shown_labels if str(given.track(1)) in value or "made/up" in value]


async def test_every_request_has_one_line_in_the_log(deployment: Deployment) -> None:
    path = f"/api/v1/tracks/{given.track(1)}"
    (line,) = [line for line in deployment.lines("gateway", "request") if line["path"] == path]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/api/v1/tracks/{track_id}", 200)
    assert line["seconds"] > 0


async def test_ten_scrapers_cost_no_more_than_one(deployment: Deployment, streams: Streams) -> None:
    await streams.client.config_resetstat()
    await asyncio.gather(*(deployment.scrape("gateway") for _ in range(10)))
    stats = await streams.client.info("commandstats")
    # Only measuring asks for this hash; the figures may have turned two seconds old in between.
    assert stats.get("cmdstat_hgetall", {"calls": 0})["calls"] <= 2
