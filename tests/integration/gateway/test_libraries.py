"""Connecting and disconnecting libraries."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

from cryptography.fernet import Fernet
from pydantic import SecretStr

from shared import secrets
from shared.events import EVENTS, ServerAdded
from shared.settings import Settings
from shared.upcasts import read
from tests.given import RUN, SERVER
from tests.integration.gateway.conftest import gateway
from tests.integration.gateway.system import System, asked, discovered, folder, song
from tests.waiting import until


def subsonic(**fields: object) -> dict[str, object]:
    return {
        "type": "subsonic",
        "name": "Nas",
        "url": "http://127.0.0.1:9/",
        "username": "ann",
        "password": "s3cret-word",
        **fields,
    }


async def test_a_folder_is_connected_and_seen_at_its_position(system: System, music: Path) -> None:
    added = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": f"{music}/"})
    assert added.status == 201
    assert added.headers["Location"] == f"/api/v1/servers/{added.body['id']}"
    assert (added.body["path"], added.body["track_count"]) == (str(music), 0)

    listed = await system.get("/api/v1/servers", after=added.body["position"])
    assert [server["id"] for server in listed["items"]] == [added.body["id"]]
    shown = await system.get(added.headers["Location"])
    assert shown == {key: value for key, value in added.body.items() if key != "position"}


async def test_the_same_folder_is_not_connected_twice(system: System, music: Path) -> None:
    first = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(music)})
    second = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Again", "path": f"{music}/../music"})
    assert second.status == 409
    assert second.body["server_id"] == first.body["id"]


async def test_a_folder_that_is_missing_is_refused_by_name_and_reason(system: System, music: Path) -> None:
    answer = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(music / "no")})
    assert answer.status == 422
    assert answer.body["errors"][0]["field"] == "path"
    assert str(music / "no") in answer.body["detail"]

    untested = {"type": "folder", "name": "Home", "path": str(music / "no"), "test": False}
    assert (await system.api.post("/api/v1/servers", untested)).status == 201


async def test_each_wrong_field_is_named(system: System) -> None:
    answer = await system.api.post("/api/v1/servers", {"type": "folder", "name": " ", "path": "music", "colour": 1})
    assert answer.status == 422
    assert {error["field"] for error in answer.body["errors"]} == {"name", "path", "colour"}

    answer = await system.api.post("/api/v1/servers", subsonic(url="ftp://nas", password=""))
    assert {error["field"] for error in answer.body["errors"]} == {"url", "password"}

    answer = await system.api.post("/api/v1/servers", subsonic(url="http://ann:pw@nas"))
    assert "fields of their own" in answer.body["detail"]

    answer = await system.api.post("/api/v1/servers", {"type": "floppy"})
    assert answer.status == 422


async def test_a_test_reports_what_it_found_and_adds_nothing(system: System, music: Path) -> None:
    good = await system.api.post("/api/v1/servers/test", {"type": "folder", "name": "Home", "path": str(music)})
    assert (good.status, good.body["ok"], good.body["tracks_seen"]) == (200, True, 3)
    bad = await system.api.post("/api/v1/servers/test", subsonic())
    assert (bad.status, bad.body["ok"]) == (200, False)
    assert (await system.get("/api/v1/servers"))["items"] == []


async def test_a_password_is_encrypted_and_shown_nowhere(system: System) -> None:
    answer = await system.api.post("/api/v1/servers", subsonic(test=False))
    assert answer.status == 201
    [entry] = await system.gateway.streams.log.page(0, 10)
    event = read(EVENTS, entry.raw).message
    assert isinstance(event, ServerAdded)
    assert event.secret_id is not None
    listed = await system.get("/api/v1/servers", after=answer.body["position"])
    async with system.gateway.reading() as connection:
        kept = await connection.fetch("SELECT * FROM secrets")
        archived = await connection.fetch("SELECT * FROM event_log")
    assert "s3cret-word" not in repr((answer, entry, listed, kept, archived))
    assert await secrets.load(system.gateway.pool, system.settings, event.secret_id) == "s3cret-word"


async def test_a_password_in_a_wrong_body_is_not_repeated(system: System) -> None:
    answer = await system.api.post("/api/v1/servers", subsonic(url=1, password=["s3cret-word"]))
    assert answer.status == 422
    assert "s3cret-word" not in repr(answer)


async def test_a_removed_library_takes_its_tracks_and_its_password_along(system: System) -> None:
    added = await system.api.post("/api/v1/servers", subsonic(test=False))
    server = added.body["id"]
    seen = await system.tell(discovered(song(1), server=server))
    assert (await system.get("/api/v1/tracks", after=seen))["total"] == 1

    removed = await system.api.delete(f"/api/v1/servers/{server}")
    assert removed.status == 202
    assert (await system.get("/api/v1/tracks", after=removed.body["position"]))["total"] == 0
    assert (await system.api.get(f"/api/v1/servers/{server}")).status == 404
    assert (await system.api.delete(f"/api/v1/servers/{server}")).status == 404
    async with system.gateway.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM secrets") == 0

    again = await system.api.post("/api/v1/servers", subsonic(test=False))
    assert again.status == 201
    assert again.body["id"] != server


async def test_the_run_of_a_removed_library_ends_with_it(system: System) -> None:
    other = uuid4()
    both = uuid4()
    seen = await system.tell(folder(), folder("/other", other, "Other"), *asked(), *asked(both, (SERVER, other)))
    assert (await system.get(f"/api/v1/runs/{RUN}", after=seen))["state"] == "running"
    removed = await system.api.delete(f"/api/v1/servers/{SERVER}")
    assert (await system.get(f"/api/v1/runs/{RUN}", after=removed.body["position"]))["state"] == "cancelled"
    assert (await system.get(f"/api/v1/runs/{both}"))["state"] == "running"
    assert await system.gateway.streams.run_states([RUN, both]) == {RUN: "cancelled"}


async def test_of_two_gateways_that_connect_a_folder_at_once_one_wins(system: System, music: Path) -> None:
    body = {"type": "folder", "name": "Home", "path": str(music)}
    async with gateway(system.settings) as other:
        await until(lambda: _trusted(other), "the second gateway has looked at its stores")
        answers = await asyncio.gather(*(one.api.post("/api/v1/servers", body) for one in (system, other) * 3))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409, 409, 409]
    [winner] = [answer for answer in answers if answer.status == 201]
    assert {answer.body["server_id"] for answer in answers if answer.status == 409} == {winner.body["id"]}


async def _trusted(system: System) -> bool:
    return system.gateway.intake.trusted


async def test_without_a_key_for_secrets_the_answer_says_what_to_set(settings: Settings) -> None:
    keyless = settings.model_copy(update={"secret_key": SecretStr("")})
    from tests.integration.gateway.conftest import is_ready, projector

    async with projector(keyless), gateway(keyless) as system:
        await until(lambda: is_ready(system), "the gateway is ready")
        answer = await system.api.post("/api/v1/servers", subsonic(test=False))
    assert (answer.status, answer.body["reason"]) == (503, "not_configured")
    assert "STARLING_SECRET_KEY" in answer.body["detail"]


async def test_a_library_whose_password_cannot_be_read_says_so_when_played(system: System) -> None:
    added = await system.api.post("/api/v1/servers", subsonic(test=False))
    seen = await system.tell(discovered(song(1), server=added.body["id"]))
    track = (await system.get("/api/v1/tracks", after=seen))["items"][0]
    other_key = system.settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
    system.gateway.adapters._settings = other_key
    answer = await system.api.get(f"/api/v1/tracks/{track['id']}/audio")
    assert (answer.status, answer.body["reason"]) == (502, "credentials_unreadable")
