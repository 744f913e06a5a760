"""Streams for consumers outside: what somebody has yet to read stays, and nothing is appended without room."""

from __future__ import annotations

from typing import Any

import pytest

from shared import positions
from shared.errors import Conflict, InvalidInput
from shared.events import RunPaused
from shared.messages import decode_raw, encode, wrap
from shared.streams import LogEntry, OutsideStream, Streams
from tests import given

FIRST = 1_767_225_600_000


def entries(*numbers: int) -> list[LogEntry]:
    """Events of the past, at these milliseconds."""
    made = []
    for number in numbers:
        fields = encode(wrap(RunPaused(run_id=given.RUN), blob=b"\x00\xff"))
        raw = decode_raw({k.encode(): v if isinstance(v, bytes) else v.encode() for k, v in fields.items()})
        made.append(LogEntry(positions.pack(f"{FIRST + number}-0"), raw))
    return made


@pytest.fixture
def stream(streams: Streams) -> OutsideStream:
    return streams.outside("warehouse")


async def read(streams: Streams, stream: OutsideStream, group: str, most: int, *, acknowledge: bool = True) -> None:
    """A consumer of a group reads."""
    client = streams.client
    answer: Any = await client.xreadgroup(group, "one", {stream.key: ">"}, count=most)
    found = next(iter(answer.values()))[0] if isinstance(answer, dict) else answer[0][1]
    if acknowledge:
        await client.xack(stream.key, group, *[entry_id for entry_id, _ in found])


async def held(streams: Streams, stream: OutsideStream) -> list[int]:
    """The numbers of the entries that are there."""
    found: Any = await streams.client.xrange(stream.key)
    return [positions.milliseconds(positions.pack(entry_id)) - FIRST for entry_id, _ in found]


async def test_an_entry_is_that_of_the_log_with_its_position(streams: Streams, stream: OutsideStream) -> None:
    assert stream.key == "{starling}:replay:warehouse"
    assert await stream.position() == positions.START
    await stream.append(entries(1))
    found: Any = await streams.client.xrange(stream.key)
    ((entry_id, fields),) = found
    assert entry_id == fields.pop(b"position") == f"{FIRST + 1}-0".encode()
    assert decode_raw(fields).type == "run.paused" and fields[b"blob"] == b"\x00\xff"


async def test_how_far_it_has_come_is_known_when_everything_was_taken_away(
    streams: Streams, stream: OutsideStream
) -> None:
    await stream.append(entries(1, 2))
    await streams.client.xtrim(stream.key, maxlen=0, approximate=False)
    assert await stream.position() == positions.pack(f"{FIRST + 2}-0")


async def test_a_full_stream_loses_only_what_all_groups_have_acknowledged(
    streams: Streams, stream: OutsideStream
) -> None:
    await stream.append(entries(1, 2, 3, 4, 5))
    assert (await stream.room(6), await stream.room(5), await stream.room(3)) == (1, 0, 0), "nobody reads"
    for group in ("quick", "slow"):
        await streams.client.xgroup_create(stream.key, group, id="0")
    await read(streams, stream, "quick", 5)
    assert await stream.room(5) == 0
    await read(streams, stream, "slow", 2)
    assert await stream.room(6) == 1, "with room there is nothing to take away"
    assert await stream.room(5) == 2
    assert await held(streams, stream) == [3, 4, 5]
    await read(streams, stream, "slow", 2, acknowledge=False)
    assert await stream.room(3) == 0, "read and not acknowledged"
    await streams.client.xack(stream.key, "slow", f"{FIRST + 4}-0")
    assert await stream.room(3) == 0, "the one before it is still in somebody's hands"
    await streams.client.xack(stream.key, "slow", f"{FIRST + 3}-0")
    assert await stream.room(3) == 2
    assert await held(streams, stream) == [5]


async def test_two_that_append_notice(stream: OutsideStream) -> None:
    await stream.append(entries(1, 2))
    with pytest.raises(Conflict, match=r"somebody else appends to .*:replay:warehouse; let one of them go on"):
        await stream.append(entries(2))


async def test_the_names_of_our_own_streams_are_refused(streams: Streams) -> None:
    for name in ("events", "commands", "dead", "analyzer", "{starling}:events", "a:b", "", "*", "../x"):
        with pytest.raises(InvalidInput, match="cannot be the name of a stream for others; choose one"):
            streams.outside(name)


async def test_a_key_that_is_no_stream_is_left_alone(streams: Streams, stream: OutsideStream) -> None:
    await streams.client.set(stream.key, "x")
    with pytest.raises(InvalidInput, match="is a string, not a stream"):
        await stream.position()
