"""Ending a command: once, whole, or not at all."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import Conflict, NotFound
from shared.events import EVENTS, CommandRetried, RunCancelled, TrackAnalyzed
from shared.messages import Failure, Outcome, Send, derived_id, uuid7, wrap
from shared.streams import Delivery, Streams, Unit
from shared.streams.work import WorkQueue
from shared.upcasts import read
from tests import given
from tests.waiting import until


async def _one_command(streams: Streams, consumer: str = "a") -> tuple[WorkQueue, Delivery]:
    """Given one command on the fetcher's stream, taken by a consumer."""
    queue = streams.queue("fetcher", consumer)
    await queue.ensure_groups()
    await streams.log.append(Unit(uuid7(), commands=[Send(wrap(given.fetch_audio()))]))
    (delivery,) = await queue.read(5)
    return queue, delivery


async def _types(streams: Streams) -> list[str]:
    return [entry.raw.type for entry in await streams.log.page(0, 1000)]


async def test_a_commit_acknowledges_deletes_and_appends_in_one_step(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    command = wrap(given.fetch_audio())
    outcome = Outcome(events=(wrap(RunCancelled(run_id=given.RUN)),), commands=(Send(wrap(given.analyze_track())),))

    assert await queue.commit(delivery, command, outcome)

    assert await _types(streams) == ["run.cancelled"]
    backlog = await streams.backlog()
    assert (backlog["fetcher"], backlog["analyzer"]) == (0, 1)
    assert await streams.pending() == 0


async def test_the_second_commit_of_a_command_changes_nothing(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    outcome = Outcome(events=(wrap(RunCancelled(run_id=given.RUN)),))
    command = wrap(given.fetch_audio())

    answers = await asyncio.gather(*(queue.commit(delivery, command, outcome) for _ in range(5)))

    assert sorted(answers) == [False, False, False, False, True]
    assert await _types(streams) == ["run.cancelled"]


async def test_vector_bytes_arrive_as_they_were_sent(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    blob = bytes(range(256)) * 4
    event = TrackAnalyzed(
        run_id=given.RUN,
        server_id=given.SERVER,
        track_id=given.track(1),
        content_version="1",
        profile="fast",
        feature_version=1,
        space="test",
        audio_hash="00",
        duration_s=1.0,
    )
    await queue.commit(delivery, wrap(given.fetch_audio()), Outcome(events=(wrap(event, blob=blob),)))

    (entry,) = await streams.log.page(0, 10)
    envelope = read(EVENTS, entry.raw, entry.position)

    assert envelope.blob == blob
    assert envelope.message == event
    assert envelope.causation_id is not None


async def test_a_lost_script_cache_is_noticed_and_refilled(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    await streams.client.script_flush()

    assert await queue.commit(delivery, wrap(given.fetch_audio()), Outcome())


async def test_a_delayed_command_comes_back_when_it_is_due(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    await queue.commit(delivery, wrap(given.fetch_audio()), Outcome(postpone_s=0.5))
    assert (await streams.backlog())["delayed"] == 1
    assert await streams.promote() == 0

    async def promoted() -> bool:
        return await streams.promote() == 1

    await until(promoted, "the command was due")

    (again,) = await queue.read(5)
    assert again.fields[b"type"] == b"track.fetch_audio"
    assert (await streams.backlog())["delayed"] == 0


async def test_appending_a_unit_twice_is_a_no_op_that_answers_the_first_position(streams: Streams) -> None:
    unit = Unit(derived_id("twice"), events=[wrap(RunCancelled(run_id=given.RUN))])

    first = await streams.log.append(unit)
    second = await streams.log.append(unit)

    assert (first.repeated, second.repeated) == (False, True)
    assert first.position == second.position
    assert await _types(streams) == ["run.cancelled"]


async def test_of_two_decisions_on_the_same_version_one_wins(streams: Streams) -> None:
    def decide() -> Unit:
        return Unit(uuid7(), events=[wrap(RunCancelled(run_id=given.RUN))], expect={"run:1": 0})

    answers = await asyncio.gather(*(streams.log.append(decide()) for _ in range(4)), return_exceptions=True)

    assert sum(isinstance(answer, Conflict) for answer in answers) == 3
    assert len(await _types(streams)) == 1
    await streams.log.append(Unit(uuid7(), events=[wrap(RunCancelled(run_id=given.RUN))], expect={"run:1": 1}))


async def test_a_dead_letter_holds_its_command_and_goes_back_once(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    failure = Failure("gave_up", "three deliveries were not finished")
    await queue.bury(delivery, failure, [wrap(RunCancelled(run_id=given.RUN))], "Traceback ...")
    (letter,) = await streams.dead_letters(10)
    assert (letter.command_type, letter.reason, letter.service) == ("track.fetch_audio", "gave_up", "fetcher")
    assert letter.data["item_id"] == "1.ogg"
    assert letter.run_id == given.RUN

    retried = CommandRetried(
        command_id=derived_id("x"), run_id=given.RUN, command_type="track.fetch_audio", service="fetcher"
    )
    await streams.redrive(letter.id, Send(wrap(given.fetch_audio())), wrap(retried))

    assert await _types(streams) == ["run.cancelled", "command.retried"]
    assert len(await queue.read(5)) == 1
    with pytest.raises(NotFound):
        await streams.redrive(letter.id, Send(wrap(given.fetch_audio())), wrap(retried))


async def test_parked_commands_wait_for_the_run_to_be_resumed(streams: Streams) -> None:
    queue, delivery = await _one_command(streams)
    await streams.log.append(Unit(uuid7(), flags={given.RUN: "paused"}))
    command = wrap(given.fetch_audio())

    await queue.park(delivery, command)
    assert await streams.promote() == 0

    await streams.log.append(Unit(uuid7(), flags={given.RUN: None}, release=[given.RUN]))
    assert await streams.promote() == 1


async def test_a_command_parked_after_the_run_was_resumed_is_not_forgotten(streams: Streams) -> None:
    """The worker saw "paused", then somebody resumed, then the worker parked."""
    queue, delivery = await _one_command(streams)
    await streams.log.append(Unit(uuid7(), flags={given.RUN: "paused"}))
    await streams.log.append(Unit(uuid7(), flags={given.RUN: None}, release=[given.RUN]))

    await queue.park(delivery, wrap(given.fetch_audio()))

    assert await streams.promote() == 1
