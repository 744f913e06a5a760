"""Playlists over HTTP: made, changed, brought back."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.commands import RemoveRemotePlaylist
from shared.events import (
    ClusterRecipe,
    PlaylistDeleted,
    PlaylistSaved,
    PlaylistSynced,
    ServerRemoved,
    TracksRemoved,
)
from shared.messages import derived_id
from tests.given import RUN, SERVER, track
from tests.integration.gateway.api import Answer
from tests.integration.gateway.system import System, analysed, discovered, folder, song
from tests.waiting import until


async def given_tracks(system: System, count: int = 6) -> None:
    songs = [song(number, artist="Odd" if number % 2 else "Even") for number in range(count)]
    seen = await system.tell(folder(), discovered(*songs))
    await system.get("/api/v1/servers", after=seen)


def ids(*numbers: int) -> list[str]:
    return [str(track(number)) for number in numbers]


async def made(system: System, *numbers: int, name: str = "Soul") -> dict[str, Any]:
    answer = await system.api.post("/api/v1/playlists", {"name": name, "track_ids": ids(*numbers)})
    assert answer.status == 201, answer
    body: dict[str, Any] = answer.body
    return body


async def changed(system: System, playlist: dict[str, Any], **change: Any) -> Answer:
    body = {"version": playlist["version"], **change}
    return await system.api.ask("PATCH", f"/api/v1/playlists/{playlist['id']}", body)


async def test_a_playlist_is_made_listed_and_shown(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 3, 1, 2, name='Soul 🎵 / "quoted"')
    assert [item["title"] for item in one["tracks"]] == ["Song 0003", "Song 0001", "Song 0002"]
    assert (one["version"], one["kind"], one["action"], one["track_count"]) == (1, "manual", "created", 3)
    await made(system, 0, name="Ärger")
    listed = await system.get("/api/v1/playlists", limit=1)
    rest = await system.get("/api/v1/playlists", cursor=listed["next_cursor"])
    assert {listed["items"][0]["id"], *(item["id"] for item in rest["items"])} >= {one["id"]}
    assert len(rest["items"]) == 1
    (tile,) = next(item["tiles"] for item in (*listed["items"], *rest["items"]) if item["id"] == one["id"])
    assert (tile["id"], tile["mood_strip"]) == (one["tracks"][0]["id"], one["tracks"][0]["mood_strip"])
    assert await system.get(f"/api/v1/playlists/{one['id']}") == {**one, "position": None}


async def test_a_change_needs_the_version_that_was_seen(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2, 3)
    renamed = await changed(system, one, name="Late soul")
    assert (renamed.status, renamed.body["name"], renamed.body["version"]) == (200, "Late soul", 2)
    late = await changed(system, one, locked=True)
    assert (late.status, late.body["reason"], late.body["version"]) == (409, "changed", 2)
    locked = await changed(system, renamed.body, locked=True)
    assert (locked.body["locked"], locked.body["action"]) == (True, "locked")
    same = await changed(system, locked.body, locked=True, name="Late soul")
    assert (same.status, same.body["version"]) == (200, 3), "what changes nothing makes no version"


async def test_tracks_are_reordered_pinned_and_excluded(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 0, 1, 2, 3)
    answer = await changed(system, one, track_ids=ids(3, 2, 1, 0, 4), pinned=ids(1))
    assert [item["id"] for item in answer.body["tracks"]] == ids(3, 2, 1, 0, 4)
    answer = await changed(system, answer.body, excluded=ids(4), excluded_artists=["odd"])
    assert [item["id"] for item in answer.body["tracks"]] == ids(2, 1, 0), "a pinned track stays"
    assert (answer.body["excluded"], answer.body["excluded_artists"]) == (ids(4), ["odd"])
    versions = (await system.get(f"/api/v1/playlists/{one['id']}/versions"))["items"]
    assert [(item["number"], item["added"], item["removed"]) for item in versions] == [(3, 0, 2), (2, 1, 0), (1, 4, 0)]


async def test_a_change_that_cannot_be_made_is_refused_by_field(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"pinned": ids(9)}, "pinned"),
        ({"pinned": ids(4)}, "pinned"),
        ({"pinned": ids(1), "excluded": ids(1)}, "excluded"),
        ({"track_ids": ids(1, 99)}, "track_ids"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"nmae": "x"}, "nmae"),
        ({"version": 0}, "version"),
    ]
    for change, field in refused:
        answer = await changed(system, one, **change)
        assert answer.status == 422, change
        assert [item["field"] for item in answer.body["errors"]] == [field]


async def test_a_deleted_playlist_comes_back_as_any_of_its_versions(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2)
    two = (await changed(system, one, track_ids=ids(3), name="Other")).body
    path = f"/api/v1/playlists/{one['id']}"
    assert (await system.api.delete(path)).status == 202
    assert (await system.get("/api/v1/playlists"))["items"] == []
    assert [item["id"] for item in (await system.get("/api/v1/playlists", deleted="true"))["items"]] == [one["id"]]
    assert (await system.get(path))["deleted"] is True
    refused = await changed(system, {**two, "version": 3}, name="x")
    assert (refused.status, refused.body["reason"]) == (409, "deleted")
    assert (await system.api.delete(path)).status == 409
    back = await system.api.post(f"{path}/restore", {"number": 1})
    assert (back.body["name"], back.body["version"], back.body["deleted"]) == ("Soul", 4, False)
    assert [item["id"] for item in back.body["tracks"]] == ids(1, 2)
    versions = (await system.get(f"{path}/versions"))["items"]
    assert (versions[0]["action"], versions[0]["restored"]) == ("restored", 1)
    for number in (4, 99):
        assert (await system.api.post(f"{path}/restore", {"number": number})).status == 422


async def test_of_two_decisions_on_one_version_one_wins(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2)
    refreshed = PlaylistSaved(
        playlist_id=UUID(one["id"]),
        number=2,
        name="Refreshed",
        recipe=ClusterRecipe(clustering_id=RUN, number=1),
        track_ids=(track(5),),
        action="refreshed",
    )
    event = PlaylistDeleted(playlist_id=UUID(one["id"]), number=2)
    await system.tell(refreshed)
    with pytest.raises(Exception, match="changed in the meantime"):
        await system.gateway.decisions.take(event)
    assert (await system.get(f"/api/v1/playlists/{one['id']}"))["name"] == "Refreshed"


async def test_tracks_that_no_library_has_any_more_are_flagged(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2)
    seen = await system.tell(TracksRemoved(run_id=RUN, server_id=SERVER, track_ids=(track(2),)))
    found = await system.get(f"/api/v1/playlists/{one['id']}", after=seen)
    assert [item["gone"] for item in found["tracks"]] == [False, True]
    answer = await changed(system, found, name="Still here", track_ids=ids(2, 1))
    assert answer.status == 200, "a track that is gone may stay where it was"


async def test_links_are_shown_while_their_server_is_there_and_removed_on_demand(system: System) -> None:
    await given_tracks(system)
    one = await made(system, 1, 2)
    synced = PlaylistSynced(
        run_id=RUN,
        playlist_id=UUID(one["id"]),
        server_id=SERVER,
        number=1,
        remote_id="r1",
        remote_name="Soul",
        action="created",
        written=2,
    )
    seen = await system.tell(synced)
    found = await system.get(f"/api/v1/playlists/{one['id']}", after=seen)
    link = found["links"][0]
    assert (link["server_name"], link["state"], link["remote_id"], link["number"]) == ("Music", "synced", "r1", 1)
    answer = await system.api.ask("DELETE", f"/api/v1/playlists/{one['id']}", remote="true")
    assert answer.status == 202
    assert await ordered(system) == [RemoveRemotePlaylist.wire_type]
    seen = await system.tell(ServerRemoved(server_id=SERVER))
    assert (await system.get(f"/api/v1/playlists/{one['id']}", after=seen))["links"] == []


async def ordered(system: System) -> list[str]:
    """Types of the commands that wait for the syncer."""
    streams = system.gateway.streams
    found: list[str] = []
    for key in streams.keys.work_streams("syncer"):
        entries: Any = await streams.client.xrange(key)
        found += [fields[b"type"].decode() for _, fields in entries]
    return found


async def test_a_playlist_of_what_sounds_alike_keeps_its_recipe(system: System) -> None:
    await system.tell(folder(), discovered(*(song(number) for number in range(8))), *(analysed(n) for n in range(7)))

    async def indexed() -> bool:
        return bool((await system.get("/api/v1/status"))["index"]["vectors"] == 7)

    await until(indexed, "all are in the index")
    answer = await system.api.post("/api/v1/playlists", {"name": "Like", "similar_to": ids(2, 4), "n": 5})
    assert answer.status == 201
    assert answer.body["recipe"] == {"kind": "similar", "track_ids": ids(2, 4), "n": 5}
    found = [item["id"] for item in answer.body["tracks"]]
    assert found[:2] == ids(2, 4)
    assert len(set(found)) == len(found) == 5
    refused = await system.api.post("/api/v1/playlists", {"name": "Like", "similar_to": ids(7)})
    assert (refused.status, refused.body["reason"]) == (409, "not_analysed")
    refused = await system.api.post("/api/v1/playlists", {"name": "Like", "similar_to": [str(uuid4())]})
    assert refused.body["errors"][0]["field"] == "similar_to"
    for body in ({"name": "Both", "similar_to": ids(1), "track_ids": ids(1)}, {"name": "None"}):
        assert (await system.api.post("/api/v1/playlists", body)).status == 422


async def test_twenty_thousand_tracks_fit_into_a_request_and_more_do_not(system: System) -> None:
    await given_tracks(system, 2)
    full = ids(0, 1) * 10_000

    async def send(name: str, track_ids: list[str]) -> tuple[int, Any]:
        """Without a check of the whole answer, which takes longer than the answer itself."""
        body = io.BytesIO(json.dumps({"name": name, "track_ids": track_ids}).encode())
        headers = {**system.api.headers, "Content-Type": "application/json"}
        async with system.api.client.post("/api/v1/playlists", data=body, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    status, made = await send("Long", full)
    assert (status, made["track_count"]) == (201, 20_000)
    status, problem = await send("Long", [*full, full[0]])
    assert (status, problem["errors"][0]["field"]) == (422, "track_ids")
    assert (await send("x" * 5_000_000, []))[0] == 413


async def test_what_is_not_there_is_not_found(system: System) -> None:
    for path in (f"/api/v1/playlists/{uuid4()}", "/api/v1/playlists/x", f"/api/v1/playlists/{uuid4()}/versions"):
        assert (await system.api.get(path)).status == 404
    gone = {"id": derived_id("nothing"), "version": 1}
    assert (await changed(system, gone, name="x")).status == 404
