"""Work that was given up."""

from __future__ import annotations

import asyncio
from typing import Any

from shared.commands import COMMANDS, Command
from shared.events import CommandRetried
from shared.messages import Envelope, Failure, Send, decode_raw, uuid7, wrap
from shared.streams import Unit
from shared.upcasts import read
from tests.given import RUN, analyze_track, fetch_audio, track
from tests.integration.gateway.system import System, discovered, folder, song


async def bury(system: System, command: Command, reason: str = "gave_up") -> Envelope[Any]:
    """Give a command up, as a worker does."""
    envelope = wrap(command)
    streams = system.gateway.streams
    await streams.log.append(Unit(id=uuid7(), commands=[Send(envelope)]))
    queue = streams.queue(command.service, "test")
    await queue.ensure_groups()
    [delivery] = await queue.read(1)
    assert await queue.bury(delivery, Failure(reason, f"because of {reason}"), (), "Traceback: here")
    return envelope


async def test_what_was_given_up_is_shown_with_its_reason(system: System) -> None:
    seen = await system.tell(folder(), discovered(song(1)))
    await system.get("/api/v1/tracks", after=seen)
    buried = await bury(system, fetch_audio(1))
    [item] = (await system.get("/api/v1/dead"))["items"]
    assert (item["service"], item["command_type"], item["command_id"]) == (
        "fetcher",
        "track.fetch_audio",
        str(buried.id),
    )
    assert (item["reason"], item["detail"], item["deliveries"]) == ("gave_up", "because of gave_up", 1)
    assert (item["run_id"], item["title"], item["subject"]) == (str(RUN), "Song 0001", f"track:{track(1)}")

    shown = await system.get(f"/api/v1/dead/{item['id']}")
    assert shown["data"]["item_id"] == "1.ogg"
    assert (shown["traceback"], shown["retryable"]) == ("Traceback: here", True)
    assert (await system.get("/api/v1/status"))["backlog"]["dead"] == 1


async def test_it_is_listed_newest_first_page_by_page(system: System) -> None:
    for number in range(5):
        await bury(system, fetch_audio(number), f"reason{number}")
    found: list[str] = []
    cursor = None
    while True:
        page = await system.get("/api/v1/dead", limit=2, cursor=cursor)
        found += [item["reason"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == ["reason4", "reason3", "reason2", "reason1", "reason0"]


async def test_a_retry_sends_it_back_once_and_says_so(system: System) -> None:
    buried = await bury(system, fetch_audio(1))
    [item] = (await system.get("/api/v1/dead"))["items"]
    answers = await asyncio.gather(*(system.api.post(f"/api/v1/dead/{item['id']}/retry") for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [202, 404, 404, 404]
    assert (await system.get("/api/v1/dead"))["items"] == []

    [delivery] = await system.gateway.streams.queue("fetcher", "test").read(10)
    again = read(COMMANDS, decode_raw(delivery.fields))
    assert (again.message, again.correlation_id, again.attempts) == (fetch_audio(1), RUN, 0)
    entry = (await system.gateway.streams.log.page(0, 10))[-1]
    assert entry.raw.type == CommandRetried.wire_type
    assert str(buried.id) in entry.raw.data.decode()


async def test_audio_that_has_expired_is_fetched_anew(system: System) -> None:
    await bury(system, analyze_track(1, owned=True))
    [item] = (await system.get("/api/v1/dead"))["items"]
    assert (await system.api.post(f"/api/v1/dead/{item['id']}/retry")).status == 202
    queue = system.gateway.streams.queue("fetcher", "test")
    await queue.ensure_groups()
    [delivery] = await queue.read(10)
    assert read(COMMANDS, decode_raw(delivery.fields)).message.wire_type == "track.fetch_audio"


async def test_what_this_release_cannot_read_is_shown_and_not_retried(system: System) -> None:
    streams = system.gateway.streams
    queue = streams.queue("fetcher", "test")
    await queue.ensure_groups()
    await streams.client.xadd(streams.keys.commands("fetcher"), {"type": "from.the.future", "data": "{"})
    [delivery] = await queue.read(1)
    await queue.bury(delivery, Failure("unreadable_command", "no id"), ())
    [item] = (await system.get("/api/v1/dead"))["items"]
    assert (item["command_type"], item["command_id"], item["title"]) == ("from.the.future", None, None)
    assert (await system.get(f"/api/v1/dead/{item['id']}"))["retryable"] is False
    answer = await system.api.post(f"/api/v1/dead/{item['id']}/retry")
    assert (answer.status, answer.body["reason"]) == (409, "unreadable_command")


async def test_ids_that_do_not_exist_are_not_found(system: System) -> None:
    for letter in ("1-0", "nonsense", "99999999999999999999999-1", "-"):
        assert (await system.api.get(f"/api/v1/dead/{letter}")).status == 404
        assert (await system.api.post(f"/api/v1/dead/{letter}/retry")).status == 404
