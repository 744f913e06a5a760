"""SQL and its relatives: nothing that is sent to the API is taken for a statement, a pattern, or more than its text."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterable

import aiohttp
import pytest
from yarl import URL

from tests.attacks.described import Attempt, Described
from tests.attacks.hostile import STRINGS
from tests.attacks.house import House
from tests.servers import connect

AT_ONCE = 4
LEFT_ALONE = ("/api/v1/live",)
"""Answers as long as somebody listens; its parameters are those of every GET."""


async def described(house: House) -> Described:
    """What this house can be asked, with ids that it knows."""
    track = (await house.starling.get("/api/v1/tracks"))["items"][0]
    run = (await house.starling.get("/api/v1/runs"))["items"][0]
    _, playlist = await house.call("POST", "/api/v1/playlists", {"name": "Victim", "track_ids": [track["id"]]})
    known = {
        "track_id": track["id"],
        "run_id": run["id"],
        "playlist_id": playlist["id"],
        "letter_id": "1-0",
    }
    return Described(await house.starling.get("/openapi.json"), known)


async def send(session: aiohttp.ClientSession, house: House, attempt: Attempt) -> int:
    # JSON can say what is no text: halves of surrogate pairs go out as \\ud800, not as bytes.
    body = None if attempt.body is None else json.dumps(attempt.body).encode()
    address = URL(house.starling.url + attempt.path, encoded=True)
    headers = {"Content-Type": "application/json"} if body else {}
    async with session.request(attempt.method, address, data=body, headers=headers) as answer:
        text = await answer.read()
        return 599 if b"asyncpg" in text or b"Traceback" in text else answer.status


async def all_sent(house: House, attempts: Iterable[Attempt]) -> list[tuple[int, Attempt]]:
    """Send all, some at a time; those that were answered as a fault of ours."""
    waiting, faults = iter(attempts), list[tuple[int, Attempt]]()

    async def work(session: aiohttp.ClientSession) -> None:
        for attempt in waiting:
            status = await send(session, house, attempt)
            if status >= 500:
                faults.append((status, attempt))

    async with house.starling.session() as session:
        await asyncio.gather(*(work(session) for _ in range(AT_ONCE)))
    return faults


async def tables(house: House) -> dict[str, int]:
    """Every table of the database, and how many columns it has."""
    connection = await connect(house.starling.settings())
    try:
        rows = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name, count(*) AS n FROM information_schema.columns"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') GROUP BY 1"
        )
        return {row["name"]: row["n"] for row in rows}
    finally:
        await connection.close()


@pytest.mark.parametrize("string", STRINGS, ids=lambda string: ascii(string)[:24])
async def test_no_string_in_any_parameter_or_body_is_executed_or_a_fault(house: House, string: str) -> None:
    before = await tables(house)
    attempts = [one for one in (await described(house)).attempts((string,)) if not one.path.startswith(LEFT_ALONE)]
    faults = await all_sent(house, attempts)
    assert len(attempts) > 50
    assert faults == []
    assert await tables(house) == before
    assert (await house.starling.get("/readyz"))["ready"], "something that was written down stops the projector"


FORGED = (
    "",
    "!",
    "null",
    "[]",
    '["\\u0000", "01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"]',
    '["\\ud800", "01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"]',
    '["0001-01-01T00:00:00+23:00", "01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"]',
    '["9999-12-31T23:59:59-23:00", "01a2063c-1203-7a33-9b7a-d0d3ad7f32fd"]',
    '["2026-01-01", "x\' OR 1=1"]',
    '["01a2063c-1203-7a33-9b7a-d0d3ad7f32fd", 1e999]',
    '["01a2063c-1203-7a33-9b7a-d0d3ad7f32fd", ' + "9" * 900 + "]",
    '["01a2063c-1203-7a33-9b7a-d0d3ad7f32fd", -1]',
    '["01a2063c-1203-7a33-9b7a-d0d3ad7f32fd", true]',
    '["9999999999999999999-9999999999999999999"]',
    '["0-0 DEL x"]',
    '["\\u0000"]',
    "[" * 1400,
    '[{"$gt": ""}, []]',
)
"""What was never a place in a list; encoded as cursors are."""


@pytest.mark.parametrize("forged", FORGED, ids=lambda text: ascii(text)[:40])
async def test_a_forged_cursor_is_refused_or_leads_nowhere(house: House, forged: str) -> None:
    cursor = base64.urlsafe_b64encode(forged.encode()).decode().rstrip("=")
    forms = (cursor, f"{cursor}A", f"{cursor}%00")
    addresses = [*(await described(house)).cursors()]
    attempts = [Attempt("GET", f"{address}?cursor={form}") for address in addresses for form in forms]
    assert len(attempts) > 15
    assert await all_sent(house, attempts) == []


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("100%", 1),
        ("%", 1),
        ("_", 2),
        ("l_ve", 0),
        ("love_s_ng", 0),
        ("\\", 1),
        ("'quoted'", 1),
        ("%%", 0),
        ("\x00", None),
    ],
)
async def test_signs_of_a_pattern_are_searched_as_they_are(house: House, words: str, found: int | None) -> None:
    folder = (await house.starling.get("/api/v1/servers"))["items"][0]["id"]
    query = str(URL.build(query={"query": words, "server_id": folder}))
    answer = await house.starling.get(f"/api/v1/tracks{query}")
    titles = [item["title"] for item in answer["items"] if words in item["title"]]
    assert found is None or len(answer["items"]) == len(titles) == found
