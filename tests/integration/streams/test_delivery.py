"""Getting commands: priority, leases, reclaim, lost groups, trimming, durability."""

from __future__ import annotations

import asyncio

import pytest

from shared import positions
from shared.errors import ConfigurationError, InvalidInput
from shared.events import RunCancelled
from shared.follower import parse
from shared.messages import Outcome, Send, uuid7, wrap
from shared.streams import Streams, Unit
from shared.streams.connection import check_server
from tests import given


async def _send(streams: Streams, *numbers: int, high: bool = False) -> None:
    for number in numbers:
        await streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.fetch_audio(number)), high=high)]))


async def test_urgent_commands_come_first_and_no_more_than_there_is_room_for(streams: Streams) -> None:
    queue = streams.queue("fetcher", "a")
    await queue.ensure_groups()
    await _send(streams, 1, 2, 3)
    await _send(streams, 8, 9, high=True)

    first = await queue.read(3)
    second = await queue.read(3)

    assert [b'"8.ogg"' in d.fields[b"data"] or b'"9.ogg"' in d.fields[b"data"] for d in first] == [True, True, False]
    assert len(second) == 2


async def test_a_renewed_lease_is_not_taken_over_and_an_expired_one_is(streams: Streams) -> None:
    ours, theirs = streams.queue("fetcher", "ours"), streams.queue("fetcher", "theirs")
    await ours.ensure_groups()
    await _send(streams, 1)
    (delivery,) = await ours.read(1)
    for _ in range(4):
        await asyncio.sleep(0.05)
        await ours.renew([delivery])
        assert await theirs.reclaim(lease_ms=150, most=5) == []

    await asyncio.sleep(0.16)
    (taken,) = await theirs.reclaim(lease_ms=150, most=5)

    assert taken.entry_id == delivery.entry_id
    assert taken.deliveries == 2


async def test_a_restarted_consumer_finds_what_it_had_in_hand(streams: Streams) -> None:
    await streams.queue("fetcher", "a").ensure_groups()
    await _send(streams, 1, 2)
    await streams.queue("fetcher", "a").read(2)

    recovered = await streams.queue("fetcher", "a").recover()

    assert [delivery.deliveries for delivery in recovered] == [2, 2]


async def test_a_command_handed_back_is_free_at_once_and_the_delivery_is_not_counted(streams: Streams) -> None:
    ours, theirs = streams.queue("fetcher", "ours"), streams.queue("fetcher", "theirs")
    await ours.ensure_groups()
    await _send(streams, 1)
    (delivery,) = await ours.read(1)

    await ours.hand_back(delivery)
    (taken,) = await theirs.reclaim(lease_ms=60_000, most=5)

    assert taken.deliveries == 1


async def test_a_lost_group_is_created_again_and_finds_all_unfinished_work(streams: Streams) -> None:
    queue = streams.queue("fetcher", "a")
    await queue.ensure_groups()
    await _send(streams, 1, 2)
    (done, _) = await queue.read(2)
    await queue.commit(done, wrap(given.fetch_audio(1)), Outcome())
    for stream in queue.streams:
        await streams.client.xgroup_destroy(stream, "workers")

    assert await queue.read(5) == []
    (again,) = await queue.read(5)

    assert b'"2.ogg"' in again.fields[b"data"]


async def test_the_log_is_trimmed_only_below_every_follower(streams: Streams) -> None:
    appended = [
        (await streams.log.append(Unit(uuid7(), events=[wrap(RunCancelled(run_id=given.RUN))]))).position
        for _ in range(10)
    ]
    assert await streams.log.trim(["projector", "coordinator"], keep_ms=0) == 0

    await streams.log.confirm("projector", appended[9])
    assert await streams.log.trim(["projector", "coordinator"], keep_ms=0) == 0
    await streams.log.confirm("coordinator", appended[4])
    assert await streams.log.trim(["projector", "coordinator"], keep_ms=3_600_000) == 0
    await asyncio.sleep(0.01)

    assert await streams.log.trim(["projector", "coordinator"], keep_ms=0) == 4
    assert await streams.log.first() == appended[4]


async def test_a_server_that_would_lose_data_is_refused_by_name_of_the_setting(streams: Streams) -> None:
    client = streams.client
    await check_server(client, "always")
    before = await client.config_get("appendfsync", "maxmemory", "maxmemory-policy")
    try:
        await client.config_set("appendfsync", "everysec")
        with pytest.raises(ConfigurationError, match="appendfsync always"):
            await check_server(client, "always")
        await check_server(client, "everysec")
        await client.config_set("maxmemory", "1gb", "maxmemory-policy", "allkeys-lru")
        with pytest.raises(ConfigurationError, match="noeviction"):
            await check_server(client, "everysec")
    finally:
        for name, value in before.items():
            await client.config_set(str(name), str(value))


async def test_idle_consumers_that_hold_nothing_are_forgotten(streams: Streams) -> None:
    idle, busy = streams.queue("fetcher", "idle"), streams.queue("fetcher", "busy")
    await idle.ensure_groups()
    await _send(streams, 1, 2)
    (done,) = await idle.read(1)
    await idle.commit(done, wrap(given.fetch_audio(1)), Outcome())
    await busy.read(1)
    await asyncio.sleep(0.01)

    assert await streams.forget_idle_consumers(idle_ms=1) >= 1

    left = await streams.client.xinfo_consumers(busy.streams[1], "workers")
    assert [consumer["name"] for consumer in left] == [b"busy"]
    assert await streams.pending() == 1


async def test_an_entry_that_nobody_of_us_wrote_keeps_its_place_and_stops_no_reader(streams: Streams) -> None:
    await streams.client.xadd(streams.keys.events, {"hello": b"\xffworld"})
    await streams.log.append(Unit(uuid7(), events=[wrap(RunCancelled(run_id=given.RUN))]))

    stray, ours = await streams.log.read(positions.START, 10)

    assert (stray.raw.type, stray.raw.subject) == ("unreadable", "log:stray")
    assert b"hello" in stray.raw.data
    assert ours.raw.type == "run.cancelled"
    assert [envelope.message.wire_type for envelope in parse([stray, ours])] == ["run.cancelled"]


def test_positions_sort_like_stream_ids_and_survive_the_round_trip() -> None:
    ids = ["0-0", "1-0", "1-5", "1-40", "2-0", "1790000000000-0", "1790000000000-1048575"]
    packed = [positions.pack(text) for text in ids]

    assert packed == sorted(packed)
    assert [positions.text(position) for position in packed] == ids
    assert max(packed) < 1 << 63
    for wrong in ("", "x", "1-", "1-2-3", "-1", "²-0", "1-1048576", "9" * 30):
        with pytest.raises(InvalidInput):
            positions.pack(wrong)
