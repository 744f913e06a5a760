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
from tests.integration.gateway.api import Answer
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


async def test_the_surroundings_of_the_machine_are_no_library(system: System) -> None:
    for url in ("http://169.254.169.254/latest/meta-data", "http://[fd00:ec2::254]/", "http://[::ffff:169.254.1.1]:80"):
        for fields in ({}, {"test": False}):
            answer = await system.api.post("/api/v1/servers", subsonic(url=url, **fields))
            assert (answer.status, answer.body["errors"][0]["field"]) == (422, "url"), url
    # Seen only when the name is looked up, at the test of the connection.
    hidden = await system.api.post("/api/v1/servers/test", subsonic(url="http://0xa9fea9fe/"))
    assert "no media server can have" in str(hidden.body)


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


async def changed(system: System, server: str, **change: object) -> Answer:
    return await system.api.ask("PATCH", f"/api/v1/servers/{server}", change)


async def test_servers_of_every_kind_are_connected_by_password_or_token(system: System) -> None:
    url = "http://127.0.0.1:9"
    logins: list[tuple[str, dict[str, object], tuple[str | None, str]]] = [
        ("subsonic", {"username": "ann", "password": "p"}, ("ann", "password")),
        ("jellyfin", {"username": "ann", "password": "p"}, ("ann", "password")),
        ("emby", {"token": "k", "username": "bob"}, ("bob", "token")),
        ("lyrion", {}, (None, "password")),
        ("plex", {"token": "k"}, (None, "token")),
    ]
    for kind, login, (username, way) in logins:
        body = {"type": kind, "name": kind, "url": url, "libraries": ["7", "9"], "test": False, **login}
        answer = await system.api.post("/api/v1/servers", body)
        assert answer.status == 201, answer
        assert (answer.body["username"], answer.body["login"], answer.body["libraries"]) == (username, way, ["7", "9"])
        shown = await system.get(answer.headers["Location"], after=answer.body["position"])
        assert shown == {key: value for key, value in answer.body.items() if key != "position"}
    for kind, wrong in (("jellyfin", {}), ("emby", {"password": "p"}), ("plex", {"username": "ann"})):
        refused = await system.api.post("/api/v1/servers", {"type": kind, "name": kind, "url": url, **wrong})
        assert refused.status == 422, kind


async def test_a_server_is_changed_and_keeps_what_is_not_named(system: System) -> None:
    added = await system.api.post("/api/v1/servers", subsonic(test=False))
    server = added.body["id"]
    await system.get(f"/api/v1/servers/{server}", after=added.body["position"])
    renamed = await changed(system, server, name="Attic", libraries=["1"], test=False)
    assert (renamed.status, renamed.body["name"], renamed.body["libraries"]) == (200, "Attic", ["1"])
    assert (renamed.body["url"], renamed.body["username"]) == ("http://127.0.0.1:9", "ann")
    moved = await changed(system, server, url="http://127.0.0.1:10", password="n3w-word", libraries=[], test=False)
    assert (moved.body["url"], moved.body["libraries"], moved.body["name"]) == ("http://127.0.0.1:10", None, "Attic")
    async with system.gateway.reading() as connection:
        [secret] = await connection.fetch("SELECT secret_id FROM servers")
        assert await connection.fetchval("SELECT count(*) FROM secrets") == 1
    assert await secrets.load(system.gateway.pool, system.settings, secret["secret_id"]) == "n3w-word"

    refused = await changed(system, server, username="bob")
    assert (refused.status, refused.body["reason"]) == (422, "server_unusable"), "a change is tested first"
    tested = await system.api.post("/api/v1/servers/test", {"server_id": server, "username": "bob"})
    assert (tested.status, tested.body["ok"], tested.body["libraries"]) == (200, False, [])
    assert (await changed(system, str(uuid4()), name="x")).status == 404


async def test_an_address_that_was_left_can_be_taken_and_one_that_is_taken_cannot(system: System) -> None:
    one = (await system.api.post("/api/v1/servers", subsonic(test=False))).body["id"]
    other = subsonic(url="http://127.0.0.1:11", test=False)
    two = await system.api.post("/api/v1/servers", other)
    await system.get("/api/v1/servers", after=two.body["position"])
    taken = await changed(system, two.body["id"], url="http://127.0.0.1:9", test=False)
    assert (taken.status, taken.body["server_id"]) == (409, one)
    assert (await changed(system, one, url="http://127.0.0.1:12", test=False)).status == 200
    assert (await changed(system, two.body["id"], url="http://127.0.0.1:9", test=False)).status == 200
    assert (await system.api.post("/api/v1/servers", other)).status == 201


async def test_a_kind_of_server_refuses_what_it_does_not_know(system: System, music: Path) -> None:
    home = await system.api.post("/api/v1/servers", {"type": "folder", "name": "Home", "path": str(music)})
    nas = await system.api.post("/api/v1/servers", subsonic(test=False))
    await system.get("/api/v1/servers", after=nas.body["position"])
    for server, change, field in (
        (home.body["id"], {"url": "http://nas"}, "url"),
        (nas.body["id"], {"token": "k"}, "token"),
        (nas.body["id"], {"path": "/music"}, "path"),
    ):
        answer = await changed(system, server, **change)
        assert (answer.status, answer.body["errors"][0]["field"]) == (422, field)
    renamed = await changed(system, home.body["id"], name="Attic")
    assert (renamed.status, renamed.body["name"], renamed.body["path"]) == (200, "Attic", str(music))
