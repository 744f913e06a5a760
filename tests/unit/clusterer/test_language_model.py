"""A language model may name playlists, and may do it badly. The model is a real HTTP server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from services.clusterer import language_model
from shared.events import PlaylistFacts, Proposal
from shared.settings import Settings
from tests import given

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PROPOSALS = tuple(
    Proposal(
        number=number,
        name=name,
        track_ids=(given.track(number),),
        facts=PlaylistFacts(tags=(("soul", 1.5), ("slow", 1.0)), tempo_bpm=82.4, years=(1971, 1979), duration_s=99.0),
    )
    for number, name in enumerate(("Slow soul", "Fast metal", "Quiet piano"), start=1)
)
EXAMPLES = (("Ann - One", "Ben - Two"), ("Cid - Three",), ("Dee - Four",))


@asynccontextmanager
async def model(handler: Handler) -> AsyncIterator[Settings]:
    """A language model that answers with ``handler``, and the settings that lead to it."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield _settings(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _settings(port: int, timeout_s: float = 5.0) -> Settings:
    return Settings(
        llm_url=f"http://127.0.0.1:{port}/v1", llm_model="small", llm_key=SecretStr("geheim"), llm_timeout_s=timeout_s
    )


def says(content: object) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.json_response({"choices": [{"message": {"role": "assistant", "content": content}}]})

    return handler


def names(proposals: tuple[Proposal, ...]) -> list[str]:
    return [proposal.name for proposal in proposals]


async def test_names_of_a_model_are_used_and_marked() -> None:
    answer = (
        'Sure!\n```json\n{"names": {"1": "Candlelight soul", "2": " \\"Iron mornings\\" ", "3": "Ivory rooms"}}\n```'
    )
    async with model(says(answer)) as settings:
        named, note = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert names(named) == ["Candlelight soul", "Iron mornings", "Ivory rooms"]
    assert {proposal.named_by for proposal in named} == {"language_model"}
    assert note is None
    assert [proposal.track_ids for proposal in named] == [proposal.track_ids for proposal in PROPOSALS]


async def test_the_model_is_told_tags_years_tempo_and_a_few_titles_and_nothing_else() -> None:
    got: dict[str, Any] = {}

    async def handler(request: web.Request) -> web.Response:
        got.update(await request.json(), key=request.headers["Authorization"])
        return web.json_response({"choices": [{"message": {"content": "{}"}}]})

    async with model(handler) as settings:
        await language_model.rename(settings, PROPOSALS, EXAMPLES, 2**40 + 5)
    assert (got["model"], got["seed"], got["key"]) == ("small", 5, "Bearer geheim")
    assert json.loads(got["messages"][1]["content"])[0] == {
        "number": 1,
        "heard": ["soul", "slow"],
        "years": "1971-1979",
        "beats_per_minute": 82,
        "tracks": ["Ann - One", "Ben - Two"],
    }


@pytest.mark.parametrize(
    "content",
    [
        "I would rather not.",
        "",
        None,
        42,
        '{"names": ["a", "b"]}',
        '{"names": {"one": "Name"}}',
        '{"names": {"1": "%s", "2": "", "3": 7}}' % ("x" * 61),
        '{"names": {"1": "see http://a.example", "2": "two\\nlines", "3": "<b>bold</b>"}}',
        '{"names": {"1": "Fast metal", "2": "!!!", "3": "Slow soul"}}',
        "{" * 100_000 + "}" * 100_000,
    ],
)
async def test_nonsense_leaves_the_names_as_they_are_and_says_so(content: object) -> None:
    async with model(says(content)) as settings:
        named, note = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert named == PROPOSALS
    assert note is not None and note.endswith("3 of 3 names come from tags.")


async def test_of_two_equal_names_the_first_counts() -> None:
    async with model(says('{"1": "Old gold", "2": "old gold", "3": "Quiet Piano"}')) as settings:
        named, note = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert names(named) == ["Old gold", "Fast metal", "Quiet Piano"]
    assert note is not None and "1 of 3" in note


async def test_a_slow_model_is_waited_for_once_and_not_for_each_playlist() -> None:
    many = tuple(PROPOSALS[0].model_copy(update={"number": n, "name": f"Name {n}"}) for n in range(1, 61))
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):  # a drop now and then, so that no pause is long
            await response.write(b" ")
            await asyncio.sleep(0.05)
        return response

    async with model(handler) as settings:
        started = time.monotonic()
        impatient = settings.model_copy(update={"llm_timeout_s": 0.3})
        named, note = await language_model.rename(impatient, many, [()] * 60, 1)
    assert time.monotonic() - started < 2.0
    assert (named, asked) == (many, 1)
    assert note == "The language model did not answer in time, so 60 of 60 names come from tags."


async def test_what_was_answered_before_the_time_was_over_counts() -> None:
    many = tuple(PROPOSALS[0].model_copy(update={"number": n, "name": f"Name {n}"}) for n in range(1, 31))
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.Response:
        told = json.loads((await request.json())["messages"][1]["content"])
        if told[0]["number"] != 1:
            await over.wait()
        answer = json.dumps({"names": {str(item["number"]): f"Song book {chr(96 + item['number'])}" for item in told}})
        return web.json_response({"choices": [{"message": {"content": answer}}]})

    async with model(handler) as settings:
        impatient = settings.model_copy(update={"llm_timeout_s": 0.6})
        named, note = await language_model.rename(impatient, many, [()] * 30, 1)
        over.set()
    assert [proposal.named_by for proposal in named] == ["language_model"] * 20 + ["tags"] * 10
    assert note is not None and "10 of 30" in note


@pytest.mark.parametrize("status", [302, 401, 429, 500])
async def test_refusals_are_no_names(status: int) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "http://127.0.0.1:9/"}, text="{}")

    async with model(handler) as settings:
        named, note = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert named == PROPOSALS and note is not None


async def test_a_dead_model_costs_no_time() -> None:
    async with model(says("{}")) as settings:
        pass
    started = time.monotonic()
    named, note = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert named == PROPOSALS and note is not None
    assert time.monotonic() - started < 1.0


async def test_an_endless_answer_is_not_read_to_the_end() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 65536)
        return response

    async with model(handler) as settings:
        started = time.monotonic()
        named, _ = await language_model.rename(settings, PROPOSALS, EXAMPLES, 1)
    assert named == PROPOSALS and time.monotonic() - started < 3.0


@pytest.mark.parametrize("url", ["", "not an address", "ftp://127.0.0.1/v1", "http://[::1"])
async def test_without_a_usable_address_names_come_from_tags(url: str) -> None:
    named, note = await language_model.rename(Settings(llm_url=url, llm_model="small"), PROPOSALS, EXAMPLES, 1)
    assert named == PROPOSALS and note is not None and "names come from tags" in note
    assert "geheim" not in note and (not url or url not in note)
