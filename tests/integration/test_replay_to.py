"""``starling replay --to``: events of the past for somebody outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from services.cli import copying
from services.cli.copying import Wanted, make_wanted
from services.cli.session import Session
from services.projector import schema
from shared import positions, postgres
from shared.archive import write_archive
from shared.errors import Conflict, InvalidInput
from shared.messages import encode_raw
from shared.pausing import end
from shared.settings import Settings
from shared.streams import LogEntry, Streams
from tests.environment import environment_of
from tests.integration.projector.history import History
from tests.waiting import until

EVERYTHING = Wanted()
HISTORY = History(3).grow(1200)


@pytest.fixture
async def streams(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Streams]:
    """A Starling whose events are in the archive, some of them in the log, too, and ten in the log alone."""
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    await schema.create_kept(settings)
    connection = await postgres.open_connection(settings)
    opened = Streams(settings)
    try:
        async with connection.transaction():
            await write_archive(connection, HISTORY[:-10])
        await to_log(opened, HISTORY[-110:])
        yield opened
    finally:
        await opened.close()
        await connection.close()


async def to_log(streams: Streams, entries: Sequence[LogEntry]) -> None:
    """Append entries to the log where they once stood."""
    async with streams.client.pipeline(transaction=False) as pipe:
        for entry in entries:
            fields: dict[Any, Any] = dict(encode_raw(entry.raw))
            pipe.xadd(streams.keys.events, fields, id=positions.text(entry.position))
        await pipe.execute()


async def copy(wanted: Wanted = EVERYTHING, *, most: int = 100_000, resume: bool = False) -> None:
    assert await copying.copy_to_stream(Session(), "outside", wanted, max_length=most, resume=resume) == 0


async def copied(streams: Streams) -> list[tuple[str, dict[bytes, bytes]]]:
    found: Any = await streams.client.xrange(streams.outside("outside").key)
    return [(entry_id.decode(), fields) for entry_id, fields in found]


def places(entries: Sequence[LogEntry]) -> list[str]:
    return [positions.text(entry.position) for entry in entries]


async def test_every_event_comes_once_in_order_as_the_log_had_it(
    streams: Streams, capsys: pytest.CaptureFixture[str]
) -> None:
    await copy()
    end = positions.text(HISTORY[-1].position)
    said = f"Appended {len(HISTORY):,} events to {{starling}}:replay:outside, which stands at {end}.\n"
    assert capsys.readouterr().out.splitlines()[-1] == said.strip()
    found = await copied(streams)
    assert [place for place, _ in found] == places(HISTORY)
    for (place, fields), entry in zip(found, HISTORY, strict=True):
        expected = {
            name: value if isinstance(value, bytes) else value.encode() for name, value in encode_raw(entry.raw).items()
        }
        assert fields.pop(b"position").decode() == place
        assert json.loads(fields.pop(b"data")) == json.loads(expected.pop("data"))
        assert {name.decode(): value for name, value in fields.items()} == expected


async def test_only_what_is_wanted_comes(streams: Streams) -> None:
    subject = next(entry.raw.subject for entry in HISTORY if entry.raw.type == "track.analyzed")
    start, end = HISTORY[300].position, HISTORY[-5].position
    wanted = make_wanted(["track.*,server.added", "run.paused"], positions.text(start), positions.text(end), None)
    expected = [entry for entry in HISTORY if wanted.matches(entry)]
    assert expected[0].position >= start and expected[-1].position <= end and len(expected) > 100
    await copy(wanted)
    assert [place for place, _ in await copied(streams)] == places(expected)

    await streams.client.delete(streams.outside("outside").key)
    await copy(Wanted(subject=subject))
    assert [place for place, _ in await copied(streams)] == places([e for e in HISTORY if e.raw.subject == subject])


async def filled(streams: Streams, length: int) -> None:
    """Wait until the stream is so long."""

    async def full() -> bool:
        return bool(await streams.client.xlen(streams.outside("outside").key) == length)

    await until(full, "it is full")


async def read(streams: Streams, number: int) -> tuple[list[str], int]:
    """What a new group of consumers gets, in order, and how long the stream was at most."""
    key, longest = streams.outside("outside").key, 0
    got: list[str] = []
    await streams.client.xgroup_create(key, "reader", id="0")
    while len(got) < number:
        answer: Any = await streams.client.xreadgroup("reader", "one", {key: ">"}, count=60, block=1000)
        ids = [entry_id for _, found in answer for entry_id, _ in found]
        got += [entry_id.decode() for entry_id in ids]
        longest = max(longest, int(await streams.client.xlen(key)))
        await streams.client.xack(key, "reader", *ids)
    return got, longest


async def test_it_waits_for_whoever_reads_and_loses_nothing(streams: Streams) -> None:
    copy_of_all = asyncio.create_task(copy(most=100))
    await filled(streams, 100)
    got, longest = await read(streams, len(HISTORY))
    await copy_of_all
    assert (got, longest) == (places(HISTORY), 100)


async def test_what_broke_off_goes_on_where_it_was(streams: Streams) -> None:
    broken_off = asyncio.create_task(copy(most=150))
    await filled(streams, 150)
    await end([broken_off])
    assert broken_off.cancelled()
    with pytest.raises(Conflict, match=r"has been filled up to .* go on behind that with --resume"):
        await copy()
    await copy(resume=True)
    assert [place for place, _ in await copied(streams)] == places(HISTORY)
    await copy(resume=True)
    assert len(await copied(streams)) == len(HISTORY)


async def test_what_was_archived_and_trimmed_while_it_waited_is_not_left_out(
    streams: Streams, settings: Settings
) -> None:
    later = [LogEntry(entry.position + (1 << 40), entry.raw) for entry in HISTORY[:700]]
    await to_log(streams, later)
    waiting = asyncio.create_task(copy(Wanted(after=HISTORY[-1].position), most=400))
    await filled(streams, 400)
    connection = await postgres.open_connection(settings)
    async with connection.transaction():
        await write_archive(connection, [*HISTORY[-10:], *later])
    await connection.close()
    await streams.client.xtrim(streams.keys.events, maxlen=0, approximate=False)
    got, _ = await read(streams, len(later))
    await waiting
    assert got == places(later)


def test_places_are_positions_or_times() -> None:
    day = positions.pack("1767225600000-0")
    assert make_wanted([], "1767225600000-0", "1767225600000-7", None) == Wanted(day - 1, day + 7)
    assert make_wanted([], "2026-01-01T00:00+00:00", None, None).after == day - 1
    assert make_wanted([], None, "2026-01-01T00:00:00Z", None).until == day - 1
    for since, limit in (("yesterday", None), (None, "2026-13-01"), ("2026-01-02", "2026-01-01"), ("12-3", None)):
        with pytest.raises(InvalidInput):
            make_wanted([], since, limit, None)
    with pytest.raises(InvalidInput, match=r"there is no event moon\.\*"):
        make_wanted(["moon.*"], None, None, None)
