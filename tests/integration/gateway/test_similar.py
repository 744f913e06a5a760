"""What sounds alike."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from shared.events import TracksRemoved
from shared.messages import derived_id
from tests.given import RUN, SERVER, track
from tests.integration.gateway.system import System, analysed, asked, direction, discovered, folder, song, tags
from tests.waiting import until


async def similar(system: System, number: int, **query: object) -> list[tuple[str, float, str]]:
    body = await system.get(f"/api/v1/tracks/{track(number)}/similar", **query)
    return [(item["track"]["title"], item["distance"], item["why"]) for item in body["items"]]


async def indexed(system: System, n: int) -> None:
    async def all_there() -> bool:
        return bool((await system.get("/api/v1/status"))["index"]["vectors"] == n)

    await until(all_there, f"the index holds {n} vectors")


async def test_neighbours_come_nearest_first_with_a_reason(system: System) -> None:
    slow = tags(mtt__slow=0.6, mtt__piano=0.5)
    await system.tell(
        folder(),
        *asked(),
        discovered(*(song(number) for number in range(5))),
        analysed(0, heard=slow),
        analysed(1, direction(1, towards=0, share=0.8), slow),
        analysed(2, direction(2, towards=0, share=0.5), tags(msd__metal=0.9), tempo_bpm=180.0, key="D"),
        analysed(3),
    )
    await indexed(system, 4)
    found = await similar(system, 0, n=2)
    assert [title for title, _, _ in found] == ["Song 0001", "Song 0002"]
    assert 0 < found[0][1] < found[1][1] < 1
    assert found[0][2] == "same slow piano mood, 72 BPM, same key (A minor)"

    body = await system.get(f"/api/v1/tracks/{track(0)}/similar")
    assert body["track"]["title"] == "Song 0000"
    assert len(body["items"]) == 3


async def test_the_same_recording_twice_is_a_neighbour_at_no_distance(system: System) -> None:
    await system.tell(
        folder(), *asked(), discovered(song(1), song(2)), analysed(1, direction(1)), analysed(2, direction(1))
    )
    await indexed(system, 2)
    [(title, distance, _)] = await similar(system, 1)
    assert title == "Song 0002"
    assert abs(distance) < 1e-3


async def test_a_track_that_was_not_analysed_says_so(system: System) -> None:
    seen = await system.tell(folder(), *asked(), discovered(song(1)))
    answer = await system.api.get(f"/api/v1/tracks/{track(1)}/similar", after=seen)
    assert (answer.status, answer.body["reason"]) == (409, "not_analysed")


async def test_neighbours_can_be_kept_to_one_library(system: System) -> None:
    other = derived_id("other")
    await system.tell(
        folder(),
        folder("/other", other, "Other"),
        *asked(),
        discovered(*(song(number) for number in range(40))),
        discovered(song(40), server=other),
        *(analysed(number, direction(number, towards=0, share=0.8)) for number in range(40)),
        analysed(40, server=other),
    )
    await indexed(system, 41)
    assert [title for title, _, _ in await similar(system, 0, n=1, server_id=other)] == ["Song 0040"]
    assert len(await similar(system, 40, n=200, server_id=SERVER)) == 40


async def test_a_removed_track_is_nobodys_neighbour(system: System) -> None:
    await system.tell(folder(), *asked(), discovered(song(1), song(2)), analysed(1), analysed(2))
    await indexed(system, 2)
    seen = await system.tell(TracksRemoved(run_id=RUN, server_id=SERVER, track_ids=(track(2),)))
    assert await similar(system, 1, after=seen) == []


async def test_a_track_is_found_within_a_second_of_its_analysis(system: System) -> None:
    """From the event in the log to an answer that contains the track; each of 30 tracks is waited for."""
    await system.tell(folder(), *asked(), discovered(*(song(number) for number in range(31))), analysed(0))
    await indexed(system, 1)
    waits = []
    for number in range(1, 31):
        started = time.perf_counter()
        await system.tell(analysed(number, direction(number, towards=0, share=0.9)))
        await until(lambda number=number: _is_found(system, track(number)), "the track is found")  # type: ignore[misc]
        waits.append(time.perf_counter() - started)
    waits.sort()
    assert waits[int(len(waits) * 0.95)] < 1.0, waits


async def _is_found(system: System, wanted: UUID) -> bool:
    body = await system.get(f"/api/v1/tracks/{track(0)}/similar", n=200)
    return str(wanted) in {item["track"]["id"] for item in body["items"]}


async def test_many_may_ask_at_once(system: System) -> None:
    await system.tell(
        folder(), *asked(), discovered(*(song(n) for n in range(20))), *(analysed(number) for number in range(20))
    )
    await indexed(system, 20)
    answers = await asyncio.gather(*(similar(system, number % 20, n=5) for number in range(60)))
    assert all(len(found) == 5 for found in answers)
